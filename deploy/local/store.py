"""The embedded document store: a `mongod` of the machine, else SecantusDB, a process of its own from PyPI."""

import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from deploy.local.settings import HOST, Settings
from deploy.local.trouble import Trouble

REPLICA_SET = "tongban"
ALREADY_INITIALIZED = 23
PANIC = "WT_PANIC"


@dataclass(frozen=True)
class Store:
    """Which server keeps the documents. `name` carries its version: another one must not open the same data."""

    name: str
    uri: str
    program: str | None = None
    """Path of the server to run; None: it comes from outside."""

    @property
    def is_mongod(self) -> bool:
        return self.name.startswith("mongod")


def choose(settings: Settings) -> Store:
    """TONGBAN_MONGO_URI, else `mongod` on the PATH, else SecantusDB. Raises Trouble when there is none."""
    if settings.mongo_uri is not None:
        return Store("outside", settings.mongo_uri.get_secret_value())
    uri = f"mongodb://{HOST}:{settings.store_port}/?directConnection=true"
    if mongod := shutil.which("mongod"):
        said = subprocess.run([mongod, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
        number = re.search(r"v(\d+\.\d+)", said.stdout)
        return Store(f"mongod-{number[1] if number else 'unknown'}", uri, mongod)
    native = Path(sys.executable).with_name("secantusd-rs")
    try:
        return Store(f"secantusdb-{version('secantusdb')}", uri, str(native.resolve(strict=True)))
    except (PackageNotFoundError, FileNotFoundError):
        raise Trouble(
            "There is no document store for this machine: install MongoDB 8 (mongod on the PATH), "
            "or set TONGBAN_MONGO_URI to a replica set, or use Docker: docker compose up"
        ) from None


def start_command(store: Store, settings: Settings, data: Path) -> list[str]:
    program, port = str(store.program), str(settings.store_port)
    if store.is_mongod:
        where = ["--bind_ip", HOST, "--port", port, "--dbpath", str(data)]
        return [program, *where, "--replSet", REPLICA_SET, "--wiredTigerCacheSizeGB", "0.25", "--quiet"]
    # Without --sync-on-commit a kill loses acknowledged writes; with bigger logs a restart takes ten seconds.
    config = str(Path(__file__).with_name("secantusd.toml"))
    where = ["--config", config, "--host", HOST, "--port", port, "--storage-path", str(data)]
    sizes = ["--cache-size", "256M", "--log-file-max", "32MB", "--log-level", "WARNING"]
    return [program, *where, "--sync-on-commit", *sizes]


def environment(store: Store) -> dict[str, str]:
    """SecantusDB without its log of changes: nobody follows it here, each write was written twice for it, and from its
    hundred thousandth entry on each one looked for the oldest among all that were dropped, for up to 80 ms."""
    return {} if store.is_mongod else {"SECANTUS_DISABLE_OPLOG": "1"}


def wait(store: Store, deadline_s: float) -> bool:
    """Whether the store takes writes before the deadline. Starts the replica set of a new mongod."""
    until = time.monotonic() + deadline_s
    with MongoClient[dict[str, Any]](store.uri, serverSelectionTimeoutMS=1000) as client:
        while time.monotonic() < until:
            try:
                if client.admin.command("hello").get("isWritablePrimary"):
                    return True
                if store.is_mongod:
                    _initiate(client)
            except PyMongoError:  # not there yet
                pass
            time.sleep(0.05)
    return False


def long_connection(store: Store) -> MongoClient[dict[str, Any]]:
    """For who asks again and again; it does not wait for a store that is away."""
    return MongoClient(store.uri, serverSelectionTimeoutMS=1000)


def has_given_up(client: MongoClient[dict[str, Any]]) -> bool:
    """Whether SecantusDB's engine answers its panic. Silence is none: a slow, frozen or starting store comes back."""
    try:
        client["tongban_watch"]["watch"].find_one()
    except OperationFailure as failure:
        return PANIC in str(failure)
    except PyMongoError:
        return False
    return False


def _initiate(client: MongoClient[dict[str, Any]]) -> None:
    host, port = client.address or (HOST, 27017)
    members = [{"_id": 0, "host": f"{host}:{port}"}]
    try:
        client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
    except OperationFailure as failure:
        if failure.code != ALREADY_INITIALIZED:
            raise
