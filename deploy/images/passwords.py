"""Writes random passwords for docker-compose.yml: python3 deploy/images/passwords.py > .env

One for each `${TONGBAN_SECRET_…}` the file asks for; those already in .env stay as they are. Standard library only.
"""

import re
import secrets
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def wanted(compose: str) -> list[str]:
    """Names of the passwords that the file asks for."""
    return sorted(set(re.findall(r"\$\{(TONGBAN_SECRET_[A-Z_]+)", compose)))


def main() -> None:
    known = dict(re.findall(r"^(\w+)=(.*)$", _text(".env"), re.MULTILINE))
    for name in wanted(_text("docker-compose.yml")):
        print(f"{name}={known.get(name) or secrets.token_hex(20)}")


def _text(name: str) -> str:
    path = ROOT / name
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    main()
