"""The token endpoint (RFC 6749 section 3.2). Its errors are OAuth's, not problems."""

import base64
import binascii
from typing import Annotated
from urllib.parse import unquote_plus

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, ValidationError

from services.identity.desk import Desk
from services.identity.signin import commands
from services.identity.signin.domain import VERIFIER_PATTERN, InvalidClient, OAuthError
from services.identity.web import TheDesk
from shared.web.authentication import public

FORM = "application/x-www-form-urlencoded"
router = APIRouter(tags=["sign-in"], dependencies=[Depends(public("programs prove here who they are"))])


class TokenForm(BaseModel):
    """`authorization_code` needs all but the secret of the header; `client_credentials` needs only the header."""

    grant_type: str = Field(description="`authorization_code` or `client_credentials`")
    client_id: str = ""
    code: str = Field(default="", max_length=200)
    redirect_uri: str = ""
    code_verifier: str = Field(default="", pattern=VERIFIER_PATTERN, validate_default=False)


class Token(BaseModel):
    """The answer of RFC 6749 section 5.1."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - the kind of token
    expires_in: int = int(commands.TOKEN_LIFE.total_seconds())


@router.post(
    "/token",
    summary="An access token for a code or for a client's secret",
    response_model=Token,
    openapi_extra={"requestBody": {"required": True, "content": {FORM: {"schema": TokenForm.model_json_schema()}}}},
)
async def token(
    request: Request, desk: TheDesk, authorization: Annotated[str | None, Header(include_in_schema=False)] = None
) -> JSONResponse:
    try:
        granted = await _granted(desk, await _form(request), authorization)
    except OAuthError as error:
        headers = {"WWW-Authenticate": 'Basic realm="tongban"'} if isinstance(error, InvalidClient) else None
        return JSONResponse({"error": error.code, "error_description": error.detail}, error.status, headers)
    return JSONResponse(Token(access_token=granted).model_dump(), headers={"Pragma": "no-cache"})


async def _form(request: Request) -> TokenForm:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise OAuthError(f"the body must be {FORM}")
    sent = (await request.form()).multi_items()
    if len({name for name, _ in sent}) < len(sent):
        raise OAuthError("a parameter came twice")
    try:
        return TokenForm.model_validate(dict(sent))
    except ValidationError as error:
        wrong = ", ".join(str(fault["loc"][0]) for fault in error.errors())
        raise OAuthError(f"missing or wrong: {wrong}") from None


async def _granted(desk: Desk, form: TokenForm, authorization: str | None) -> str:
    if form.grant_type == "client_credentials":
        return await commands.client_token(desk, *_basic(authorization))
    if form.grant_type != "authorization_code":
        raise OAuthError("no such way to a token", code="unsupported_grant_type")
    if authorization is not None:
        raise InvalidClient("applications have no secret to show")
    if not (form.client_id and form.code and form.redirect_uri and form.code_verifier):
        raise OAuthError("client_id, code, redirect_uri and code_verifier are needed")
    return await commands.redeem_code(desk, form.client_id, form.code, form.redirect_uri, form.code_verifier)


def _basic(authorization: str | None) -> tuple[str, str]:
    """Name and secret of `Authorization: Basic`, both form-encoded inside it (RFC 6749 section 2.3.1)."""
    scheme, _, encoded = (authorization or "").partition(" ")
    try:
        name, separator, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        name = separator = secret = ""
    if scheme.lower() != "basic" or not separator:
        raise InvalidClient("this needs the client's name and secret (HTTP Basic)")
    return unquote_plus(name), unquote_plus(secret)
