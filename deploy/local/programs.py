"""The programs of the city and the environment each gets: the one place that says who is told what."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.kafka.apply import Broker
from deploy.local import kafka, store
from deploy.local.processes import MARK
from deploy.local.settings import HOST, SERVICES, Settings
from deploy.local.store import Store
from deploy.setup import SAMPLES, samples

GROUPS = ("platform", "services", "departments")
"""Started in this order, stopped in the other."""
MASTER_KEYS = Path("keys") / "master.keys"
"""Beside the data and not in it: whoever has a copy of the data alone has nobody's name."""


@dataclass(frozen=True)
class Program:
    """One process the supervisor keeps alive."""

    name: str
    group: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    port: str | None = None
    """Name of the port people look at."""


@dataclass(frozen=True)
class Platform:
    """What the members run on, and their passwords."""

    settings: Settings
    broker: Broker
    store: Store
    secrets: Mapping[str, str]

    @property
    def data(self) -> Path:
        """Broker and store belong together: after a change of either's version both start empty."""
        return self.settings.state / "data" / f"kafka-{kafka.VERSION}+{self.store.name}"


def kafka_environment(broker: Broker, member: str, password: str) -> dict[str, str]:
    """What a member needs to reach the broker: services, departments and strangers alike."""
    return kafka_address(broker) | {"TONGBAN_KAFKA_USERNAME": member, "TONGBAN_KAFKA_PASSWORD": password}


def kafka_address(broker: Broker) -> dict[str, str]:
    return {
        "TONGBAN_KAFKA_BOOTSTRAP": broker.bootstrap,
        "TONGBAN_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "TONGBAN_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    }


def service_environment(platform: Platform, service: str) -> dict[str, str]:
    """What `python -m services.<service>` reads. docker-compose.yml gives the same variables."""
    settings, secrets = platform.settings, platform.secrets
    own = {
        "identity": {
            "TONGBAN_KEY_PASSPHRASE": secrets["key-passphrase"],
            "TONGBAN_LOOKUP_KEY": secrets["lookup-key"],
            "TONGBAN_OPERATOR_SECRET": secrets["operator"],
            "TONGBAN_MASTER_KEY_FILE": str(settings.state / MASTER_KEYS),
        },
        "intake": {"TONGBAN_FILES_URL": (settings.state / "files").as_uri()},
        "notifications": {
            "TONGBAN_SMTP_HOST": HOST,
            "TONGBAN_SMTP_PORT": str(settings.smtp_port),
            "TONGBAN_MAIL_FROM": "Tongban <no-reply@tongban.example>",
        },
    }
    everyone = {
        "TONGBAN_CITY": "dalian",
        "TONGBAN_INSTANCE": f"{service}-1",
        "TONGBAN_HTTP_HOST": HOST,
        "TONGBAN_HTTP_PORT": str(settings.ports[service]),
        "TONGBAN_LOG_LEVEL": settings.log_level,
        "TONGBAN_MONGO_URI": platform.store.uri,
        "TONGBAN_ISSUER": settings.urls["identity"],
        # Big blocks (a password's hash, an upload) go back to the system: 22 MB instead of 60 after forty sign-ins.
        "MALLOC_MMAP_THRESHOLD_": "262144",
    }
    return everyone | kafka_environment(platform.broker, service, secrets[service]) | own.get(service, {})


def of_city(platform: Platform) -> list[Program]:
    """Every program; broker and store only when they do not come from outside."""
    settings, data = platform.settings, platform.data
    mailbox = {"TONGBAN_MAILBOX_PORT": str(settings.mailbox_port), "TONGBAN_SMTP_PORT": str(settings.smtp_port)}
    programs = [Program("mailbox", "platform", _python("-m", "deploy.local.mailbox"), mailbox, "mailbox")]
    if not settings.outside_broker:
        environment = kafka.environment(settings, data / "kafka", platform.broker.password)
        programs.insert(0, Program("kafka", "platform", tuple(kafka.start_command(settings)), environment, "kafka"))
    if platform.store.program:
        line = store.start_command(platform.store, settings, data / "store")
        programs.insert(1, Program("store", "platform", tuple(line), store.environment(platform.store), "store"))
        if not platform.store.is_mongod:
            port = {"TONGBAN_STORE_PORT": str(settings.store_port)}
            programs.insert(2, Program("store-watch", "platform", _python("-m", "deploy.local.watch"), port))
    for service in SERVICES:
        environment = service_environment(platform, service)
        programs.append(Program(service, "services", _python("-m", f"services.{service}"), environment, service))
    for department in samples():
        environment = kafka_environment(platform.broker, department, platform.secrets[department])
        environment["TONGBAN_LEGACY"] = str(settings.state / "legacy" / f"{department}.db")
        programs.append(Program(department, "departments", _python(str(SAMPLES / f"{department}.py")), environment))
    return programs


def full_environment(program: Program, state: Path) -> dict[str, str]:
    """With what every process of the city carries: its mark, and a folder for temporary files of its own."""
    mark = {MARK: program.name, "TONGBAN_STATE": str(state), "TMPDIR": str(state / "tmp")}
    return {**program.environment, **mark}


def outer_environment() -> dict[str, str]:
    """The environment of this shell without its `TONGBAN_*`, which may be some member's credential."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TONGBAN_")}


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, *arguments)
