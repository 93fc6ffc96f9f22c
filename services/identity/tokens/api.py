"""The token endpoint (RFC 6749 section 3.2) and giving up refresh tokens (RFC 7009). Errors are OAuth's."""

from typing import Annotated, TypeVar, get_args

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field, ValidationError

from services.identity import policy
from services.identity.accounts.domain import Client
from services.identity.desk import Desk
from services.identity.oauth import InvalidClient, OAuthError
from services.identity.tokens import commands
from services.identity.tokens.authentication import Proof, authenticated
from services.identity.tokens.domain import VERIFIER_PATTERN
from services.identity.tokens.issuing import TOKEN_LIFE
from services.identity.web import TheDesk, Visitor
from shared.caller import Caller, Power
from shared.contracts.acts import Actor
from shared.web.authentication import public, requires

FORM = "application/x-www-form-urlencoded"
GRANTS = ("authorization_code", "refresh_token", "client_credentials")
router = APIRouter(tags=["tokens"])
clients = Depends(public("clients prove here who they are"))


class _ClientForm(BaseModel):
    """How a client proves who it is, beside HTTP Basic."""

    client_id: str = Field(default="", max_length=64)
    client_assertion_type: str = ""
    client_assertion: str = ""

    def proof(self, request: Request) -> Proof:
        """With the request's header. Raises `OAuthError` where there are two: others may believe the other one."""
        if len(headers := request.headers.getlist("authorization")) > 1:
            raise OAuthError("one way to prove who the client is, not two")
        return Proof(next(iter(headers), None), self.client_id, self.client_assertion_type, self.client_assertion)


class TokenForm(_ClientForm):
    """`authorization_code` needs code, redirect_uri and code_verifier, `refresh_token` needs refresh_token."""

    grant_type: str = Field(description="`authorization_code`, `refresh_token` or `client_credentials`")
    code: str = Field(default="", max_length=200)
    redirect_uri: str = ""
    code_verifier: str = Field(default="", pattern=VERIFIER_PATTERN, validate_default=False)
    refresh_token: str = Field(default="", max_length=200)
    scope: str = Field(default="", max_length=500)


class RevocationForm(_ClientForm):
    """A refresh token that is not needed any more."""

    token: str = Field(max_length=4096)


class Tokens(BaseModel):
    """The answer of RFC 6749 section 5.1 and OpenID Connect Core section 3.1.3.3."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - the kind of token
    expires_in: int = int(TOKEN_LIFE.total_seconds())
    scope: str
    refresh_token: str | None = None
    id_token: str | None = None


F = TypeVar("F", bound=_ClientForm)


def _documented(form: type[BaseModel]) -> dict[str, object]:
    return {"requestBody": {"required": True, "content": {FORM: {"schema": form.model_json_schema()}}}}


@router.post(
    "/token",
    summary="Tokens for a code, for a refresh token, or for a program",
    dependencies=[clients],
    response_model=Tokens,
    openapi_extra=_documented(TokenForm),
)
async def token(request: Request, desk: TheDesk, by: Visitor) -> JSONResponse:
    desk.keyring.ready()  # while there is none, no code or refresh token is used up
    try:
        form = await _read(request, TokenForm)
        _whole(form)
        client = await authenticated(desk, form.proof(request))
        by = _program(by, client)
        given = await _granted(desk, by, client, form)
    except OAuthError as error:
        return await _refused(desk, by, error)
    answer = Tokens(access_token=given.access, scope=given.scope, refresh_token=given.refresh, id_token=given.identity)
    return JSONResponse(answer.model_dump(exclude_none=True), headers={"Pragma": "no-cache"})


@router.post(
    "/revoke",
    summary="Give a refresh token up (RFC 7009)",
    dependencies=[clients],
    response_class=Response,
    openapi_extra=_documented(RevocationForm),
)
async def revoke(request: Request, desk: TheDesk, by: Visitor) -> Response:
    try:
        form = await _read(request, RevocationForm)
        client = await authenticated(desk, form.proof(request))
        await commands.give_up(desk, _program(by, client), client, form.token)
    except OAuthError as error:
        return await _refused(desk, by, error)
    return Response(status_code=200)


@router.get("/userinfo", summary="Who signed in, as far as the application may know (OpenID Connect Core section 5.3)")
@router.post("/userinfo", summary="The same, asked with POST")
async def userinfo(
    caller: Annotated[Caller, Depends(requires(policy.may_be_told_of, *get_args(Power), scope="openid"))], desk: TheDesk
) -> dict[str, str]:
    return await commands.told_about(desk, caller)


async def _read(request: Request, model: type[F]) -> F:
    """The form that was sent; anything wrong with it is OAuth's `invalid_request`."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise OAuthError(f"the body must be {FORM}")
    sent = (await request.form()).multi_items()
    if len({name for name, _ in sent}) < len(sent):
        raise OAuthError("a parameter came twice")
    try:
        return model.model_validate(dict(sent))
    except ValidationError as error:
        wrong = ", ".join(str(fault["loc"][0]) for fault in error.errors())
        raise OAuthError(f"missing or wrong: {wrong}") from None


def _program(by: Actor, client: Client) -> Actor:
    return by.model_copy(update={"kind": client.kind, "account": client.code, "client": client.code})


async def _refused(desk: Desk, by: Actor, error: OAuthError) -> JSONResponse:
    await commands.note_refusal(desk, by, error)
    headers = {"WWW-Authenticate": 'Basic realm="tongban"'} if isinstance(error, InvalidClient) else None
    return JSONResponse({"error": error.code, "error_description": error.detail}, error.status, headers)


def _whole(form: TokenForm) -> None:
    """Raises `OAuthError` for what no client can be given anything for."""
    if form.grant_type == "authorization_code" and not (form.code and form.redirect_uri and form.code_verifier):
        raise OAuthError("code, redirect_uri and code_verifier are needed")
    if form.grant_type == "refresh_token" and not form.refresh_token:
        raise OAuthError("refresh_token is needed")
    if form.grant_type not in GRANTS:
        raise OAuthError("no such way to a token", code="unsupported_grant_type")


async def _granted(desk: Desk, by: Actor, client: Client, form: TokenForm) -> commands.Given:
    if form.grant_type == "client_credentials":
        return await commands.client_token(desk, by, client, form.scope)
    if form.grant_type == "authorization_code":
        return await commands.redeem_code(desk, by, client, form.code, form.redirect_uri, form.code_verifier)
    return await commands.refresh(desk, by, client, form.refresh_token, form.scope)
