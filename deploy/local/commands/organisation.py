"""`tongban organisation export` and `import`: divisions, departments with their duties, and officers as one file."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import Progress

from deploy.city import organisation as file
from deploy.city.load import operator, put_all
from deploy.city.organisation import Change, How
from deploy.city.reading import CityError
from deploy.local.city import City
from deploy.local.screen import screen
from deploy.local.trouble import Trouble
from shared.clock import SystemClock, city_date

commands = typer.Typer()
organisation = typer.Typer(
    help="Divisions, departments with their duties, and officers, as a file.", no_args_is_help=True
)
commands.add_typer(organisation, name="organisation")
MARKS: dict[How, str] = {
    "created": "[green]+[/]",
    "changed": "[yellow]~[/]",
    "taken away": "[red]-[/]",
    "stays": "[dim]=[/]",
}
DIFFERENT = 3


@organisation.command("export")
def export_() -> None:
    """Write the organisation as YAML: `tongban organisation export > org.yaml`. It has names and no passwords."""
    try:
        typer.echo(asyncio.run(_exported(_city())), nl=False)
    except CityError as error:
        raise Trouble(*error.faults) from error


@organisation.command("import")
def import_(
    path: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="a file as `export` writes it")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be done, and do nothing")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask before something is taken away")] = False,
) -> None:
    """Make the organisation as the file says. The same file again changes nothing.

    The file is the whole: officers it does not name lose their posts, duties it does not name are given up. Divisions
    and departments it does not name stay. A new officer needs a `password`; of one who is there it is not looked at. A
    new department also needs its topics: add it to deploy/city/departments.yaml. `tongban up` puts the sample city's
    own files in force again.

    Everything wrong with the file is told before anything is changed. Exit code 0: it is so now, or with --dry-run it
    was so already; 3: with --dry-run something would be done; 1: it could not be done.
    """
    city = _city()
    try:
        found = asyncio.run(_different(city, path))
        _show(found)
        todo = [change for change in found if change.how != "stays"]
        if dry_run and todo:
            raise typer.Exit(DIFFERENT)
        if todo:
            lost = sum(change.how == "taken away" for change in todo)
            if lost and not yes:
                typer.confirm(f"{lost} would be taken away. Go on?", abort=True)
            asyncio.run(_made_so(city, todo))
    except CityError as error:
        raise Trouble(*error.faults) from error


def _city() -> City:
    city = City.here()
    city.require_running()
    return city


async def _exported(city: City) -> str:
    identity = city.settings.urls["identity"]
    async with operator(identity, city.platform.secrets["operator"]) as http:
        return file.written(await file.kept(http, identity))


async def _different(city: City, path: Path) -> list[Change]:
    wanted, identity = file.read(path), city.settings.urls["identity"]
    async with operator(identity, city.platform.secrets["operator"]) as http:
        now, today = await file.kept(http, identity), city_date(SystemClock().now())
        return await file.changes(http, identity, now, wanted, today)


async def _made_so(city: City, found: list[Change]) -> None:
    puts = file.puts_of(found)
    async with operator(city.settings.urls["identity"], city.platform.secrets["operator"]) as http:
        with Progress(console=screen, transient=True) as progress:
            task = progress.add_task("Importing", total=len(puts))
            await put_all(http, city.settings.urls, puts, lambda: progress.advance(task))


def _show(found: list[Change]) -> None:
    for change in found:
        note = " is not in the file" if change.how == "stays" else ""
        screen.print(f"{MARKS[change.how]} {escape(change.what)}{note}", highlight=False)
        for one in change.fields:
            before, after = escape(one.before) or "[dim]nothing[/]", escape(one.after) or "[dim]nothing[/]"
            told = after if change.how == "created" else before if change.how == "taken away" else f"{before} → {after}"
            screen.print(f"    {escape(one.name)}: {told}", highlight=False)
    counts = Counter(change.how for change in found)
    told = ", ".join(f"{counts[how]} {how}" for how in MARKS if counts[how])
    screen.print(told or "Nothing differs.", highlight=False)
