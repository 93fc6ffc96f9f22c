"""What `topics.yaml` declares: topics, principals and rights, checked as a whole and expanded for the departments."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from shared.audit.verify import SIX_MONTHS

TOPICS_FILE = Path(__file__).with_name("topics.yaml")
ADMIN = "admin"
TEMPLATE = "{department}"
AUDIT = ".audit"
"""How the topics of noted acts end; whoever writes one reads it, into a chain (ADR 20)."""
DEPARTMENT_CODE = re.compile(r"[a-z][a-z0-9]{1,15}")
HOUR_MS = 60 * 60 * 1000
DAY_MS = 24 * HOUR_MS


class DeclarationError(ValueError):
    """The declaration contradicts itself; carries every fault, one a line."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = list(faults)
        super().__init__("\n".join(self.faults))


@dataclass(frozen=True, order=True)
class Right:
    """One ALLOW rule of the broker. READ and WRITE include DESCRIBE there; everything not allowed is denied."""

    principal: str
    operation: Literal["READ", "WRITE"]
    resource: Literal["TOPIC", "GROUP"]
    pattern: Literal["LITERAL", "PREFIXED"]
    name: str

    def __str__(self) -> str:
        star = "*" if self.pattern == "PREFIXED" else ""
        return f"{self.principal} may {self.operation} {self.resource.lower()} {self.name}{star}"


class Topic(BaseModel):
    """One line of the file; a template while its name carries `{department}`."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    name: str
    writer: str
    kind: Literal["log", "compacted"]
    partitions: int = Field(ge=1, le=64)
    retention_days: int | None = Field(default=None, ge=1)
    personal: bool
    readers: list[str] = Field(min_length=1)

    @property
    def settings(self) -> dict[str, str]:
        """The broker's settings of this topic, all others stay at their defaults."""
        # Segments roll daily where something must really be gone (or merged) a day later, not a week later.
        daily = {"segment.ms": str(DAY_MS)}
        if self.kind == "log":
            kept = {"cleanup.policy": "delete", "retention.ms": str((self.retention_days or 0) * DAY_MS)}
            return kept | (daily if self.personal else {})
        if self.retention_days is not None:
            # Short segments: rows go with their segment, and the active one is never cleaned.
            kept = {"cleanup.policy": "compact,delete", "retention.ms": str(self.retention_days * DAY_MS)}
            return kept | {"min.cleanable.dirty.ratio": "0.1", "segment.ms": str(HOUR_MS)}
        table = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.1"} | daily
        return table | ({"max.compaction.lag.ms": str(DAY_MS)} if self.personal else {})

    def of(self, department: str) -> Self:
        """This template filled in for one department."""
        filled = {"name": self.name.replace(TEMPLATE, department), "writer": self.writer.replace(TEMPLATE, department)}
        return self.model_copy(update=filled | {"readers": [r.replace(TEMPLATE, department) for r in self.readers]})


class _File(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    services: list[str] = Field(min_length=1)
    topics: list[Topic] = Field(min_length=1)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        faults = [fault for topic in self.topics for fault in self._faults_of(topic)]
        names = [topic.name for topic in self.topics]
        faults += [f"{name} is declared twice" for name in sorted({n for n in names if names.count(n) > 1})]
        if faults:
            raise DeclarationError(faults)
        return self

    def _faults_of(self, topic: Topic) -> Iterator[str]:
        templated = TEMPLATE in topic.name
        if topic.writer not in ({*self.services, TEMPLATE} if templated else self.services):
            yield f"{topic.name}: writer {topic.writer} is not a member"
        if not topic.name.startswith(f"{topic.writer}."):
            yield f"{topic.name}: only {topic.name.split('.')[0]} may write there, not {topic.writer}"
        known = {*self.services, "services", "departments", *([TEMPLATE] if templated else [])}
        for reader in topic.readers:
            if reader not in known:
                yield f"{topic.name}: reader {reader} is not a member"
        if topic.kind == "log" and topic.retention_days is None:
            yield f"{topic.name}: a log has retention_days"
        if topic.name.endswith(AUDIT) and (topic.kind != "log" or (topic.retention_days or 0) < SIX_MONTHS):
            yield f"{topic.name}: records of acts are kept for {SIX_MONTHS} days at least (网络安全法 Art. 21)"


@dataclass(frozen=True)
class Declared:
    """What must be true on the broker for a given list of departments."""

    services: tuple[str, ...]
    departments: tuple[str, ...]
    topics: tuple[Topic, ...]

    @property
    def members(self) -> tuple[str, ...]:
        """Every principal except the super user."""
        return self.services + self.departments

    def readers_of(self, topic: Topic) -> set[str]:
        groups = {"services": self.services, "departments": self.departments}
        return {member for reader in topic.readers for member in groups.get(reader, (reader,))}

    @property
    def rights(self) -> frozenset[Right]:
        """One writer per topic; readers by name; consumer groups are named `<member>.<purpose>`."""
        rights = {Right(m, "READ", "GROUP", "PREFIXED", f"{m}.") for m in self.members}
        rights |= {Right(s, "WRITE", "TOPIC", "PREFIXED", f"{s}.") for s in self.services}
        rights |= {Right(d, "WRITE", "TOPIC", "LITERAL", f"{d}.out") for d in self.departments}
        rights |= {Right(m, "READ", "TOPIC", "LITERAL", t.name) for t in self.topics for m in self.readers_of(t)}
        return frozenset(rights)


def departments(city: Path) -> list[str]:
    """Codes of the departments in a city's folder. Raises DeclarationError when its file cannot be understood."""
    try:
        listed = yaml.safe_load((city / "departments.yaml").read_text(encoding="utf-8"))["departments"]
        return [str(department["code"]) for department in listed]
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        raise DeclarationError([f"departments.yaml:{line}: {error.problem}"]) from error
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise DeclarationError([f"departments.yaml: {error}"]) from error


def load(codes: Iterable[str], path: Path = TOPICS_FILE) -> Declared:
    """Read the file and fill its templates in for each department.

    Raises DeclarationError naming every fault at once, of the file and of the department codes.
    """
    codes = tuple(sorted(set(codes)))
    try:
        file = _File.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise DeclarationError([line for fault in error.errors() for line in _lines(path, fault)]) from error
    reserved = {*file.services, ADMIN, "services", "departments"}
    wrong = [code for code in codes if not DEPARTMENT_CODE.fullmatch(code)]
    faults = [f"department code {code!r}: two to sixteen letters and digits a-z0-9, a letter first" for code in wrong]
    faults += [f"department code {code!r} is taken" for code in codes if code in reserved]
    if faults:
        raise DeclarationError(faults)
    topics = [t for topic in file.topics for t in (map(topic.of, codes) if TEMPLATE in topic.name else [topic])]
    return Declared(tuple(file.services), codes, tuple(topics))


def _lines(path: Path, fault: ErrorDetails) -> list[str]:
    cause = fault.get("ctx", {}).get("error")
    if isinstance(cause, DeclarationError):
        return [f"{path.name}: {line}" for line in cause.faults]
    where = ".".join(str(part) for part in fault["loc"])
    return [f"{path.name}: {where}: {fault['msg']}"]
