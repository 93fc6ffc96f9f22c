"""What can go wrong before a city starts is said in one line, with what to do; nothing is started then."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Up = Callable[..., list[str]]


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    """All that is on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


@pytest.fixture
def up(tmp_path: Path, bin_folder: Path) -> Up:
    """`tongban up` on a machine with just that PATH: what it says on failure, line by line."""

    def run(**environment: str) -> list[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TONGBAN_")}
        kept.pop("JAVA_HOME", None)
        told = {"PATH": str(bin_folder), "TONGBAN_STATE": str(tmp_path / "state"), **_free_ports(), **environment}
        command = str(Path(sys.executable).with_name("tongban"))
        done = subprocess.run([command, "up"], env=kept | told, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 1, done.stdout
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "state" / "supervisord.pid").exists()
        return [line.removeprefix("✗ ") for line in done.stderr.splitlines()]

    return run


def _free_ports() -> dict[str, str]:
    names = ("IDENTITY", "INTAKE", "SHARING", "NOTIFICATIONS", "MAILBOX", "SMTP", "KAFKA", "KAFKA_CONTROLLER")
    sockets = [socket.socket() for _ in (*names, "STORE", "SUPERVISOR")]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [str(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return {f"TONGBAN_{name}_PORT": port for name, port in zip((*names, "STORE", "SUPERVISOR"), ports, strict=True)}


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def java(bin_folder: Path) -> None:
    program(bin_folder, "java", "echo 'openjdk version \"21.0.1\"' >&2")


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def test_no_java(up: Up) -> None:
    (said,) = up()
    assert said.startswith("Kafka needs Java and there is none on the PATH: install Java 17 or newer")


def test_a_java_that_is_too_old(up: Up, bin_folder: Path) -> None:
    program(bin_folder, "java", "echo 'java version \"11.0.2\" 2019-01-15' >&2")
    (said,) = up()
    assert said.startswith(f"{bin_folder}/java is Java 11: install Java 17 or newer")


@pytest.mark.usefixtures("java")
def test_no_maven(up: Up) -> None:
    (said,) = up()
    assert said.startswith("Maven is needed once, to fetch Kafka, and there is no `mvn` on the PATH: install it")


@pytest.mark.usefixtures("java")
def test_maven_cannot_fetch(up: Up, bin_folder: Path, tmp_path: Path) -> None:
    program(bin_folder, "mvn", "echo '[ERROR] Could not transfer artifact kafka: unknown host'; exit 1")
    said, remedy = up()
    assert said == "Maven could not fetch Kafka: Could not transfer artifact kafka: unknown host"
    assert remedy.startswith("Check the network")
    program(bin_folder, "mvn", "exit 0")
    shutil.rmtree(tmp_path / "state" / "cache")
    assert up()[0].startswith("Maven could not fetch Kafka"), "an empty folder is not Kafka"


@pytest.mark.usefixtures("java")
def test_ports_that_are_taken(up: Up, listener: int) -> None:
    (said,) = up(TONGBAN_STORE_PORT=str(listener))
    assert said.startswith(f"port {listener} for store is taken by ")
    assert f"(pid {os.getpid()})" in said
    assert said.endswith("stop that, or set TONGBAN_STORE_PORT to a free one")


def test_wrong_settings(up: Up) -> None:
    assert len(up(TONGBAN_STORE_PORT="x", TONGBAN_KAFKA_PORT="99999", TONGBAN_LOG_LEVEL="LOUD")) == 3


def test_a_state_folder_that_cannot_be_written(up: Up, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (said,) = up(TONGBAN_STATE=str(tmp_path / "file" / "state"))
    assert said.endswith("make it writable or set TONGBAN_STATE")
