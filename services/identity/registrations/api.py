"""Registering over HTTP: by proofs for programs that people register with, at a window for officers."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from services.identity import policy
from services.identity.desk import Desk
from services.identity.proofs.domain import Proof
from services.identity.registrations import commands
from services.identity.registrations.domain import PREFIX, Registration, State
from services.identity.registrations.wishes import AccountWish, RegistrationWish
from services.identity.web import Address, TheDesk, Visitor, doing
from shared.audit.actors import Doing
from shared.web.authentication import PRIVILEGED_SECONDS, public, requires
from shared.web.idempotency import IdempotencyKey, derive

router = APIRouter(prefix="/registrations", tags=["registration"])
anybody = Depends(public("who registers has no account yet; what one sees needs the registration's secret"))
RegistrationId = Annotated[str, Path(pattern=r"^registration-[a-z2-7]{26}$")]
Secret = Annotated[
    str, Header(alias="Registration-Secret", max_length=200, description="What the answer to POST /registrations gave")
]
PROOF_STATES: dict[str, Literal["waiting", "confirmed", "not-confirmed"]] = {
    "chosen": "waiting",
    "asked": "waiting",
    "confirmed": "confirmed",
    "refused": "not-confirmed",
}


class ProofView(BaseModel):
    """How one proof stands. `ground`: why it is not confirmed, a code of the glossary."""

    kind: str
    state: Literal["waiting", "confirmed", "not-confirmed"]
    ground: str | None

    @classmethod
    def of(cls, proof: Proof) -> "ProofView":
        return cls(kind=proof.kind, state=PROOF_STATES[proof.state], ground=proof.ground)


class RegistrationView(BaseModel):
    """How a registration stands. `known`: the person had an account before; `account` is its id, or the new one's.

    `code_expected`: a code was sent; `login_taken`: somebody else has the login name, choose another one.
    """

    registration: str
    state: State
    proofs: list[ProofView]
    code_expected: bool
    login_taken: bool
    account: str | None

    @classmethod
    def of(cls, one: Registration) -> "RegistrationView":
        return cls(
            registration=one.id,
            state=one.state,
            proofs=[ProofView.of(proof) for proof in one.proofs],
            code_expected=one.expects_code,
            login_taken=one.login_taken,
            account=one.holder,
        )


class Begun(RegistrationView):
    """With the secret that shows it again: for nobody but the person."""

    secret: str


class AtWindow(RegistrationView):
    """`ial`: how sure it is now who the person is."""

    ial: int | None


class Code(BaseModel):
    """The code that was sent."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)
    code: str = Field(min_length=1, max_length=40)


class Login(BaseModel):
    """Another login name."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)
    login: str = Field(min_length=1, max_length=200)


@router.post(
    "",
    status_code=201,
    summary="Register by proofs: the identity card and two others",
    dependencies=[anybody],
    responses={200: {"model": Begun}},
)
async def begin(
    wish: RegistrationWish, key: IdempotencyKey, by: Visitor, address: Address, desk: TheDesk, response: Response
) -> Begun:
    secret = commands.secret_of(desk, key)
    found, new = await commands.register(desk, by, wish, secret, address)
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"/registrations/{found.id}"
    return Begun(**RegistrationView.of(found).model_dump(), secret=secret)


@router.post("/window", status_code=201, summary="Register somebody at a window, or prove an account they have")
async def at_window(
    wish: AccountWish,
    key: IdempotencyKey,
    who: Annotated[Doing, Depends(doing(requires(policy.may_register_people, within=PRIVILEGED_SECONDS)))],
    desk: TheDesk,
    response: Response,
) -> AtWindow:
    found, new = await commands.register_at_window(desk, who, derive(PREFIX, who.caller, key), wish)
    response.status_code = 201 if new else 200
    return AtWindow(**RegistrationView.of(found).model_dump(), ial=await _ial(desk, found))


async def _ial(desk: Desk, found: Registration) -> int | None:
    person = await desk.people.find(found.holder) if found.holder is not None else None
    return person.ial if person is not None else None


@router.get("/{registration}", summary="How a registration stands", dependencies=[anybody])
async def show(registration: RegistrationId, secret: Secret, desk: TheDesk) -> RegistrationView:
    return RegistrationView.of(await commands.shown(desk, registration, secret))


@router.post("/{registration}/code", summary="Type the code that was sent", dependencies=[anybody])
async def enter_code(
    registration: RegistrationId, secret: Secret, body: Code, by: Visitor, desk: TheDesk
) -> RegistrationView:
    await commands.shown(desk, registration, secret)
    return RegistrationView.of(await commands.enter_code(desk, by, registration, body.code.strip()))


@router.post("/{registration}/login", summary="Choose another login name", dependencies=[anybody])
async def choose_login(
    registration: RegistrationId, secret: Secret, body: Login, by: Visitor, desk: TheDesk
) -> RegistrationView:
    await commands.shown(desk, registration, secret)
    return RegistrationView.of(await commands.choose_login(desk, by, registration, body.login))
