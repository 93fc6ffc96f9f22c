"""Who may import whom: the rules of `.importlinter` hold, cover every service and feature, and each can fail."""

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RULES = configparser.ConfigParser()
RULES.read(ROOT / ".importlinter")

# One planted violation for each rule: where it stands, and what it says.
PLANTED = {
    "services-are-strangers": ("services/intake/cases/planted.py", "import services.sharing.policy\n"),
    "shared-below-services": ("shared/planted.py", "import services.intake.policy\n"),
    "pure-domain": ("services/intake/files/domain.py", "import shared.messaging.lane\n"),
    "commands-and-handlers-without-frameworks": ("services/intake/items/commands.py", "import fastapi\n"),
    "driver-behind-the-seam": ("services/intake/rules/api.py", "import motor.motor_asyncio\n"),
    "features-point-down": ("services/intake/cases/domain.py", "import services.intake.cases.commands\n"),
}


def lint(folder: Path) -> str:
    run = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return run.stdout + run.stderr


def test_the_rules_hold() -> None:
    assert ", 0 broken." in lint(ROOT)


@pytest.mark.parametrize("rule", sorted(PLANTED))
def test_a_planted_violation_is_found(rule: str, tmp_path: Path) -> None:
    for name in ("services", "shared", "deploy"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.yaml"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    file, line = PLANTED[rule]
    planted = tmp_path / file
    planted.write_text((planted.read_text() if planted.exists() else "") + line)
    broken = [line for line in lint(tmp_path).splitlines() if " BROKEN" in line]
    assert any(RULES[f"importlinter:contract:{rule}"]["name"] in line for line in broken), broken


def test_every_rule_has_its_planted_violation() -> None:
    rules = {name.rpartition(":")[2] for name in RULES.sections() if name.startswith("importlinter:contract:")}
    assert rules == set(PLANTED)


def test_the_rules_cover_every_service_and_feature() -> None:
    services = {f"services.{path.parent.name}" for path in (ROOT / "services").glob("*/app.py")}
    assert set(RULES["importlinter:contract:services-are-strangers"]["modules"].split()) == services
    features = {".".join(path.relative_to(ROOT).parts[:3]) for path in (ROOT / "services").glob("*/*/domain.py")}
    assert set(RULES["importlinter:contract:features-point-down"]["containers"].split()) == features
