"""Sets a platform up for the city, once, in containers: topics, principals, rights, the sample city.

`python -m deploy.setup` reads TONGBAN_KAFKA_BOOTSTRAP, TONGBAN_KAFKA_ADMIN_PASSWORD, TONGBAN_OPERATOR_SECRET,
TONGBAN_<SERVICE>_URL and, for each member, TONGBAN_SECRET_<MEMBER>. Safe to repeat. `tongban up` does the same for
the embedded city with a person watching.
"""

import asyncio
import os
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import httpx

from deploy.city.load import load as load_city
from deploy.kafka.apply import Broker, apply
from deploy.kafka.declared import departments
from deploy.kafka.declared import load as load_declared

CITY_FOLDER = Path(__file__).parent / "city"
SAMPLES = CITY_FOLDER / "departments"
READY_S = 180.0


def samples() -> list[str]:
    """Departments that have a sample system."""
    return sorted(path.stem for path in SAMPLES.glob("*.py") if not path.stem.startswith("_"))


def make_legacy(folder: Path) -> None:
    """The databases the sample departments have had for years."""
    script = (SAMPLES / "legacy.sql").read_text(encoding="utf-8")
    for department in samples():
        with closing(sqlite3.connect(folder / f"{department}.db")) as database:
            database.executescript(script)


def main() -> None:
    """Raises what went wrong: the container ends with a failure and is started again."""
    env = os.environ
    declared = load_declared(departments(CITY_FOLDER))
    broker = Broker(env["TONGBAN_KAFKA_BOOTSTRAP"], env["TONGBAN_KAFKA_ADMIN_PASSWORD"])
    passwords = {member: env[f"TONGBAN_SECRET_{member.upper()}"] for member in declared.members}
    changed = apply(broker.admin(), declared, passwords).lines()
    print(f"The broker is as declared; {len(changed)} differences were put right.")
    make_legacy(Path(env["TONGBAN_LEGACY_FOLDER"]))
    addresses = {service: env[f"TONGBAN_{service.upper()}_URL"] for service in declared.services}
    _wait_for(addresses)
    print(asyncio.run(load_city(addresses, env["TONGBAN_OPERATOR_SECRET"], CITY_FOLDER)))


def _wait_for(addresses: Mapping[str, str]) -> None:
    until = time.monotonic() + READY_S
    for service, url in addresses.items():
        while not _ready(url):
            if time.monotonic() > until:
                raise TimeoutError(f"{service} is not ready after {READY_S:.0f} s")
            time.sleep(0.5)


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5.0).is_success
    except httpx.HTTPError:
        return False


if __name__ == "__main__":
    main()
