"""Forms carry their request, signed and bound to the browser they were shown in; nothing is stored for them."""

import hashlib
from datetime import timedelta
from typing import TypeVar

import jwt
from pydantic import BaseModel, ValidationError

from services.identity.desk import Desk

KIND = "form-request+jwt"
LIFE = timedelta(minutes=30)
M = TypeVar("M", bound=BaseModel)


def seal(desk: Desk, request: BaseModel, browser: str) -> str:
    """The request as text for a form field. `browser` is a secret value that the browser keeps in a cookie."""
    expires = int((desk.clock.now() + LIFE).timestamp())
    claims = {"aud": _form(type(request)), "exp": expires, "browser": _digest(browser), "request": request.model_dump()}
    return desk.keyring.sign(claims, KIND)


def unseal(desk: Desk, model: type[M], sealed: str, browser: str) -> M | None:
    """The request, or `None` where it is not ours, of another form, too old, or was shown in another browser."""
    try:
        claims = desk.keyring.verify(sealed, KIND, audience=_form(model))
        request = model.model_validate(claims["request"])
    except (jwt.PyJWTError, ValidationError, KeyError, TypeError):
        return None
    is_ours = claims["browser"] == _digest(browser)
    return request if is_ours and claims["exp"] > desk.clock.now().timestamp() else None


def _form(model: type[BaseModel]) -> str:
    return f"form:{model.__name__}"


def _digest(browser: str) -> str:
    return hashlib.sha256(browser.encode()).hexdigest()
