"""`tongban keys`: the master keys that close people's data keys."""

import os
import subprocess
import sys
import time
from typing import Any

import typer

from deploy.local.city import City
from deploy.local.client import Network, Program
from deploy.local.screen import screen
from deploy.local.trouble import Trouble

commands = typer.Typer()
keys = typer.Typer(help="Master keys, and the data keys they close.", no_args_is_help=True)
commands.add_typer(keys, name="keys")


def _identity(city: City) -> Network:
    city.require_running()
    urls = city.settings.urls
    return Network(urls, Program(urls["identity"], "operator", city.platform.secrets["operator"]))


@keys.command()
def status() -> None:
    """Which master key closes, and how many data keys still need another one."""
    _tell(_identity(City.here()).get("identity", "/master-keys"))


@keys.command()
def rewrap() -> None:
    """Have all data keys closed by the first master key of the file. Safe to repeat, and to stop."""
    _tell(_rewrapped(_identity(City.here())))


@keys.command()
def rotate() -> None:
    """Put a new master key on top of the file of this city, and have all data keys closed by it."""
    city = City.here()
    network = _identity(city)
    environment = next(program.environment for program in city.programs if program.name == "identity")
    line = [sys.executable, "-m", "services.identity.datakeys.masterkeys"]
    environ = {**os.environ, **environment}
    done = subprocess.run(line, env=environ, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    if done.returncode:
        raise Trouble(done.stderr.strip())
    file = environment["TONGBAN_MASTER_KEY_FILE"]
    screen.print(f"{file} begins with {done.stdout.strip()} now.", highlight=False, soft_wrap=True)
    _tell(_rewrapped(network))
    screen.print("The lines below it may go once no copy of the data is kept that needs them.", style="dim")


def _rewrapped(network: Network) -> dict[str, Any]:
    network.ask("identity", "POST", "/master-keys/rewrap")
    with screen.status("closing data keys") as shown:
        while (state := network.get("identity", "/master-keys"))["run"]["running"]:
            shown.update(f"{state['run']['rewrapped']} data keys so far, {state['left']} left")
            time.sleep(0.2)
    if state["run"]["error"]:
        raise Trouble(f"It broke off ({state['run']['error']}), {state['left']} are left: tongban logs identity")
    found: dict[str, Any] = state
    return found


def _tell(state: dict[str, Any]) -> None:
    left = "no data key needs another one" if state["left"] == 0 else f"{state['left']} data keys need another one"
    screen.print(f"Master key {state['current']} closes; {left}.", highlight=False)
