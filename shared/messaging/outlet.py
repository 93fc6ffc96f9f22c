"""The relay's way to Kafka: FastStream's producer, awaited per record, rebuilt after a failure."""

import asyncio
from collections.abc import Callable

from faststream.kafka import KafkaBroker

PUBLISH_SECONDS = 30.0


class KafkaOutlet:
    """An idempotent producer; see `Outlet`."""

    def __init__(self, connect: Callable[[], KafkaBroker]) -> None:
        self._connect = connect
        self._broker: KafkaBroker | None = None

    async def start(self) -> None:
        """Connect; raises what Kafka raises when it is away."""
        broker = self._connect()
        try:
            await broker.start()
        except BaseException:
            await broker.stop()
            raise
        self._broker = broker

    async def stop(self) -> None:
        """Flush and close."""
        broker, self._broker = self._broker, None
        if broker is not None:
            await broker.stop()

    async def rebuild(self) -> None:
        await self.stop()
        await self.start()

    async def ping(self) -> bool:
        """Whether the broker answers within two seconds."""
        return self._broker is not None and await self._broker.ping(timeout=2.0)

    async def publish(self, topic: str, key: str, headers: dict[str, str], value: bytes) -> None:
        if self._broker is None:
            raise ConnectionError("not connected to Kafka")
        async with asyncio.timeout(PUBLISH_SECONDS):
            confirmed = await self._broker.publish(value, topic, key=key.encode(), headers=headers, no_confirm=True)
            await confirmed
