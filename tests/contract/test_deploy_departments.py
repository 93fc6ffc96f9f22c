"""The sample departments show how little it takes: some twenty lines, a plain client, nothing of ours."""

import ast
import sys
from pathlib import Path

import pytest

from deploy.setup import SAMPLES, samples

FILES = [SAMPLES / f"{name}.py" for name in samples()]
TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"
OTHERS = {"confluent_kafka"}
LINES, WITH_A_SECOND_JOB = 21, {"police": 30}


def test_there_are_four() -> None:
    assert samples() == ["housing", "hrss", "market", "police"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_program_is_some_twenty_lines(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    docstring = ast.parse(source).body[0].end_lineno or 0
    assert lines_of_code(source.splitlines()[docstring:]) <= WITH_A_SECOND_JOB.get(path.stem, LINES)


def test_the_tutorials_program_is_twenty_lines_too() -> None:
    blocks = TUTORIAL.read_text(encoding="utf-8").split("```")
    (program,) = [block for block in blocks if 'produce("weather.out"' in block]
    ast.parse(program.removeprefix("python\n"))
    assert 10 < lines_of_code(program.removeprefix("python\n").splitlines()) <= 20


def lines_of_code(lines: list[str]) -> int:
    return sum(1 for line in lines if line.strip() and not line.strip().startswith("#"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_program_uses_nothing_of_ours(path: Path) -> None:
    imported: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    assert imported - sys.stdlib_module_names == OTHERS
