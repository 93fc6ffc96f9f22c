"""One running city for all tests of this folder, started as `tongban up` starts one, on ports and data of its own."""

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from deploy.local.city import City
from deploy.local.report import SilentReport
from deploy.local.settings import ROOT, Settings, make_folder
from tests.city.containers import broker_and_store, engine_answers
from tests.city.platform import ground, platform
from tests.city.running import RunningCity

__all__ = ["ground", "platform"]
PORTS = (
    "identity",
    "intake",
    "sharing",
    "notifications",
    "mailbox",
    "smtp",
    "kafka",
    "kafka_controller",
    "store",
    "supervisor",
)


def free_ports(*names: str) -> dict[str, int]:
    """A free port for each name."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in names]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return {f"{name}_port": one.getsockname()[1] for name, one in zip(names, sockets, strict=True)}


@contextmanager
def settings_for(state: Path) -> Iterator[Settings]:
    """A city of its own. Broker and store: what the environment names, else in containers, else embedded."""
    asked, ports = Settings(), free_ports(*PORTS)
    with ExitStack() as held:
        outside = asked.model_dump(include={"mongo_uri", "kafka_bootstrap", "kafka_admin_password"}, exclude_none=True)
        if not outside and engine_answers():
            outside = held.enter_context(broker_and_store(make_folder(state), ports))
        yield Settings.model_validate({"state": state, "cache": asked.cache_folder} | outside | ports)


@pytest.fixture(scope="session")
def city() -> Iterator[RunningCity]:
    """The city; nothing of it is left afterwards, unless TONGBAN_KEEP is set to look at its logs."""
    state = ROOT / ".tongban" / f"test-{os.getpid()}"
    with settings_for(state) as settings:
        running = City(settings)
        try:
            running.up(SilentReport())
            yield RunningCity(running)
        finally:
            running.down(SilentReport())
            if "TONGBAN_KEEP" not in os.environ:
                shutil.rmtree(state)
