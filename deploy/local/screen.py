"""The two consoles of the command line: what was asked for, and what went wrong."""

import os
import sys

from rich.console import Console

# Rich takes a pipe for 80 columns; whatever reads one wants whole lines.
WIDTH = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 250

screen = Console(width=WIDTH)
errors = Console(stderr=True)
