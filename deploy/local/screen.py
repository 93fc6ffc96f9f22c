"""The two consoles of the command line: what was asked for, and what went wrong."""

from rich.console import Console

screen = Console()
errors = Console(stderr=True)
