"""How we connect to Kafka: the same settings for lanes, tables and the relay."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import KafkaError
from faststream.kafka import KafkaBroker
from faststream.security import BaseSecurity, SASLScram256, SASLScram512

from shared import tls
from shared.settings import ServiceSettings

log = logging.getLogger("kafka")

WAIT_MS = 1000
LEAVE_SECONDS = 1.0


def security(settings: ServiceSettings) -> BaseSecurity | None:
    """FastStream's security object for our settings; `None` for a plain broker (tests only)."""
    if not settings.kafka_security_protocol.startswith("SASL"):
        return None
    scram = {"SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}[settings.kafka_sasl_mechanism]
    return scram(
        username=settings.kafka_username,
        password=settings.kafka_password.get_secret_value(),
        ssl_context=_tls(settings),
    )


def client_options(settings: ServiceSettings) -> dict[str, Any]:
    """The same for a bare aiokafka client."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap,
        "security_protocol": settings.kafka_security_protocol,
        "client_id": settings.instance,
        "metadata_max_age_ms": 30_000,
        "retry_backoff_ms": 200,
    }
    if settings.kafka_security_protocol.startswith("SASL"):
        options |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_username,
            "sasl_plain_password": settings.kafka_password.get_secret_value(),
        }
    if (secure := _tls(settings)) is not None:
        options["ssl_context"] = secure
    return options


def _tls(settings: ServiceSettings) -> ssl.SSLContext | None:
    return tls.context(settings.kafka_ca_file) if settings.kafka_security_protocol.endswith("SSL") else None


async def _unread(records: tuple[Any, ...], original: Callable[[Any], Awaitable[Any]]) -> Any:
    """FastStream's message of a batch, without a look into its records: the lane reads them itself, strictly.

    FastStream's own parser decodes every header of every record, and dies of one that is null or not UTF-8.
    """
    message = await original((replace(records[0], headers=(), value=None),))
    message.raw_message = records
    return message


class PatientConsumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka is untyped
    """Waits for records as long as there are none, and remembers why it cannot read.

    After an empty poll FastStream sleeps as long as the poll may last, and does not look meanwhile. So the poll
    lasts long here, whatever it asks for, and the sleep is short: less delay, and less work while idle.
    """

    error: str | None = None

    async def stop(self) -> None:
        """Leave the group, so that others take over at once: aiokafka lets a static member's partitions wait."""
        if isinstance(coordinator := self._coordinator, GroupCoordinator):
            leave = coordinator._maybe_leave_group

            async def leave_in_time() -> None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LEAVE_SECONDS):
                        await leave()

            coordinator._group_instance_id, coordinator._maybe_leave_group = None, leave_in_time
        await super().stop()

    async def getmany(self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None) -> Any:
        try:
            found = await super().getmany(*partitions, timeout_ms=max(timeout_ms, WAIT_MS), max_records=max_records)
        except KafkaError as exc:
            self.error = repr(exc)
            raise
        self.error = None
        return found


class _PatientBroker(KafkaBroker):
    async def _connect(self) -> Callable[..., AIOKafkaConsumer]:
        built = await super()._connect()
        assert isinstance(built, partial)  # noqa: S101 - how FastStream 0.7 makes its consumers
        self.config.broker_config.builder = partial(PatientConsumer, **built.keywords)
        return self.config.broker_config.builder


async def readable_topics(settings: ServiceSettings) -> set[str]:
    """The topics that are there and that we may read; raises what Kafka raises when it is away."""
    consumer = AIOKafkaConsumer(**client_options(settings))
    try:
        await consumer.start()
        return set(await consumer.topics())
    finally:
        await consumer.stop()


def consumer_broker(settings: ServiceSettings) -> KafkaBroker:
    """A broker that only reads."""
    return _PatientBroker(
        settings.kafka_bootstrap,
        security=security(settings),
        client_id=settings.instance,
        consumer_only=True,
        allow_auto_create_topics=False,
        apply_types=False,
        parser=_unread,
        graceful_timeout=1.0,
        metadata_max_age_ms=30_000,
        retry_backoff_ms=200,
        logger=log,
        log_level=logging.DEBUG,
    )
