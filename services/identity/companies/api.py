"""Companies over HTTP: their representatives register them, an operator puts them, anybody may know the name."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel

from services.identity import policy
from services.identity.companies import commands, store
from services.identity.companies.commands import ClaimWish, CompanyWish
from services.identity.companies.domain import CLAIM, Claim, ClaimState, Company, company_id
from services.identity.web import ActingOperator, TheDesk, doing
from shared.audit.actors import Doing
from shared.caller import Caller
from shared.errors import NotFound
from shared.numbers import CREDIT_CODE_LETTERS
from shared.web.authentication import public, requires
from shared.web.idempotency import IdempotencyKey, derive
from shared.web.preconditions import IfMatch, tell_kept

router = APIRouter(tags=["companies"])
Code = Annotated[str, Path(pattern=rf"^[{CREDIT_CODE_LETTERS}]{{18}}$")]
Representative = Annotated[Caller, Depends(requires(policy.may_represent))]
Claimant = Annotated[Doing, Depends(doing(requires(policy.may_represent)))]


class CompanyView(BaseModel):
    """What anybody may know of a company."""

    code: str
    name: str

    @classmethod
    def of(cls, company: Company) -> "CompanyView":
        return cls(code=company.code, name=company.name)


class KeptCompany(CompanyView):
    """With the account of the person who represents it: for operators."""

    representative: str


class ClaimView(BaseModel):
    """A claim to represent a company. `ground`: why it is refused, a code of the glossary."""

    claim: str
    code: str
    name: str
    state: ClaimState
    ground: str | None
    asked_at: datetime

    @classmethod
    def of(cls, claim: Claim) -> "ClaimView":
        told = claim.model_dump(include={"code", "name", "state", "asked_at"})
        return cls(claim=claim.id, ground=claim.proof.ground, **told)


class MyCompanies(BaseModel):
    """The companies one represents, and what became of one's claims of the last days."""

    companies: list[CompanyView]
    claims: list[ClaimView]


@router.get(
    "/companies/{code}",
    summary="A company by its unified social credit code",
    dependencies=[Depends(public("name and code of a company are public, 企业信息公示暂行条例 Art. 6"))],
)
async def show_company(code: Code, desk: TheDesk) -> CompanyView:
    found = await desk.companies.find(company_id(code))
    if found is None:
        raise NotFound("There is no such company here")
    return CompanyView.of(found)


@router.put("/companies/{code}", summary="Put a company; the same one again changes nothing")
async def keep_company(
    code: Code, wish: CompanyWish, by: ActingOperator, desk: TheDesk, expected: IfMatch, response: Response
) -> KeptCompany:
    company, changed = await commands.keep_company(desk, by, code, wish, expected)
    tell_kept(response, company, changed)
    return KeptCompany(code=company.code, name=company.name, representative=company.representative)


@router.post(
    "/companies",
    status_code=201,
    summary="Register a company as its legal representative; its register is asked",
    responses={200: {"model": ClaimView}},
)
async def claim_company(
    wish: ClaimWish, key: IdempotencyKey, who: Claimant, desk: TheDesk, response: Response
) -> ClaimView:
    claim, new = await commands.claim_company(desk, who.by, derive(CLAIM, who.caller, key), wish)
    response.status_code = 201 if new else 200
    response.headers["Location"] = "/me/companies"
    return ClaimView.of(claim)


@router.get("/me/companies", summary="The companies one represents")
async def my_companies(caller: Representative, desk: TheDesk) -> MyCompanies:
    companies = await store.represented(desk.companies, caller.id)
    claims = await store.claims_of(desk.claims, caller.id)
    return MyCompanies(
        companies=[CompanyView.of(one) for one in companies], claims=[ClaimView.of(one) for one in claims]
    )
