"""`tongban audit`: what was done, and whether the record of it is as it was written."""

import json
from datetime import date, datetime
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from deploy.local.audit import Outside, Verified
from deploy.local.city import City
from deploy.local.client import Network, Program
from deploy.local.screen import screen

commands = typer.Typer()
audit = typer.Typer(help="What was done in identity, in a chain of records.", no_args_is_help=True)
commands.add_typer(audit, name="audit")

Since = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="a day, e.g. 2026-11-22")]
SHOWN = 20


def _network(city: City) -> Network:
    city.require_running()
    urls = city.settings.urls
    return Network(urls, Program(urls["identity"], "operator", city.platform.secrets["operator"]))


@audit.command()
def verify(since: Since = None, as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
    """Find any record that was edited, dropped, put in or out of order; exit code 1 where there is one.

    Hashes are made anew here and held against the seals on identity.events; the records against identity.audit.
    """
    city = City.here()
    network = _network(city)
    with screen.status("verifying") as status:
        progress = (lambda _: None) if as_json else status.update
        found = Outside(network, city.platform.broker.client(), _day(since), progress).verify()
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        _tell(found)
    if not found.holds:
        raise typer.Exit(1)


@audit.command("list")
def list_acts(
    who: Annotated[str | None, typer.Option(help="by this account, e.g. person-li-na")] = None,
    on: Annotated[str | None, typer.Option(help="on this thing: an account, a session, a client")] = None,
    act: Annotated[str | None, typer.Option(help="of this kind, e.g. signed-in")] = None,
    since: Since = None,
    lines: Annotated[int, typer.Option("-n", "--lines", min=1, max=10_000, help="how many of the last")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """What was done, the newest first; without a day, of the last month."""
    network = _network(City.here())
    found: list[dict[str, Any]] = []
    after = None
    while len(found) < lines:
        asked = {"by": who, "on": on, "act": act, "since": _day(since), "after": after}
        page = network.get("identity", "/audit/acts", **asked, limit=min(200, lines - len(found)))
        found += page["items"]
        if (after := page["next"]) is None:
            break
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        screen.print(_acts(found) if found else "Nothing of the kind was noted.")


def _day(since: datetime | None) -> date | None:
    return None if since is None else since.date()


# -- for people ------------------------------------------------------------------------------------------------


def _tell(found: Verified) -> None:
    report = found.report
    told = [
        f"records        {report.records:,}, from {report.first or 'none'} to {report.last or 'none'}",
        f"days           {report.days}; kept for {found.keeps_days}, on the topic for {found.topic_keeps_days:g}",
        f"seals          {report.seals}, up to {report.sealed or 'none'}; {report.unsealed:,} are not sealed yet",
        f"on the topic   {report.on_topic:,} acts; {report.not_compared:,} records are from before what is there",
    ]
    if found.unreadable:
        told.append(f"no acts        {found.unreadable} records of the topic: tongban parked list")
    for line in told:
        screen.print(line, highlight=False)
    for fault in found.short:
        screen.print(f"[red]✗[/] {fault}: six months are the least (网络安全法 Art. 21)", highlight=False)
    for one in report.findings[:SHOWN]:
        screen.print(f"[red]✗[/] {one.kind}: {escape(one.where)} {escape(one.detail)}", highlight=False)
    if (more := sum(report.found.values()) - SHOWN) > 0:
        screen.print(f"[red]✗[/] and {more:,} more: {', '.join(f'{n:,} {kind}' for kind, n in report.found.items())}")
    if found.holds and report.head is not None:
        screen.print("[green]✓[/] Every record is as it was written. Keep this elsewhere, and compare it next time:")
        screen.print(f"  {report.last} {report.head}", style="dim", highlight=False)


def _acts(found: list[dict[str, Any]]) -> Table:
    shown = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("when", "act", "by", "for", "on", "from", "result", ""):
        shown.add_column(column, overflow="fold")
    for link in found:
        record, by = link["record"], link["record"]["by"]
        when = datetime.fromisoformat(link["at"]).astimezone()
        through = f" ({by['client']})" if by["client"] and by["client"] != by["account"] else ""
        why = ", ".join([record["ground"] or "", *record["fields"]]).strip(", ")
        result = "[red]refused[/]" if record["result"] == "refused" else record["result"]
        row = (record["act"], f"{by['account'] or by['kind']}{through}", by["behalf"] or "", record["on"], by["place"])
        count = f"×{record['count']}" if record["count"] > 1 else ""
        told = [escape(one or "") for one in row]
        shown.add_row(f"{when:%m-%d %H:%M:%S}", *told, f"{result} {escape(why)}".strip(), count)
    return shown
