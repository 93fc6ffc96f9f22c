"""The public keys and what this issuer can do."""

from typing import Any

from fastapi import APIRouter, Depends

from services.identity.web import TheDesk
from shared.contracts.identity import KeyPublished
from shared.store import Unavailable
from shared.web.authentication import public

router = APIRouter(tags=["keys"], dependencies=[Depends(public("clients find the issuer and its public keys here"))])


@router.get("/jwks.json", summary="Public keys (RFC 7517)")
async def jwks(desk: TheDesk) -> dict[str, list[KeyPublished]]:
    if not desk.keyring.published:
        raise Unavailable("the signing key is not open yet")
    return {"keys": list(desk.keyring.published.values())}


@router.get("/.well-known/openid-configuration", summary="What this issuer does, and nothing it does not")
@router.get("/.well-known/oauth-authorization-server", summary="The same at the address of RFC 8414")
async def metadata(desk: TheDesk) -> dict[str, Any]:
    return {
        "issuer": desk.issuer,
        "authorization_endpoint": f"{desk.issuer}/authorize",
        "token_endpoint": f"{desk.issuer}/token",
        "jwks_uri": f"{desk.issuer}/jwks.json",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "client_credentials"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic"],
        "authorization_response_iss_parameter_supported": True,
        "ui_locales_supported": ["zh", "en"],
    }
