"""Which proofs there are, and which can be taken in this city."""

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from services.identity.proofs.domain import ID_CARD, KINDS, Kind
from services.identity.proofs.verifiers import NOT_TAKEN
from services.identity.web import TheDesk
from shared.web.authentication import public

router = APIRouter(tags=["registration"], dependencies=[Depends(public("what one registers with is public"))])


class ProofKind(BaseModel):
    """A kind of proof (国办函〔2016〕108号). `why_not`: why it cannot be taken here."""

    kind: Kind
    always: bool
    taken: bool
    why_not: str | None


@router.get("/proofs", summary="The proofs one registers with: the identity card, always, and two others")
async def list_proofs(desk: TheDesk) -> list[ProofKind]:
    return [
        ProofKind(kind=kind, always=kind == ID_CARD, taken=kind in desk.verifiers, why_not=NOT_TAKEN.get(kind))
        for kind in KINDS
    ]
