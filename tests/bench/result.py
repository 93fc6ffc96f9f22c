"""What a bench found: goals met or missed, tables, plots and the raw figures, kept as JSON in docs/performance."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from deploy.local.settings import ROOT

FOLDER = ROOT / "docs" / "performance"


class Kept(BaseModel):
    """Kept as JSON, endless figures too: what never came took for ever."""

    model_config = ConfigDict(ser_json_inf_nan="constants")


class Goal(Kept):
    """A figure and what it should be: at least (or, with `at_most`, at most) the limit."""

    what: str
    value: float
    limit: float
    at_most: bool = False
    unit: str = ""

    @property
    def met(self) -> bool:
        """NaN meets nothing."""
        return self.value <= self.limit if self.at_most else self.value >= self.limit

    def told(self) -> str:
        """The figure and the goal in words: `0.62 (goal: at least 0.60)`."""
        side = "at most" if self.at_most else "at least"
        return f"{_figure(self.value)}{self.unit} (goal: {side} {_figure(self.limit)}{self.unit})"


class Table(Kept):
    """A table of the page; cells are text already."""

    title: str
    columns: list[str]
    rows: list[list[str]]


class Series(Kept):
    """One line of a plot."""

    name: str
    points: list[tuple[float, float]]


class Plot(Kept):
    """A plot: lines over numbers, or bars over `labels` (then x is the label's place). `goal`: a line across."""

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    title: str
    x: str
    y: str
    series: list[Series]
    labels: list[str] = Field(default_factory=list)
    goal: float | None = None


class Noise(Kept):
    """How disturbed the machine was: share of its time given to others, and the load average."""

    steal: float
    load: float


class Result(Kept):
    """One bench. `raw` is whatever the tables were made of."""

    bench: str = Field(pattern=r"^B[0-9]+$")
    title: str
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    machine: dict[str, str] = Field(default_factory=dict)
    noise: Noise | None = None
    goals: list[Goal] = Field(default_factory=list)
    tables: list[Table] = Field(default_factory=list)
    plots: list[Plot] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)
    raw: dict[str, Any] = Field(default_factory=dict)

    def keep(self) -> Path:
        """Write it where the page finds it."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        path = FOLDER / f"{self.bench}.json"
        path.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        return path


def kept() -> list[Result]:
    """The last result of each bench, in the benches' order."""
    found = [Result.model_validate_json(path.read_text(encoding="utf-8")) for path in FOLDER.glob("B*.json")]
    return sorted(found, key=lambda result: int(re.sub(r"\D", "", result.bench)))


def _figure(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.0f}"
