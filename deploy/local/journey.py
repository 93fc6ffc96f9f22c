"""A case's way through the network, put together from what each service says of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.markup import escape
from rich.table import Table

from deploy.local.client import Network


@dataclass(frozen=True)
class Hop:
    """One step: when, who did it, what it was."""

    at: datetime
    who: str
    what: str


def hops(network: Network, case: str) -> list[Hop]:
    """Every step of a case so far, in order of time."""
    steps = network.get("intake", f"/cases/{case}/timeline")
    exchanges = network.get("sharing", "/exchanges", case=case)["items"]
    messages = network.get("notifications", "/messages", case=case)["items"]
    found = [hop for step in steps for hop in _of_intake(step)]
    found += [hop for exchange in exchanges for hop in _of_exchange(exchange)]
    found += [hop for message in messages for hop in _of_message(message)]
    return sorted(found, key=lambda hop: hop.at)


def _of_intake(step: dict[str, Any]) -> list[Hop]:
    kind, data = step["type"].split(".")[2], step["data"] or {}
    who, what = {
        "case-submitted": ("applicant", f"applies for {data.get('item')}, number {data.get('number')}"),
        "material-wished": ("intake", f"wishes for {data.get('material')} from {data.get('resource')}"),
        "material-received": (
            "intake" if data.get("source") == "shared" else "applicant",
            f"{'takes' if data.get('source') == 'shared' else 'gives'} {data.get('material')}",
        ),
        "supplement-requested": ("intake", f"asks the applicant for {_missing(data)}, in one notice"),
        "case-accepted": (
            "intake",
            f"accepts; due {data.get('promised_due')} by promise, {data.get('legal_due')} by law",
        ),
        "case-assigned": ("intake", f"hands the work over on {step['topic']}"),
        "case-decided": (str(data.get("department")), f"decides: {data.get('outcome')}"),
        "case-completed": ("intake", "completes the case"),
    }.get(kind, ("intake", kind))
    return [Hop(_time(step["at"]), who, what)]


def _missing(data: dict[str, Any]) -> str:
    return ", ".join(f"{one['material']} ({one['ground']})" for one in data.get("missing", []))


def _of_exchange(exchange: dict[str, Any]) -> list[Hop]:
    resource, owner = exchange["resource"]["code"], (exchange["owner"] or {}).get("code", "owner")
    fields = ", ".join(exchange["fields"])
    found = []
    if exchange["asked_at"]:
        found.append(Hop(_time(exchange["asked_at"]), "sharing", f"checks the grant, asks {owner} for {fields}"))
    if exchange["answered_at"]:
        found.append(Hop(_time(exchange["answered_at"]), owner, f"answers for {resource}"))
    if exchange["closed_at"]:
        refused = exchange["ground"]
        what = f"refuses {resource}: {refused}" if refused else f"hands over the granted fields of {resource}"
        found.append(Hop(_time(exchange["closed_at"]), "sharing", what))
    return found


def _of_message(message: dict[str, Any]) -> list[Hop]:
    if message["sent_at"] is None:
        return [
            Hop(_time(message["queued_at"]), "notifications", f"has mail {message['template']}: {message['state']}")
        ]
    repeats = f", handed over {message['repeats'] + 1} times perhaps" if message["repeats"] else ""
    return [Hop(_time(message["sent_at"]), "notifications", f"hands mail {message['template']} over{repeats}")]


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def table(found: list[Hop]) -> Table:
    """For people: milliseconds since the first step, who, what."""
    shown = Table(box=None, pad_edge=False, header_style="dim")
    shown.add_column("ms", justify="right", style="cyan")
    shown.add_column("time", style="dim")
    shown.add_column("who", style="bold")
    shown.add_column("what")
    for hop in found:
        since = (hop.at - found[0].at).total_seconds() * 1000
        shown.add_row(f"{since:.0f}", f"{hop.at.astimezone():%H:%M:%S.%f}"[:-3], escape(hop.who), escape(hop.what))
    return shown
