"""Errors of the domain: what went wrong, as a stable code and an HTTP status, without any framework.

Infrastructure errors (store away, broker away) are not among them: they travel as they are.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with what was sent. `pointer` is a JSON pointer (RFC 6901) into the request body."""

    pointer: str
    code: str
    detail: str


class DomainError(Exception):
    """A rule said no. `code` is stable snake_case that clients may rely on; `detail` is English for people.

    `detail` and the details of `faults` reach the caller and the log: they never quote personal data.
    """

    status: ClassVar[int] = 400
    code: str = "refused"
    wait: int | None = None
    """After so many whole seconds it may be tried again, where that is known."""

    def __init__(self, detail: str, *, code: str | None = None, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(detail)
        if code is not None:
            self.code = code
        self.detail = detail
        self.faults = faults

    def __str__(self) -> str:
        named = "; ".join(f"{fault.pointer or '/'}: {fault.code}" for fault in self.faults)
        return f"{self.code}: {self.detail}" + (f" ({named})" if named else "")


class NotFound(DomainError):
    """There is no such thing, or the caller may not know that there is."""

    status = 404
    code = "not_found"


class Conflict(DomainError):
    """The thing is in a state that does not allow this."""

    status = 409
    code = "conflict"


class Forbidden(DomainError):
    """The caller is known and may not do this."""

    status = 403
    code = "forbidden"


class Invalid(DomainError):
    """What was sent is well formed and wrong; `faults` names everything wrong at once."""

    status = 422
    code = "invalid"


class IdempotencyKeyReused(Invalid):
    """The same `Idempotency-Key` came with another body."""

    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used before with another body")


class Unauthenticated(DomainError):
    """Nobody knows who is calling."""

    status = 401
    code = "unauthenticated"


class InsufficientAuthentication(Unauthenticated):
    """The caller is known, but not surely enough, or not of late, for this: signing in again helps (RFC 9470)."""

    code = "insufficient_user_authentication"

    def __init__(self, acr: str, max_age: int | None = None) -> None:
        age = f" of at most {max_age} seconds ago" if max_age is not None else ""
        super().__init__(f"This needs a sign-in{age} at level {acr}")
        self.acr, self.max_age = acr, max_age


class PreconditionFailed(DomainError):
    """`If-Match` names a version that is no longer the current one."""

    status = 412
    code = "precondition_failed"

    @classmethod
    def unless_current(cls, expected: int | None, current: int) -> None:
        """Raise where the caller named a version (`None`: any will do) that is not the current one."""
        if expected is not None and expected != current:
            raise cls("The thing has changed meanwhile: read it again")
