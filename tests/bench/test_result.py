"""What a bench keeps can be read again, whatever was measured, and leaves out nothing that went wrong."""

from pathlib import Path

import pytest

from tests.bench import page
from tests.bench.load import Offered, Shot
from tests.bench.meter import Usage
from tests.bench.result import Goal, Plot, Result, Series, kept
from tests.bench.rounds import posted

USAGE = Usage(seconds=1.0, cpu={"intake": 0.5}, rss={"intake": 1}, steal=0.0, busy=0.5, load=1.0)
NEVER = float("inf")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for module in ("result", "page"):
        monkeypatch.setattr(f"tests.bench.{module}.FOLDER", tmp_path)
    monkeypatch.setattr(page, "PAGE", tmp_path / "performance.md")
    return tmp_path


def test_what_never_came_is_kept_shown_and_meets_no_goal(folder: Path) -> None:
    goal = Goal(what="p99", value=NEVER, limit=50, at_most=True, unit=" ms")
    line = Series(name="ours", points=[(50.0, 3.0), (99.0, NEVER)])
    plot = Plot(name="latency", title="Latency", x="%", y="ms", series=[line])
    raw = {"latencies_ms": [1.0, NEVER, float("nan")]}
    Result(bench="B1", title="POST", goals=[goal], plots=[plot], raw=raw).keep()
    (again,) = kept()
    assert (again.goals[0].value, again.goals[0].met, again.raw["latencies_ms"][:2]) == (NEVER, False, [1.0, NEVER])
    page.write()
    assert "inf ms (goal: at most 50 ms) | **missed**" in (folder / "performance.md").read_text(encoding="utf-8")
    assert "inf" not in (folder / "B1-latency.svg").read_text(encoding="utf-8")


def test_what_a_person_wrote_stays_and_what_a_bench_wrote_is_replaced(folder: Path) -> None:
    (folder / "performance.md").write_text("before\n<!-- bench B1 -->\nold\n<!-- end B1 -->\nafter\n", encoding="utf-8")
    Result(bench="B1", title="POST").keep()
    page.write()
    text = (folder / "performance.md").read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert "after" in text
    assert "old" not in text


def test_a_request_that_failed_took_for_ever() -> None:
    shots = (
        Shot(0.0, 0.0, 0.1, 201, "1", None),
        Shot(0.5, 0.5, 0.6, 500, None, None),
        Shot(0.7, 0.7, None, 599, None, None),
    )
    round_ = posted("ours", "steady", Offered(0.0, 1.0, 0.1, shots), USAGE)
    assert (round_.latencies_ms(), round_.lost, round_.rate()) == ([100.0, NEVER, NEVER], 2, 10.0)
