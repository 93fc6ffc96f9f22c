"""The embedded broker: one Kafka node from its published jars, formatted once, started by the supervisor."""

import base64
import hashlib
import os
import re
import shutil
import subprocess
import time
import uuid
from functools import cache
from pathlib import Path

from confluent_kafka import KafkaException

from deploy.kafka.apply import Broker
from deploy.kafka.declared import ADMIN
from deploy.local.settings import HOST, Settings, make_folder
from deploy.local.trouble import Trouble

HERE = Path(__file__).parent
CONFIG = HERE.parent / "kafka"
VERSION = "4.4.0"
JAVA_AT_LEAST = 17
MAVEN_S = 600


def jars(settings: Settings) -> Path:
    return settings.cache_folder / f"kafka-{VERSION}"


def install(settings: Settings) -> None:
    """Fetch the jars with Maven unless they are there. Everything it writes stays in the cache folder."""
    if jars(settings).exists():
        return
    maven = shutil.which("mvn")
    if maven is None:
        raise Trouble(
            "Maven is needed once, to fetch Kafka, and there is no `mvn` on the PATH: install it "
            "(Debian, Ubuntu: apt install maven; macOS: brew install maven), or use Docker: docker compose up"
        )
    draft = settings.cache_folder / "kafka.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft, temporary = make_folder(draft), make_folder(settings.state / "tmp")
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={draft}"]
    repository = f"-Dmaven.repo.local={settings.cache_folder / 'm2'}"
    options = f"{os.environ.get('MAVEN_OPTS', '')} -XX:-UsePerfData -Djava.io.tmpdir={temporary}".strip()
    line = [maven, "-q", "-B", "-f", str(HERE / "pom.xml"), repository, *goal]
    done = _run(line, {"MAVEN_OPTS": options}, MAVEN_S)
    if done.returncode or not any(draft.glob("kafka_*.jar")):
        raise Trouble(
            f"Maven could not fetch Kafka: {_reason(done.stdout + done.stderr)}",
            "Check the network, and the mirror or proxy in ~/.m2/settings.xml; then run this again",
        )
    draft.rename(jars(settings))
    shutil.rmtree(settings.cache_folder / "m2", ignore_errors=True)


@cache
def java() -> str:
    """The Java to use. Raises Trouble when there is none or it is too old."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    remedy = "install Java 17 or newer (Debian, Ubuntu: apt install openjdk-17-jre-headless) or set JAVA_HOME"
    if found is None:
        raise Trouble(f"Kafka needs Java and there is none {'in JAVA_HOME' if home else 'on the PATH'}: {remedy}")
    said = _run([found, "-XX:-UsePerfData", "-version"], {}, 30)
    version = re.search(r'version "(\d+)', said.stderr + said.stdout)
    if version is None or int(version[1]) < JAVA_AT_LEAST:
        raise Trouble(f"{found} is Java {version[1] if version else 'of an unknown version'}: {remedy}")
    return found


def command(settings: Settings, *program: str, dump: bool = False) -> list[str]:
    """A Java command line with the broker's jars."""
    # The archive of loaded classes belongs to one Java and these jars; a missing or stale one only slows the start.
    archive = "ArchiveClassesAtExit" if dump else "SharedArchiveFile"
    return [
        *(java(), "-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"),
        *(f"-XX:{archive}={jars(settings)}.jsa", "-Xshare:auto", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"),
        *(f"-Djava.io.tmpdir={settings.state / 'tmp'}", "-Dlog4j2.disable.jmx=true"),
        *(f"-Dlog4j2.configurationFile={CONFIG / 'log4j2.properties'}", "-cp", f"{jars(settings)}/*", *program),
    ]


def start_command(settings: Settings) -> list[str]:
    return command(settings, "kafka.Kafka", str(CONFIG / "server.properties"))


def environment(settings: Settings, data: Path, password: str) -> dict[str, str]:
    """What `server.properties` leaves open."""
    return {
        "BROKER_LISTENERS": f"CLIENT://{HOST}:{settings.kafka_port}",
        "BROKER_ADVERTISED": f"CLIENT://{HOST}:{settings.kafka_port}",
        "BROKER_CONTROLLER_PORT": str(settings.kafka_controller_port),
        "BROKER_DATA": str(data),
        "BROKER_PASSWORD": password,
    }


def is_formatted(data: Path) -> bool:
    """Whether the folder is a broker's; without that the broker does not start."""
    return (data / "meta.properties").exists()


def format_once(settings: Settings, data: Path, password: str) -> None:
    """Make the broker's data folder, with the super user in it, unless it is there."""
    if is_formatted(data):
        return
    arguments = ["format", "--cluster-id", _cluster_id(), "--config", str(CONFIG / "server.properties")]
    archive = Path(f"{jars(settings)}.jsa")
    arguments += ["--add-scram", _scram(password)]
    line = command(settings, "kafka.tools.StorageTool", *arguments, dump=not archive.exists())
    done = _run(line, environment(settings, data, password), 120)
    if done.returncode:  # its usual output contains keys and is not shown
        raise Trouble(f"Kafka could not format {data}: {_reason(done.stderr)}")


def wait(broker: Broker, deadline_s: float) -> bool:
    """Whether the broker answers the super user before the deadline."""
    until = time.monotonic() + deadline_s
    admin = broker.admin()
    while time.monotonic() < until:
        try:
            admin.describe_cluster(request_timeout=2.0).result(2.5)
            return True
        except (KafkaException, TimeoutError):  # not there yet
            pass
    return False


def _cluster_id() -> str:
    while (name := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return name


def _scram(password: str) -> str:
    """The super user's credential, salted here: the process list shows command lines."""
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 4096)
    parts = {"salt": salt, "saltedpassword": salted}
    coded = ",".join(f'{name}="{base64.b64encode(value).decode()}"' for name, value in parts.items())
    return f"SCRAM-SHA-512=[name={ADMIN},iterations=4096,{coded}]"


def _run(line: list[str], environment: dict[str, str], timeout_s: float) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603 - fixed programs, arguments of our own
            line, env=os.environ | environment, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        raise Trouble(f"{Path(line[0]).name} has not finished after {timeout_s:.0f} s: check the network") from None


def _reason(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("[ERROR] ") for line in lines if "ERROR" in line]
    return (errors or lines or ["no reason given"])[0][:300]
