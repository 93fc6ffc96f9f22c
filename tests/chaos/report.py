"""What a round found, for people and for the page of guarantees."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from deploy.local.settings import ROOT
from tests.chaos.round import Row, recovery, table

PAGE = ROOT / "docs" / "guarantees.md"


def show(rows: Sequence[Row], seed: str) -> None:
    """The table on the terminal, ending with the goals met and missed."""
    head, *lines = table(rows)
    shown = Table(box=None, pad_edge=False, header_style="dim")
    for column in head:
        shown.add_column(column, overflow="fold")
    for line in lines:
        shown.add_row(*line)
    console = Console(width=180)
    console.print(shown)
    met, missed = goals(rows)
    console.print(f"Seed {seed}. Goals met: {len(met)}. Missed: {len(missed)}.", highlight=False)
    for text in missed:
        console.print(f"missed: {text}", highlight=False, markup=False)


def goals(rows: Iterable[Row]) -> tuple[list[str], list[str]]:
    """Met and missed, each as a sentence."""
    met: list[str] = []
    missed: list[str] = []
    for row in rows:
        found = [row.count(kind) for kind in ("lost", "repeated", "out of order", "orphaned", "parked")]
        sentence = "{} lost, {} repeated, {} out of order, {} orphaned, {} parked".format(*found)
        (missed if row.findings else met).append(f"{row.fault.number}: {sentence}")
        for goal in row.goals:
            (met if goal.met else missed).append(f"{row.fault.number}: {goal.text}")
    return met, missed


def write(rows: Sequence[Row], seed: str, name: str = "short") -> Path:
    """Put the report between its markers in `docs/guarantees.md`, and the numbers beside it as JSON."""
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else "# Guarantees\n"
    begin, end = f"<!-- chaos {name}: written by make chaos -->", f"<!-- end of chaos {name} -->"
    if begin not in page:
        page += f"\n{begin}\n{end}\n"
    before, _, rest = page.partition(begin)
    PAGE.write_text(f"{before}{begin}\n{markdown(rows, seed)}{end}{rest.partition(end)[2]}", encoding="utf-8")
    numbers = PAGE.with_name(f"chaos-{name}.json")
    numbers.write_text(json.dumps({"seed": seed, "rows": [_numbers(row) for row in rows]}, indent=1) + "\n")
    return PAGE


def markdown(rows: Sequence[Row], seed: str) -> str:
    """The table, then the goals."""
    head, *lines = table(rows)
    marked = [head, ["---"] * len(head), *lines]
    met, missed = goals(rows)
    return "\n".join(
        [
            f"Run on {datetime.now(UTC):%Y-%m-%d}, seed {seed}.",
            "",
            *(f"| {' | '.join(line)} |" for line in marked),
            "",
            f"Goals met: {len(met)}, missed: {len(missed)}.",
            *(f"- met: {text}" for text in met),
            *(f"- **missed**: {text}" for text in missed),
            *(f"- {row.fault.number}: {note}" for row in rows for note in row.notes),
            *(f"- {row.fault.number}: {finding}" for row in rows for finding in row.findings[:20]),
            "",
        ]
    )


def _numbers(row: Row) -> dict[str, Any]:
    return {
        "fault": row.fault.number,
        "title": row.fault.title,
        "seconds": round(row.seconds, 1),
        "cases": row.cases,
        "findings": [str(finding) for finding in row.findings],
        "goals": [{"text": goal.text, "met": goal.met} for goal in row.goals],
        "notes": row.notes,
        "records": row.verdict.records,
        "resent": row.verdict.resent,
        "mails": row.verdict.mails,
        "mails_again": row.mails_again,
        "harms": [
            {"what": harm.what, "victim": harm.victim, "at": round(harm.at, 3), "recovery": _rounded(recovery(harm))}
            for harm in row.harms
        ],
    }


def _rounded(seconds: float) -> float | None:
    return None if seconds == float("inf") else round(seconds, 3)
