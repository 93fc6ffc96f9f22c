"""`tongban audit`: what people are told."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from deploy.local.audit import Verified, too_short
from deploy.local.commands import audit
from shared.audit.verify import SIX_MONTHS, Finding, Report

LINK: dict[str, Any] = {
    "at": "2026-03-02T09:00:00.000Z",
    "record": {
        "act": "account-changed",
        "by": {
            "kind": "operator",
            "account": "operator",
            "client": "operator",
            "behalf": None,
            "place": "5ysgdzgrpnma",
        },
        "on": "person-[red]li-na",
        "result": "refused",
        "ground": "because",
        "fields": ["mail", "phone"],
        "count": 3,
    },
}


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    out = StringIO()
    monkeypatch.setattr(audit, "screen", Console(file=out, width=250))
    return out


def verified(report: Report, **changes: Any) -> Verified:
    whole = {"holds": report.holds, "keeps_days": 400, "topic_keeps_days": 400, "short": [], "unreadable": 0}
    return Verified(report=report, **whole | changes)


def test_a_chain_that_holds_is_told_with_what_to_keep_of_it(said: StringIO) -> None:
    audit._tell(verified(Report(records=57, days=2, first="a", last="2026-03-02/000000057", head="f" * 64)))
    assert "✓ Every record is as it was written" in said.getvalue()
    assert f"2026-03-02/000000057 {'f' * 64}" in said.getvalue()


def test_what_is_wrong_is_told_first_things_first_and_the_rest_counted(said: StringIO) -> None:
    findings = [Finding(kind="edited", where=f"2026-03-02/{n:09}", detail="[x]") for n in range(1, 31)]
    report = Report(records=57, found={"edited": 30, "gap": 2}, findings=findings, head="f" * 64)
    audit._tell(verified(report, unreadable=4))
    lines = said.getvalue().splitlines()
    assert next(line for line in lines if line.startswith("✗ edited")) == "✗ edited: 2026-03-02/000000001 [x]"
    assert lines[-1] == "✗ and 12 more: 30 edited, 2 gap"
    assert "4 records of the topic" in said.getvalue()
    assert "✓" not in said.getvalue()


def test_what_is_kept_for_less_than_six_months_is_a_fault(said: StringIO) -> None:
    assert too_short({"the chain": SIX_MONTHS, "topic x.audit": float("inf")}) == []
    short = too_short({"the chain": SIX_MONTHS - 1, "topic x.audit": 7.5})
    assert short == ["the chain keeps records for 182 days", "topic x.audit keeps records for 7.5 days"]
    audit._tell(verified(Report(), holds=False, short=short))
    assert "✗ topic x.audit keeps records for 7.5 days: six months are the least" in said.getvalue()


def test_an_act_is_one_line(said: StringIO) -> None:
    Console(file=said, width=250).print(audit._acts([LINK]))
    (_, line) = said.getvalue().splitlines()
    for part in (
        "account-changed",
        "operator",
        "person-[red]li-na",
        "5ysgdzgrpnma",
        "refused because, mail, phone",
        "×3",
    ):
        assert part in line
