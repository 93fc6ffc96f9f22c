"""Installing the neighbours into the cache, each from its lock."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from deploy.local.programs import outer_environment
from deploy.local.settings import ROOT

HERE = Path(__file__).parent
CACHE = ROOT / ".tongban" / "cache"
SECONDS = 180
PLACES = re.compile(r"\w+://\S+|(?<!\w)/\S+")


class NotHere(Exception):
    """It cannot be installed, started or asked; says why."""


def oidc_provider() -> Path:
    """The folder of npm oidc-provider, with our `provider.mjs`. Raises `NotHere`."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise NotHere("node and npm are not on the PATH")
    folder = CACHE / "bench-oidc-provider"
    if _is_new(folder, "package-lock.json"):
        for name in ("package.json", ".npmrc", "package-lock.json"):
            shutil.copy(HERE / name, folder / name)
        run("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", folder=folder)
        (folder / "installed").touch()
    shutil.copy(HERE / "provider.mjs", folder / "provider.mjs")
    return folder


def canaille() -> Path:
    """The folder of a Python environment with canaille. Raises `NotHere`."""
    folder = CACHE / "bench-canaille"
    if _is_new(folder, "canaille.lock"):
        shutil.copy(HERE / "canaille.lock", folder / "canaille.lock")
        run(sys.executable, "-m", "venv", "venv", folder=folder)
        pip = str(folder / "venv" / "bin" / "pip")
        run(pip, "install", "--quiet", "--no-deps", "--require-hashes", "-r", "canaille.lock", folder=folder)
        (folder / "installed").touch()
    return folder


def _is_new(folder: Path, lock: str) -> bool:
    """Whether what this lock says has to be installed; the folder is then there and empty."""
    kept = folder / lock
    is_there = (folder / "installed").exists() and kept.read_bytes() == (HERE / lock).read_bytes()
    if not is_there:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    return not is_there


def run(*command: str, folder: Path, told: str | None = None, **environment: str) -> str:
    """What a command says; `told` on its stdin. Raises `NotHere` with its last words."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=outer_environment() | environment,
            input=told,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotHere(f"{Path(command[0]).name}: {error}") from None
    if done.returncode:
        said = last_words(done.stderr or done.stdout)
        raise NotHere(f"{Path(command[0]).name} {command[1]} ended with {done.returncode}: {said}")
    return done.stdout


def last_words(said: str) -> str:
    """The last line that tells something, without the addresses and paths of this machine: it goes to the page."""
    lines = [line for line in said.strip().splitlines() if line.strip() and "log" not in line] or ["nothing"]
    return PLACES.sub("…", lines[-1])[:200]
