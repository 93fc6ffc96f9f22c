"""Passwords of the embedded city: random, kept over restarts, readable by their owner only."""

import json
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

FILE = "secrets.json"


def ensure(state: Path, names: Iterable[str]) -> Mapping[str, str]:
    """A secret for each name; those already there stay as they are. Letters and digits only: they go into files."""
    path = state / FILE
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    wanted = known | {name: secrets.token_hex(20) for name in names if name not in known}
    if wanted != known:
        draft = path.with_suffix(".new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(wanted, file, indent=2)
        draft.replace(path)
    return wanted
