"""Broker and store in containers where a Docker engine answers: those of docker-compose.yml, on ports of their own."""

import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from testcontainers.compose import DockerCompose

from deploy.images.passwords import wanted
from deploy.local.settings import HOST, ROOT

COMPOSE = ROOT / "docker-compose.yml"


def engine_answers() -> bool:
    """Whether there is a Docker engine, and Compose to speak to it."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    return subprocess.run([docker, "compose", "ls"], check=False, capture_output=True).returncode == 0


@contextmanager
def broker_and_store(state: Path, ports: dict[str, int]) -> Iterator[dict[str, Any]]:
    """Settings that name the two, running inside; published on the city's own ports."""
    passwords = {name: secrets.token_hex(20) for name in wanted(COMPOSE.read_text(encoding="utf-8"))}
    names = {"TONGBAN_KAFKA_PORT": ports["kafka_port"], "TONGBAN_STORE_PORT": ports["store_port"]}
    project = {"COMPOSE_PROJECT_NAME": f"tongban-{state.name}"}
    env_file = state / "compose.env"
    env_file.write_text("".join(f"{name}={value}\n" for name, value in {**passwords, **names, **project}.items()))
    with DockerCompose(ROOT, services=["kafka", "store"], env_file=str(env_file)):
        yield {
            "kafka_bootstrap": f"{HOST}:{ports['kafka_port']}",
            "kafka_admin_password": passwords["TONGBAN_SECRET_ADMIN"],
            "mongo_uri": f"mongodb://root:{passwords['TONGBAN_SECRET_STORE']}@{HOST}:{ports['store_port']}"
            "/?directConnection=true",
        }
