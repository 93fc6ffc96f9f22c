"""Bodies whose model is a published contract: readers of events ignore unknown fields, an API must not."""

from collections.abc import Awaitable, Callable

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError


def nothing_unknown(model: type[BaseModel]) -> Callable[[Request], Awaitable[None]]:
    """A dependency that refuses fields `model` does not know, at any depth, all named at once (422)."""

    async def check(request: Request) -> None:
        try:
            model.model_validate_json(await request.body(), extra="forbid")
        except ValidationError as exc:
            faults = exc.errors(include_input=False, include_url=False)
            raise RequestValidationError([{**fault, "loc": ("body", *fault["loc"])} for fault in faults]) from exc

    return check
