"""What any department says on its own topic `<department>.out`.

Departments write these with any client and carry no `ce_sequence`: their `ce_id` makes them idempotent.
The topic, not the payload, tells which department speaks.
"""

from typing import Any, Literal

from pydantic import Field

from shared.contracts.registry import EventModel, published

OUT = "{department}.out"


@published("tongban.department.question-answered.v1", on=OUT)
class QuestionAnswered(EventModel):
    """The owner's answer to a question of sharing. `found` false: there is no such record."""

    exchange: str
    found: bool
    data: dict[str, Any] = Field(default_factory=dict)


@published("tongban.department.case-decided.v1", on=OUT)
class CaseDecided(EventModel):
    """The department's decision on a case assigned to it; a refusal needs its reason (行政许可法 Art. 38)."""

    case: str
    outcome: Literal["approved", "refused"]
    reason: str = Field(min_length=1, max_length=4000)
    officer: str | None = None
