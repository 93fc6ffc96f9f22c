"""`tongban status`, `topics` and `logs`: what is so, and what happened."""

import json
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from deploy.kafka import apply as broker_state
from deploy.kafka.apply import Difference
from deploy.local.city import City
from deploy.local.screen import screen
from deploy.local.status import ProcessStatus, ServiceStatus, Status, collect
from deploy.local.trouble import Trouble

commands = typer.Typer()


@commands.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
    """Every process, address, service and reader; exit code 1 when something is not well."""
    found = collect(City.here())
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    elif not found.running:
        raise Trouble(f"The city of {found.state} is not running: tongban up")
    else:
        screen.print(_processes(found))
        screen.print(_readers(found))
    if not (found.running and found.well):
        raise typer.Exit(1)


@commands.command()
def topics(
    apply: Annotated[bool, typer.Option("--apply", help="make the broker as declared")] = False,
) -> None:
    """Topics and rights, declared against actual; exit code 1 when they differ."""
    city = City.here()
    city.require_running()
    admin = city.platform.broker.admin()
    if apply:
        for line in broker_state.apply(admin, city.declared, city.platform.secrets).lines():
            if line.repairable:
                screen.print(f"[green]✓[/] put right: {escape(line.text)}", highlight=False)
    found = broker_state.difference(admin, city.declared)
    screen.print(_topics(city, found))
    rights = len(city.declared.rights)
    screen.print(f"\n{len(city.declared.topics)} topics, {len(city.declared.members)} principals, {rights} rights")
    for line in found.lines():
        remedy = "tongban topics --apply" if line.repairable else "a person must decide"
        screen.print(f"[red]✗[/] {escape(line.text)} [dim]({remedy})[/]", highlight=False)
    if found:
        raise typer.Exit(1)
    screen.print("[green]✓[/] The broker is as declared.")


@commands.command()
def logs(
    process: Annotated[str | None, typer.Argument(help="one process; without it, all of them")] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="go on as lines come")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="how many of the last lines")] = 50,
) -> None:
    """What the processes say."""
    folder = City.here().settings.state / "log"
    paths = {path.stem: path for path in sorted(folder.glob("*.log"))}
    if process is not None and process not in paths:
        raise Trouble(f"There is no log of {process!r}: one of {', '.join(paths) or 'none yet'}")
    chosen = {process: paths[process]} if process else paths
    for name, path in chosen.items():
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in deque(file, lines):
                _say(name if len(chosen) > 1 else "", line)
    if follow:
        _follow(chosen)


# -- status ----------------------------------------------------------------------------------------------


def _processes(found: Status) -> Table:
    columns = ("process", "state", "up", "cpu %", "MB", "parked", "revoked", "address")
    table = _table(*columns, right="up cpu % MB parked revoked")
    services = {one.name: one for one in found.services}
    for one in found.processes:
        service = services.get(one.name)
        parked = "" if service is None or service.parked is None else _marked(service.parked)
        revoked = "" if service is None or service.revoked_after_s is None else f"{service.revoked_after_s:.2f} s"
        figures = [_duration(one.up_s), _number(one.cpu_percent), _number(one.rss_mb), parked, revoked]
        table.add_row(one.name, _state(one, service), *figures, one.address or "")
    return table


def _readers(found: Status) -> Table | str:
    if found.lag_unknown:
        return f"[red]How far readers are behind is unknown: {escape(found.lag_unknown)}[/]"
    table = _table("reader", "topic", "behind", right="behind")
    behind = [one for one in found.lag if one.records]
    for one in behind:
        table.add_row(one.group, one.topic, _marked(one.records))
    groups = len({one.group for one in found.lag})
    return table if behind else f"\n{groups} readers, none behind."


def _state(one: ProcessStatus, service: ServiceStatus | None) -> str:
    if one.state != "RUNNING":
        return f"[red]{one.state.lower()}[/]"
    if service is None or service.ready:
        return f"[green]{'ready' if service else 'running'}[/]"
    faults = [f"{name}: {said}" for name, said in service.checks.items() if said != "ok"]
    return f"[red]not ready, {escape('; '.join(faults))}[/]"


def _marked(count: int) -> str:
    return f"[yellow]{count}[/]" if count else "0"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _duration(seconds: int) -> str:
    minutes, left = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def _table(*columns: str, right: str = "") -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", no_wrap=column != columns[-1])
    return table


# -- topics ----------------------------------------------------------------------------------------------


def _topics(city: City, found: Difference) -> Table:
    wrong = (
        {t.name for t in found.topics_missing}
        | {row[0] for row in found.partitions}
        | {row[0] for row in found.settings}
    )
    table = _table("", "topic", "kind", "parts", "kept", "personal", "readers", right="parts kept")
    for topic in city.declared.topics:
        table.add_row(
            "[red]✗[/]" if topic.name in wrong else "[green]✓[/]",
            topic.name,
            topic.kind,
            str(topic.partitions),
            f"{topic.retention_days} d" if topic.retention_days else "last value",
            "yes" if topic.personal else "",
            ", ".join(topic.readers),
        )
    return table


# -- logs ------------------------------------------------------------------------------------------------


def _follow(paths: dict[str, Path]) -> None:
    """Until Ctrl-C. A log that was rotated is read again from its beginning."""
    readers = {name: _appended(path) for name, path in paths.items()}
    try:
        while True:
            for name, reader in readers.items():
                for line in next(reader):
                    _say(name if len(paths) > 1 else "", line)
            time.sleep(0.2)
    except KeyboardInterrupt:
        pass


def _appended(path: Path) -> Iterator[list[str]]:
    position = path.stat().st_size
    while True:
        size = path.stat().st_size if path.exists() else 0
        position = 0 if size < position else position
        lines: list[str] = []
        if size > position:
            with path.open(encoding="utf-8", errors="replace") as file:
                file.seek(position)
                lines = file.readlines()
                position = file.tell()
        yield lines


def _say(name: str, line: str) -> None:
    """One line, behind the process's name where there are several; JSON is put in order for people, on a terminal."""
    try:
        said: dict[str, Any] = json.loads(line)
        rest = " ".join(
            f"{key}={value}" for key, value in said.items() if key not in {"time", "level", "event", "service"}
        )
        line = f"{said['time'][11:23]} {said['level']:<7} {said['event']} {rest}" if sys.stdout.isatty() else line
    except (ValueError, KeyError, TypeError):
        pass
    typer.echo(f"{name:<13} {line.rstrip()}" if name else line.rstrip())
