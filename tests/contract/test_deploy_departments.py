"""The sample departments show how little it takes: twenty lines of their own, a plain client, nothing of ours."""

import ast
import sys
from pathlib import Path

import pytest

from deploy.setup import SAMPLES, samples

FILES = [SAMPLES / f"{name}.py" for name in samples()]
OTHERS = {"confluent_kafka"}


def test_there_are_three() -> None:
    assert samples() == ["housing", "hrss", "police"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_program_is_twenty_lines(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    docstring = ast.parse(source).body[0].end_lineno or 0
    lines = [line.strip() for line in source.splitlines()[docstring:]]
    assert len([line for line in lines if line and not line.startswith("#")]) <= 20


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_program_uses_nothing_of_ours(path: Path) -> None:
    imported: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    assert imported - sys.stdlib_module_names == OTHERS
