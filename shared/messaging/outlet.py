"""The relay's way to Kafka: one idempotent producer, awaited per record, built anew after a failure."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerClosed
from aiokafka.protocol.metadata import MetadataRequest

log = structlog.get_logger("outlet")

PUBLISH_SECONDS = 30.0
STOP_SECONDS = 3.0
END_SECONDS = 0.5
PING_SECONDS = 2.0
OPTIONS: dict[str, Any] = {
    "acks": "all",
    "enable_idempotence": True,
    "linger_ms": 0,
    "max_request_size": 1_048_576,
    "retry_backoff_ms": 100,
}


class KafkaOutlet:
    """See `Outlet`. `options` are those of a client (`client_options`)."""

    def __init__(self, options: Callable[[], dict[str, Any]]) -> None:
        self._options = options
        self._producer: AIOKafkaProducer | None = None

    async def rebuild(self) -> str:
        """Connect, or connect anew; the cluster's id. Raises what Kafka raises when it is away.

        What the producer before still holds fails at once: flushing one that is stuck would only cost time.
        """
        if self._producer is not None:
            producer, self._producer = self._producer, None
            await _end(producer)
        producer = AIOKafkaProducer(**self._options() | OPTIONS)
        try:
            await producer.start()
            told = await producer.client.send(producer.client.get_random_node(), MetadataRequest([]))
        except BaseException:
            await producer.stop()
            raise
        self._producer = producer
        return str(told.cluster_id)

    async def stop(self) -> None:
        """Flush and close; what cannot be flushed in time is given up."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await producer.stop()
        except TimeoutError:
            log.warning("outlet.given-up")
            await _end(producer)

    async def ping(self) -> bool:
        """Whether the broker answers within two seconds."""
        if self._producer is None:
            return False
        try:
            async with asyncio.timeout(PING_SECONDS):
                return bool(await self._producer.client.force_metadata_update())
        except (KafkaError, TimeoutError):
            return False

    async def publish(self, topic: str, key: str, headers: dict[str, str], value: bytes) -> None:
        """Returns when all replicas have the record; raises when that is not known after 30 s."""
        if self._producer is None:
            raise ConnectionError("not connected to Kafka")
        pairs = [(name, text.encode()) for name, text in headers.items()]
        async with asyncio.timeout(PUBLISH_SECONDS):
            await self._producer.send_and_wait(topic, value, key=key.encode(), headers=pairs)


async def _end(producer: AIOKafkaProducer) -> None:
    """End a producer that cannot flush. It would try on by itself, and what it holds land behind newer records."""
    with suppress(TimeoutError):
        async with asyncio.timeout(END_SECONDS):  # a second cancellation, for the sender waits for what is on its way
            await producer._sender.close()
    producer._message_accumulator.fail_all(ProducerClosed())
    await producer.client.close()
