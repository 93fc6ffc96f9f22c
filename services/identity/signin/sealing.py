"""The sign-in form carries its request, signed and bound to the browser it was shown in; nothing is stored for it."""

import hashlib
from datetime import timedelta

import jwt
from pydantic import ValidationError

from services.identity.desk import Desk
from services.identity.signin.domain import AuthorizationRequest
from shared.caller import ALGORITHM

KIND = "signin-request+jwt"
AUDIENCE = "signin"
LIFE = timedelta(minutes=30)


def seal(desk: Desk, request: AuthorizationRequest, browser: str) -> str:
    """The request as text for a form field. `browser` is the random value of the browser's cookie."""
    expires = int((desk.clock.now() + LIFE).timestamp())
    claims = {"aud": AUDIENCE, "exp": expires, "browser": _digest(browser), "request": request.model_dump()}
    return desk.keyring.sign(claims, KIND)


def unseal(desk: Desk, sealed: str, browser: str) -> AuthorizationRequest | None:
    """The request, or `None` where it is not ours, too old, or was shown in another browser."""
    try:
        header = jwt.get_unverified_header(sealed)
        key = jwt.PyJWK(desk.keyring.published[header["kid"]].model_dump(), ALGORITHM)
        options = {"strict_aud": True, "verify_exp": False}
        claims = jwt.decode(sealed, key, algorithms=[ALGORITHM], audience=AUDIENCE, options=options)  # type: ignore[arg-type]
        request = AuthorizationRequest.model_validate(claims["request"])
    except (jwt.PyJWTError, ValidationError, KeyError, TypeError):
        return None
    is_ours = header.get("typ") == KIND and claims["browser"] == _digest(browser)
    return request if is_ours and claims["exp"] > desk.clock.now().timestamp() else None


def _digest(browser: str) -> str:
    return hashlib.sha256(browser.encode()).hexdigest()
