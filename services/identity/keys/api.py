"""The keys, and what this issuer can do."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel

from services.identity.desk import Desk
from services.identity.keys import commands
from services.identity.keys.domain import SigningKey, State, state
from services.identity.keys.keyring import jwk
from services.identity.oauth import SCOPES
from services.identity.web import ActingOperator, Operator, TheDesk
from shared.caller import ALGORITHM
from shared.store import Unavailable
from shared.web.authentication import public

CLAIMS = [
    "iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid",
    "name", "locale", "email", "phone_number",
]  # fmt: skip
router = APIRouter(tags=["keys"])
open_to_all = Depends(public("clients find the issuer and its public keys here"))


@router.get("/jwks.json", summary="Public keys (RFC 7517), the next one among them", dependencies=[open_to_all])
async def jwks(desk: TheDesk, response: Response) -> dict[str, list[dict[str, str]]]:
    now = desk.clock.now()
    if not desk.keyring.published:
        raise Unavailable("the signing key is not open yet")
    response.headers["Cache-Control"] = "public, max-age=300"
    rows = desk.keyring.published.values()
    return {"keys": [jwk(row) for row in rows if row.not_after is None or row.not_after > now]}


class Key(BaseModel):
    """A signing key as an operator sees it."""

    kid: str
    state: State
    begins_at: datetime
    not_after: datetime | None


@router.get("/keys", summary="The signing keys, the oldest first")
async def list_keys(_: Operator, desk: TheDesk) -> list[Key]:
    return _shown(desk, await commands.load(desk))


@router.post("/keys/rotate", summary="The next key signs from now on")
async def rotate(by: ActingOperator, desk: TheDesk) -> list[Key]:
    return _shown(desk, await commands.rotate(desk, by))


@router.delete("/keys/{kid}", summary="A key that somebody else may have: it, and what it signed, counts no more")
async def destroy(
    kid: Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{43}$")], by: ActingOperator, desk: TheDesk
) -> list[Key]:
    return _shown(desk, await commands.destroy(desk, by, kid))


def _shown(desk: Desk, keys: list[SigningKey]) -> list[Key]:
    now = desk.clock.now()
    signing = desk.keyring.signing(now)
    return [
        Key(
            kid=key.public.kid,
            state=state(key, signing, now),
            begins_at=key.begins_at,
            not_after=key.public.not_after,
        )
        for key in keys
    ]


@router.get("/.well-known/openid-configuration", summary="What this issuer does", dependencies=[open_to_all])
@router.get("/.well-known/oauth-authorization-server", summary="The same, RFC 8414", dependencies=[open_to_all])
async def metadata(desk: TheDesk) -> dict[str, Any]:
    return {
        "issuer": desk.issuer,
        "authorization_endpoint": f"{desk.issuer}/authorize",
        "token_endpoint": f"{desk.issuer}/token",
        "userinfo_endpoint": f"{desk.issuer}/userinfo",
        "revocation_endpoint": f"{desk.issuer}/revoke",
        "end_session_endpoint": f"{desk.issuer}/logout",
        "jwks_uri": f"{desk.issuer}/jwks.json",
        "scopes_supported": SCOPES,
        "claims_supported": CLAIMS,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "code_challenge_methods_supported": ["S256"],
        **_proofs("token_endpoint"),
        **_proofs("revocation_endpoint"),
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "acr_values_supported": ["aal1", "aal2"],
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "ui_locales_supported": ["zh", "en"],
    }


def _proofs(endpoint: str) -> dict[str, list[str]]:
    """How clients prove there who they are."""
    return {
        f"{endpoint}_auth_methods_supported": ["none", "client_secret_basic", "private_key_jwt"],
        f"{endpoint}_auth_signing_alg_values_supported": [ALGORITHM],
    }
