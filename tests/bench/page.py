"""docs/performance.md: what stands between the markers is written by the benches, the rest by people."""

import re
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Shown

from deploy.local.settings import ROOT
from tests.bench.plot import svg
from tests.bench.result import FOLDER, Result, Table, kept

PAGE = ROOT / "docs" / "performance.md"
HEAD = """# Performance
Written by `make bench`: what stands between the markers is replaced by each run, the rest is prose.
"""


def write() -> None:
    """Draw the plots and put the last result of each bench between its markers; new ones at the end."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else HEAD
    results = kept()
    text = _between(text, "goals", "## Goals\n\n" + _goals(results))
    for result in results:
        for plot in result.plots:
            (FOLDER / f"{result.bench}-{plot.name}.svg").write_text(svg(plot), encoding="utf-8")
        text = _between(text, result.bench, _section(result))
    PAGE.write_text(text, encoding="utf-8")


def tell(results: Sequence[Result], console: Console) -> None:
    """The goals met and missed, for people at a terminal."""
    shown = Shown(title="Goals")
    for column in ("bench", "what", "figure and goal", ""):
        shown.add_column(column)
    for result in results:
        for goal in result.goals:
            mark = "[green]met[/]" if goal.met else "[red]missed[/]"
            shown.add_row(result.bench, escape(goal.what), escape(goal.told()), mark)
    console.print(shown)
    goals = [goal for result in results for goal in result.goals]
    console.print(f"{sum(goal.met for goal in goals)} of {len(goals)} goals met")


def _between(text: str, name: str, content: str) -> str:
    begin, end = f"<!-- bench {name} -->", f"<!-- end {name} -->"
    block = f"{begin}\n{content.strip()}\n{end}"
    if begin not in text:
        return f"{text.rstrip()}\n\n{block}\n"
    return re.sub(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: block, text, flags=re.DOTALL)


def _goals(results: Sequence[Result]) -> str:
    rows = [
        [result.bench, goal.what, goal.told(), "met" if goal.met else "**missed**"]
        for result in results
        for goal in result.goals
    ]
    return _table(Table(title="", columns=["Bench", "What", "Figure", ""], rows=rows))


def _section(result: Result) -> str:
    parts = [f"## {result.bench}: {result.title}", _where(result)]
    parts += [_table(table) for table in result.tables]
    for plot in result.plots:
        parts.append(f"![{plot.title}](performance/{result.bench}-{plot.name}.svg)")
    if result.notes:
        parts.append("\n".join(f"- {note}" for note in result.notes))
    parts.append(f"Raw figures: [{result.bench}.json](performance/{result.bench}.json)")
    return "\n\n".join(parts)


def _where(result: Result) -> str:
    machine = result.machine
    told = [f"{result.at:%Y-%m-%d %H:%M} UTC"]
    told += [machine[name] for name in ("processor", "system") if name in machine]
    if "cores" in machine:
        told.append(f"{machine['cores']} cores, {machine.get('memory', '')}")
    told += [f"{name} {machine[name]}" for name in ("store", "broker", "python", "commit") if name in machine]
    if result.noise is not None:
        told.append(
            f"noise: {result.noise.steal:.1%} of the time stolen, load average {result.noise.load:.1f} at the end"
        )
    return "; ".join(told) + "."


def _table(table: Table) -> str:
    lines = [" | ".join(table.columns), " | ".join("---" for _ in table.columns)]
    lines += [" | ".join(cell.replace("|", "\\|") for cell in row) for row in table.rows]
    shown = "\n".join(f"| {line} |" for line in lines)
    return f"**{table.title}**\n\n{shown}" if table.title else shown
