"""`tongban up`, `down` and `env`: the city's life, and the way in for others."""

import shlex
from typing import Annotated, Literal

import typer

from deploy.local.city import City
from deploy.local.report import ConsoleReport
from deploy.local.screen import screen
from deploy.local.settings import load
from deploy.local.trouble import Trouble

commands = typer.Typer()


@commands.command()
def up(only: Annotated[Literal["platform"] | None, typer.Option(hidden=True)] = None) -> None:
    """Start the city; what already runs stays as it is. Topics, rights and the sample city are made as declared."""
    city = _to_start()
    summary = city.up(ConsoleReport(screen), only_platform=only == "platform")
    if summary is not None:
        for line in summary.lines():
            screen.print(f"  {line}", style="dim", highlight=False)
    for name, url in city.settings.urls.items():
        if not only or name == "mailbox":
            screen.print(f"  {name:<14} {url}{'' if name == 'mailbox' else '/docs'}", highlight=False)


@commands.command()
def down() -> None:
    """Stop the city. Its data stays in the state folder."""
    city = City.here()
    if not city.settings.state.exists():
        return
    city.down(ConsoleReport(screen))
    screen.print("Nothing of the city is running.")


@commands.command()
def env(member: Annotated[str | None, typer.Option(help="with this member's credential")] = None) -> None:
    """Print shell variables for a client from outside: eval "$(tongban env --member market)"."""
    for name, value in City.here().outside_environment(member).items():
        typer.echo(f"export {name}={shlex.quote(value)}")


def _to_start() -> City:
    """The running city, or one with the settings of this environment. A running one keeps what it was started with."""
    city, asked = City.here(), load()
    if not city.running():
        return City(asked)
    named = asked.model_fields_set - {"state"} - (set() if asked.outside_broker else {"kafka_bootstrap"})
    changed = [name for name in named if getattr(asked, name) != getattr(city.settings, name)]
    if changed:
        names = ", ".join(f"TONGBAN_{name.upper()}" for name in sorted(changed))
        raise Trouble(f"The city is running with another {names}: tongban down first")
    return city
