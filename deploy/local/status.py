"""What runs, how it is, and how far the readers are behind: collected once, for people and for programs."""

import math
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from prometheus_client.parser import text_string_to_metric_families
from pydantic import BaseModel

from deploy.kafka.apply import reason
from deploy.local.city import City
from deploy.local.programs import GROUPS
from deploy.local.settings import HOST, SERVICES
from deploy.local.supervisor import ProcessState

SAMPLE_S = 1.0
ASK_S = 5.0
CANARY_S = 150.0
"""A canary comes each minute."""


class ProcessStatus(BaseModel):
    """One process. `cpu_percent` is of one core over a second; `rss_mb` its resident memory."""

    name: str
    group: str
    state: str
    pid: int | None
    up_s: int
    cpu_percent: float | None
    rss_mb: float | None
    address: str | None


class ServiceStatus(BaseModel):
    """What a service says of itself at /readyz."""

    name: str
    ready: bool
    checks: dict[str, str]
    parked: int | None
    revoked_after_s: float | None = None
    """How long the last canary took from being revoked until the service refused it; `None`: none came of late."""
    revocations_age_s: float | None = None
    """How long ago the service knew all that was revoked."""


class Lag(BaseModel):
    """Records a consumer group has not confirmed yet, by topic."""

    group: str
    topic: str
    records: int


class Status(BaseModel):
    running: bool
    state: str
    addresses: dict[str, str]
    processes: list[ProcessStatus] = []
    services: list[ServiceStatus] = []
    lag: list[Lag] = []
    lag_unknown: str | None = None
    """Why the lag could not be asked for."""

    @property
    def well(self) -> bool:
        """Everything runs and every service is ready."""
        return all(one.state == "RUNNING" for one in self.processes) and all(one.ready for one in self.services)


def collect(city: City) -> Status:
    """Ask everything there is to ask; what does not answer is part of the answer."""
    status = Status(running=city.running(), state=str(city.settings.state), addresses=addresses(city))
    if not status.running:
        return status
    states = sorted(city.supervisor.processes(), key=lambda one: (GROUPS.index(one.group), one.name))
    status.processes = _processes(states, status.addresses)
    with ThreadPoolExecutor() as pool:
        status.services = list(pool.map(lambda name: _service(name, city.settings.urls[name]), SERVICES))
    try:
        status.lag = _lag(city.platform.broker.admin())
    except (KafkaException, TimeoutError) as error:
        status.lag_unknown = reason(error)
    return status


def addresses(city: City) -> dict[str, str]:
    """Where everything is; never with a password."""
    store = urlsplit(city.platform.store.uri)
    own = {
        "smtp": f"{HOST}:{city.settings.smtp_port}",
        "kafka": city.platform.broker.bootstrap,
        "store": f"{store.scheme}://{store.netloc.rpartition('@')[2]}",
    }
    return city.settings.urls | own


def _processes(states: list[ProcessState], known: dict[str, str]) -> list[ProcessStatus]:
    alive = {one.pid: psutil.Process(one.pid) for one in states if one.pid and psutil.pid_exists(one.pid)}
    for process in alive.values():
        _cpu(process)
    time.sleep(SAMPLE_S)
    return [
        ProcessStatus(
            name=one.name,
            group=one.group,
            state=one.state,
            pid=one.pid,
            up_s=one.up_s,
            cpu_percent=_cpu(alive[one.pid]) if one.pid in alive else None,
            rss_mb=_rss(alive[one.pid]) if one.pid in alive else None,
            address=known.get(one.name),
        )
        for one in states
    ]


def _cpu(process: psutil.Process) -> float | None:
    try:
        return process.cpu_percent(None)
    except psutil.Error:
        return None


def _rss(process: psutil.Process) -> float | None:
    try:
        return round(process.memory_info().rss / 1e6, 1)
    except psutil.Error:
        return None


def _service(name: str, url: str) -> ServiceStatus:
    try:
        said: dict[str, Any] = httpx.get(f"{url}/readyz", timeout=ASK_S).json()
        figures = _figures(httpx.get(f"{url}/metrics", timeout=ASK_S).text)
    except (httpx.HTTPError, ValueError) as error:
        return ServiceStatus(name=name, ready=False, checks={"http": str(error)}, parked=None)
    return ServiceStatus(
        name=name,
        ready=said["ready"],
        checks=said["checks"],
        parked=said["parked"],
        revoked_after_s=figures.get("tongban_revocation_canary_seconds") if _sang(figures) else None,
        revocations_age_s=figures.get("tongban_revocations_age_seconds"),
    )


def _sang(figures: dict[str, float]) -> bool:
    """Of late: one that no longer sings says nothing."""
    return time.time() - figures.get("tongban_revocation_canary_at", 0.0) < CANARY_S


def _figures(metrics: str) -> dict[str, float]:
    """The figures without labels; JSON knows no endless ones."""
    samples = (sample for family in text_string_to_metric_families(metrics) for sample in family.samples)
    return {sample.name: sample.value for sample in samples if not sample.labels and math.isfinite(sample.value)}


def _lag(admin: AdminClient) -> list[Lag]:
    listed = admin.list_consumer_groups(request_timeout=ASK_S).result(ASK_S)
    if listed.errors:  # a broker that does not answer is one of the results
        raise KafkaException(listed.errors[0])
    groups = sorted(group.group_id for group in listed.valid)
    behind = {group: _confirmed(admin, group) for group in groups}
    wanted = sorted({(one.topic, one.partition) for found in behind.values() for one in found})
    ends, starts = (_offsets(admin, wanted, spec()) for spec in (OffsetSpec.latest, OffsetSpec.earliest))
    totals: dict[tuple[str, str], int] = {}
    for group, found in behind.items():
        for one in found:
            at = (one.topic, one.partition)
            behind_by = ends[at] - max(one.offset, starts[at])
            totals[group, one.topic] = totals.get((group, one.topic), 0) + max(behind_by, 0)
    return [Lag(group=group, topic=topic, records=records) for (group, topic), records in sorted(totals.items())]


def _confirmed(admin: AdminClient, group: str) -> list[TopicPartition]:
    """What the group confirmed, and -1 for what its members read without having confirmed anything."""
    asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)], request_timeout=ASK_S)
    confirmed = {(one.topic, one.partition): one for one in asked[group].result(ASK_S).topic_partitions}
    members = admin.describe_consumer_groups([group], request_timeout=ASK_S)[group].result(ASK_S).members
    for one in [one for member in members for one in member.assignment.topic_partitions]:
        confirmed.setdefault((one.topic, one.partition), TopicPartition(one.topic, one.partition, -1))
    return list(confirmed.values())


def _offsets(admin: AdminClient, wanted: list[tuple[str, int]], spec: OffsetSpec) -> dict[tuple[str, int], int]:
    if not wanted:
        return {}
    answers = admin.list_offsets({TopicPartition(*at): spec for at in wanted}, request_timeout=ASK_S)
    return {(one.topic, one.partition): answer.result(ASK_S).offset for one, answer in answers.items()}
