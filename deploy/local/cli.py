"""The `tongban` command. Each module of `deploy.local.commands` with a Typer app named `commands` adds its own."""

import importlib
import pkgutil
import sys
from collections.abc import Sequence
from typing import NoReturn

import typer
from confluent_kafka import KafkaException
from rich.markup import escape

from deploy.kafka.apply import reason
from deploy.local import commands
from deploy.local.screen import errors
from deploy.local.trouble import Trouble

app = typer.Typer(
    name="tongban", help="通办 Tongban: the network of a city's services.", no_args_is_help=True, add_completion=False
)
for found in pkgutil.iter_modules(commands.__path__):
    app.add_typer(importlib.import_module(f"{commands.__name__}.{found.name}").commands)


def main() -> None:
    """Exit code 0 when done, 1 when it could not be done (said in one line each), 2 for a wrong command line."""
    try:
        app()
    except Trouble as trouble:
        _tell(trouble.lines)
    except (KafkaException, TimeoutError) as error:
        _tell([f"Kafka does not do what it was asked ({reason(error)}): see tongban status"])


def _tell(lines: Sequence[str]) -> NoReturn:
    for line in lines:
        errors.print(f"[red]✗[/] {escape(line)}", highlight=False, soft_wrap=True)
    sys.exit(1)
