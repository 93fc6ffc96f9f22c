"""Mail templates: Jinja2 in its sandbox, over a fixed set of variables, tried before they are taken."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal

from jinja2 import StrictUndefined, TemplateError, meta
from jinja2 import Template as Compiled
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel, ConfigDict, Field

from shared.aggregate import Aggregate
from shared.contracts import Text
from shared.errors import Fault

Code = Literal[
    "case-accepted",
    "supplement-requested",
    "case-decided",
    "verification-code",
    "mandate-offered",
    "mandate-granted",
    "mandate-ended",
    "credential-changed",
]
Language = Literal["zh", "en"]
FILTERS = frozenset({"default", "first", "join", "last", "length", "lower", "trim", "upper"})
RENDER_ERRORS = (TemplateError, TypeError, ValueError, LookupError, ArithmeticError, RecursionError)


class Filling(BaseModel):
    """What a template may use, in the reader's language; which of it, depends on the code (`VARIABLES`)."""

    model_config = ConfigDict(frozen=True)

    name: str
    number: str = ""
    item: str = ""
    department: str = ""
    accepted_on: str = ""
    deemed: bool = False
    promised_due: str = ""
    legal_due: str = ""
    missing: list[str] = Field(default_factory=list)
    outcome: Literal["approved", "refused", ""] = ""
    decided_on: str = ""
    code: str = ""
    until: str = ""
    role: Literal["agent", "principal", ""] = ""
    last_day: str = ""
    ground: str = ""
    credential: str = ""
    change: str = ""


_ALWAYS = frozenset({"name", "number", "item", "department"})
VARIABLES: Mapping[Code, frozenset[str]] = {
    "case-accepted": _ALWAYS | {"accepted_on", "deemed", "promised_due", "legal_due"},
    "supplement-requested": _ALWAYS | {"missing"},
    "case-decided": _ALWAYS | {"outcome", "decided_on"},
    "verification-code": frozenset({"code", "until"}),
    "mandate-offered": frozenset({"name", "role"}),
    "mandate-granted": frozenset({"name", "role", "last_day"}),
    "mandate-ended": frozenset({"name", "role", "ground"}),
    "credential-changed": frozenset({"name", "credential", "change"}),
}
_SAMPLE = Filling(
    name="李娜",
    number="2026-03-02-000001",
    item="居住证申领",
    department="公安局",
    accepted_on="2026年3月2日",
    promised_due="2026年3月9日",
    legal_due="2026年3月23日",
    missing=["社会保险缴纳记录", "房屋租赁登记备案信息"],
    outcome="approved",
    decided_on="2026年3月3日",
    code="042137",
    until="09:10",
    role="agent",
    last_day="2026年12月31日",
    ground="withdrawn",
    credential="password",
    change="replaced",
)
_OTHER = {
    "outcome": "refused", "missing": ["照片"], "role": "principal", "last_day": "", "ground": "expired",
    "credential": "app", "change": "added",
}  # fmt: skip
_SAMPLES = (_SAMPLE, _SAMPLE.model_copy(update=_OTHER))


class _Letters(ImmutableSandboxedEnvironment):
    """Plain text from few variables: nothing is called, and no operator makes much out of little."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:  # noqa: ARG002
        raise SecurityError(f"{operator} is not for templates")

    def is_safe_callable(self, obj: Any) -> bool:  # noqa: ARG002
        return False


# Plain text mails: nothing is to be escaped.
_letters = _Letters(undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True)
_letters.globals.clear()
_letters.filters = {name: function for name, function in _letters.filters.items() if name in FILTERS}


@lru_cache(maxsize=64)
def _compiled(source: str) -> Compiled:
    return _letters.from_string(source)


class Template(Aggregate):
    """The mail of one code: subject and body in both languages. The id is the code."""

    subject: Text
    body: Text

    def rewrite(self, subject: Text, body: Text) -> None:
        """Put these texts in force."""
        self.subject, self.body = subject, body

    def render(self, language: Language, filling: Filling) -> tuple[str, str]:
        """Subject (one line) and body; raises one of `RENDER_ERRORS`."""
        values = _values(self.id, filling)
        subject = _compiled(self.subject.within(language)).render(values)
        return " ".join(subject.split()), _compiled(self.body.within(language)).render(values).strip() + "\n"


def faults_of(code: Code, subject: Text, body: Text) -> list[Fault]:
    """Everything that keeps these texts from being a template of `code`."""
    texts = {f"/{part}/{language}": text.within(language) for part, text in (("subject", subject), ("body", body))
             for language in ("zh", "en")}  # fmt: skip
    return [fault for pointer, source in texts.items() for fault in _faults(code, pointer, source)]


def _faults(code: Code, pointer: str, source: str) -> Iterator[Fault]:
    try:
        unknown = meta.find_undeclared_variables(_letters.parse(source)) - VARIABLES[code]
    except TemplateError as exc:
        yield Fault(pointer, "template_syntax", f"line {getattr(exc, 'lineno', 1)}: {exc}"[:300])
        return
    for name in sorted(unknown):
        yield Fault(pointer, "template_variable", f"{name} is not known to {code}")
    if unknown:
        return
    try:
        rendered = [_compiled(source).render(_values(code, sample)) for sample in _SAMPLES]
    except RENDER_ERRORS as exc:
        yield Fault(pointer, "template_fails", f"{type(exc).__name__}: {exc}"[:300])
        return
    if pointer.startswith("/subject") and not all(0 < len(text.strip()) <= 200 for text in rendered):
        yield Fault(pointer, "template_subject", "a subject has 1 to 200 characters")


def _values(code: str, filling: Filling) -> dict[str, Any]:
    return filling.model_dump(include=set(VARIABLES[code]))  # type: ignore[index]  # the id of a template is a code
