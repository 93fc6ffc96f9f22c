"""`tongban demo` and `tongban case`: a real case through the network, and the way of any case."""

import hashlib
import re
import statistics
import time
import uuid
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
import yaml
from rich.progress import track

from deploy.local.city import CITY_FOLDER, City
from deploy.local.client import Network, Person, Program
from deploy.local.journey import hops, table
from deploy.local.screen import screen
from deploy.local.trouble import Trouble

commands = typer.Typer()

APPLICANT = "li.na"
ITEM = "residence-permit"
DIVISION = "210204"
FILES = {
    "identity-card": ("application/pdf", b"%PDF-1.7\n% sample of an identity card\n%%EOF\n"),
    "photo": ("image/png", b"\x89PNG\r\n\x1a\n sample of a photograph"),
}
DONE_SECONDS = 60.0
P50_GOAL, P99_GOAL = 0.5, 2.0


@commands.command()
def demo(
    cases: Annotated[int, typer.Option(min=1, max=100_000, help="how many, one after another")] = 1,
) -> None:
    """Ms Li Na applies for a residence permit; the case travels the whole network."""
    city = City.here()
    city.require_running()
    applicant, operator = _networks(city)
    application = _application(applicant, operator)
    if cases > 1:
        _many(applicant, operator, application, cases)
        return
    screen.print(f"[bold]{APPLICANT}[/] signs in, uploads {len(FILES)} files and applies for [bold]{ITEM}[/].")
    case, _ = _travel(applicant, operator, application)
    shown = applicant.get("intake", f"/cases/{case['case']}")
    screen.print(table(hops(operator, case["case"])))
    screen.print(f"\nCase [bold]{case['number']}[/] is {shown['state']}, {shown['outcome']}.\n", highlight=False)
    _further(city, case["number"])


@commands.command()
def case(number: Annotated[str, typer.Argument(help="the 21 digits of a case's number")]) -> None:
    """The way of a case so far: each step, who and when."""
    if not re.fullmatch(r"[0-9]{21}", number):
        raise Trouble(f"A case's number has 21 digits, and {number!r} has not: it is on the receipt and in each mail")
    city = City.here()
    city.require_running()
    _, operator = _networks(city)
    found = operator.get("intake", "/cases", number=number)["items"]
    if not found:
        raise Trouble(f"There is no case {number}")
    screen.print(table(hops(operator, found[0]["case"])))
    screen.print(f"\nCase [bold]{number}[/] is {found[0]['state']}.", highlight=False)


def _networks(city: City) -> tuple[Network, Network]:
    people = yaml.safe_load((CITY_FOLDER / "people.yaml").read_text(encoding="utf-8"))["people"]
    password = next(one["password"] for one in people if one["login"] == APPLICANT)
    urls = city.settings.urls
    operator = Program(urls["identity"], "operator", city.platform.secrets["operator"])
    return Network(urls, Person(urls["identity"], APPLICANT, password)), Network(urls, operator)


def _application(applicant: Network, operator: Network) -> dict[str, Any]:
    """Form and uploaded files. The form is the guide's own example."""
    guide = operator.get("intake", f"/items/{ITEM}")
    materials = []
    for material, (media_type, content) in FILES.items():
        headers = {"Content-Type": media_type}
        file = applicant.ask("intake", "POST", f"/files?name={material}", content=content, headers=headers)
        materials.append({"material": material, "file": file["file"], "sha256": hashlib.sha256(content).hexdigest()})
    return {"item": ITEM, "division": DIVISION, "form": guide["form"]["examples"][0], "materials": materials}


def _travel(applicant: Network, operator: Network, application: dict[str, Any]) -> tuple[dict[str, Any], float]:
    """Submit one case and wait for its last mail; the case, and seconds from submitting to the mail's hand-over."""
    submitted = datetime.now(UTC)
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    case = applicant.ask("intake", "POST", "/cases", json=application, headers=headers)
    deadline = time.monotonic() + DONE_SECONDS
    while time.monotonic() < deadline:
        try:
            messages = operator.get("notifications", "/messages", case=case["case"])["items"]
        except Trouble:  # a service may be killed while we look: the case goes on without us
            messages = []
        sent = {message["template"]: message["sent_at"] for message in messages if message["sent_at"]}
        if {"case-accepted", "case-decided"} <= sent.keys():
            return case, (datetime.fromisoformat(sent["case-decided"]) - submitted).total_seconds()
        time.sleep(0.02)
    raise Trouble(
        f"Case {case['number']} did not come to its end within {DONE_SECONDS:.0f} s",
        f"see: tongban case {case['number']}, tongban status, tongban parked list",
    )


def _many(applicant: Network, operator: Network, application: dict[str, Any], cases: int) -> None:
    """One after another, and how long from submitting to the decision's mail."""
    _travel(applicant, operator, application)  # the first one warms connections up
    took = sorted(
        _travel(applicant, operator, application)[1]
        for _ in track(range(cases), description=f"{cases} cases, one after another", console=screen)
    )
    p50, p99 = statistics.median(took), took[min(len(took) - 1, int(len(took) * 0.99))]
    screen.print(
        f"submitted → decision mail handed over: p50 {p50 * 1000:.0f} ms (goal < {P50_GOAL * 1000:.0f}), "
        f"p99 {p99 * 1000:.0f} ms (goal < {P99_GOAL * 1000:.0f}), min {took[0] * 1000:.0f}, max {took[-1] * 1000:.0f}",
        highlight=False,
    )
    if p50 >= P50_GOAL or p99 >= P99_GOAL:
        screen.print("[yellow]A goal was missed.[/] This machine may be busy: see tongban status.")


def _further(city: City, number: str) -> None:
    urls = city.settings.urls
    for name in ("identity", "intake", "sharing", "notifications"):
        screen.print(f"  {name:<14} {urls[name]}/docs", highlight=False)
    screen.print(f"  {'mailbox':<14} {urls['mailbox']}   the two mails", highlight=False)
    screen.print("\nLook further:", highlight=False)
    for line, what in (
        (f"tongban case {number}", "this timeline again"),
        ("tongban status", "processes, lag, parked records"),
        ("tongban topics", "topics and rights, declared and actual"),
        ("tongban demo --cases 200", "how quick it is"),
        ("make down", "stop the city"),
    ):
        screen.print(f"  {line:<42} {what}", highlight=False)
