"""What is noted of an act, in every service alike: who, for whom, what, on what, where from, with which result.

Ids, codes and names of fields, never a value, a name, an address or a text: nothing here is personal.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from shared.contracts.registry import EventModel

Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
"""A stable word of ours."""
Id = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,250}$")]
"""An id: visible ASCII without blanks, so that no sentence gets in by mistake."""


class Actor(BaseModel):
    """Who acts. `kind`: `person`, `officer`, `department`, `operator`, `visitor` (nobody knows who), `service` (by its
    own clock). `behalf`: for whom, where that is another; `place`: a keyed digest of the address."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, hide_input_in_errors=True)

    kind: Code
    account: Id | None = None
    client: Id | None = None
    session: Id | None = None
    behalf: Id | None = None
    place: Id | None = None


class NotedAct(EventModel):
    """One act. `ground`: why, where that is not plain; `fields`: the names of what changed; `count`: of how many alike
    it tells."""

    act: Code
    by: Actor
    on: Id
    result: Literal["done", "refused"] = "done"
    ground: Code | None = None
    fields: list[Code] = Field(default=[], max_length=50)
    count: int = Field(default=1, ge=1)


class ChainSealed(EventModel):
    """How far the chain of noted acts had come: `count` records on a day (`2026-03-02`), the last with this hash.

    `closed`: the day has no more. Whoever keeps a seal can tell later whether the records up to it are the same.
    """

    day: str = Field(pattern=r"^\d{4}-\d\d-\d\d$")
    count: int = Field(ge=1)
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    closed: bool
