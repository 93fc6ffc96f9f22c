"""`tongban parked` and `tongban replay`: what stands still, and what is to be said again."""

import base64
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from deploy.local.city import City
from deploy.local.client import Network, Program
from deploy.local.screen import screen
from deploy.local.settings import SERVICES
from deploy.local.trouble import Trouble
from shared.messaging.parked import LISTED

commands = typer.Typer()
parked = typer.Typer(help="Records that could not be handled, by key.", no_args_is_help=True)
commands.add_typer(parked, name="parked")

Service = Annotated[str, typer.Argument(help="identity, intake, sharing or notifications")]
Topic = Annotated[str, typer.Argument()]
Key = Annotated[str, typer.Argument(help="as `tongban parked list` shows it")]


def _network() -> Network:
    city = City.here()
    city.require_running()
    urls = city.settings.urls
    return Network(urls, Program(urls["identity"], "operator", city.platform.secrets["operator"]))


def _checked(service: str) -> str:
    if service not in SERVICES:
        raise Trouble(f"There is no service {service!r}: one of {', '.join(SERVICES)}")
    return service


@parked.command("list")
def list_keys() -> None:
    """All keys that stand still, in every service."""
    shown = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("service", "topic", "key", "records", "since", "reason", "error"):
        shown.add_column(column, overflow="fold")
    found = list(_keys(_network()))
    for service, key in found:
        since = datetime.fromisoformat(key["since"]).astimezone()
        reason = f"{key['reason']}{' (trying again)' if key['releasing'] else ''}"
        shown.add_row(
            service,
            key["topic"],
            escape(key["key"]),  # strangers' words: never Rich's markup
            str(key["records"]),
            f"{since:%m-%d %H:%M:%S}",
            reason,
            escape(key["error"][:120]),
        )
    screen.print(shown if found else "Nothing is parked.")
    for service in SERVICES:
        if sum(key["records"] for of, key in found if of == service) >= LISTED:
            screen.print(f"These are the first {LISTED} records of {service}: there may be more keys.", style="yellow")


def _keys(network: Network) -> Iterator[tuple[str, dict[str, Any]]]:
    for service in SERVICES:
        for key in network.get(service, "/ops/parked"):
            yield service, key


def _records(count: int) -> str:
    return "1 record was" if count == 1 else f"{count} records were"


@parked.command()
def show(
    service: Service, topic: Topic, key: Key, values: Annotated[bool, typer.Option(help="with bytes")] = False
) -> None:
    """The records of a key in order, with reason and traceback."""
    network = _network()
    for one in network.get(_checked(service), "/ops/parked/records", topic=topic, key=key, values=values):
        screen.rule(f"{one['topic']}-{one['partition']} @ {one['offset']}")
        for name in ("type", "reason", "error", "size", "sha256", "parked_at", "attempts"):
            screen.print(f"[dim]{name:<10}[/] {escape(str(one[name]))}", highlight=False)
        if one["traceback"]:
            screen.print(one["traceback"], highlight=False, markup=False)
        if one["value"] is not None:
            screen.print(base64.b64decode(one["value"])[:2000].decode("utf-8", "replace"), markup=False)


@parked.command()
def retry(
    service: Service, topic: Topic, key: Key, wait: Annotated[float, typer.Option(help="seconds to watch it")] = 10.0
) -> None:
    """Try a key again, in order; tells whether it went."""
    network = _network()
    at = {"topic": topic, "key": key}
    count = network.ask(_checked(service), "POST", "/ops/parked/retry", params=at)["records"]
    until = time.monotonic() + wait
    while time.monotonic() < until:
        left = next((k for s, k in _keys(network) if s == service and k["topic"] == topic and k["key"] == key), None)
        if left is None:
            screen.print(f"{_records(count)} handled.")
            return
        if not left["releasing"]:
            raise Trouble(f"{left['records']} of {count} still stand: {left['reason']}: {left['error'][:300]}")
        time.sleep(0.2)
    raise Trouble(f"not tried yet after {wait:.0f} s: is the service's lane at work? tongban status")


@parked.command()
def drop(
    service: Service, topic: Topic, key: Key, yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False
) -> None:
    """Give a key's records up for good."""
    network = _network()
    if not yes:
        typer.confirm(f"Give up all parked records of {key} on {topic} for good?", abort=True)
    count = network.ask(_checked(service), "POST", "/ops/parked/drop", params={"topic": topic, "key": key})["records"]
    screen.print(f"{_records(count)} dropped.")


@commands.command()
def replay(
    service: Annotated[str | None, typer.Option(help="whose journals; else those of all services")] = None,
    since: Annotated[datetime | None, typer.Option(help="e.g. 2026-11-22T08:00:00; else from the beginning")] = None,
) -> None:
    """Publish journals again, under their old ids, each entry before what comes after it.

    For a topic that lost records, or a reader that is to read what the topic does not have any more. Who has applied
    an event ignores it. Personal entries are published as long as their topic would have kept them.

    A broker that lost *all* its data needs no replay: `tongban up` makes another one, with topics, principals and
    rights, and the services see that it is another one and publish their journals again from the beginning.
    Elsewhere: stop the services, bring the empty broker up, run deploy.setup, start the services.
    """
    network = _network()
    moment = (since or datetime.fromtimestamp(0, UTC)).astimezone(UTC).isoformat()
    for name in [_checked(service)] if service is not None else SERVICES:
        network.ask(name, "POST", "/ops/replay", json={"since": moment})
        with screen.status("looking for what is published again") as status:
            while (state := network.get(name, "/ops/replay"))["running"]:
                status.update(f"{name}: {state['published']} entries so far")
                time.sleep(0.2)
        if state["error"]:
            raise Trouble(f"{name} broke off after {state['published']} entries: tongban logs {name}")
        screen.print(f"{name}: {state['published']} entries are published again.")
