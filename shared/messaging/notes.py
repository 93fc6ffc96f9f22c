"""What the relays of one service's replicas tell each other: which broker they publish to, and where was written.

One of them publishes for all. It is told of the others' writes by counters, so that nothing need be taken back: who
reads remembers what it read. To ask every collection instead cost a service with twenty of them a core's fiftieth.
"""

from collections.abc import Iterable

from shared.store.collection import Database, DuplicateKey

BROKER, WRITTEN = "broker", "written"


class Notes:
    """The notes of one service, in its store; `brokers` is what their collection was for at first."""

    def __init__(self, database: Database) -> None:
        self._notes = database.collection("brokers")
        self._read: dict[str, int] = {}

    async def broker(self) -> str | None:
        """The broker that knows what the marks say; `None`: none yet."""
        note = await self._notes.get(BROKER)
        return None if note is None else str(note["name"])

    async def another_broker(self, name: str) -> None:
        """From now on it is this one."""
        await self._notes.update({"_id": BROKER}, {"$set": {"name": name}}, upsert=True)

    async def tell(self, collections: Iterable[str]) -> None:
        """There is something to publish in these. Told after it was written: who reads of it finds it."""
        counted = {f"times.{name}": 1 for name in collections}
        try:
            await self._notes.update({"_id": WRITTEN}, {"$inc": counted}, upsert=True)
        except DuplicateKey:  # another replica made the note at the same moment
            await self._notes.update({"_id": WRITTEN}, {"$inc": counted})

    async def heard(self) -> set[str]:
        """The collections of which something was told since we were asked last."""
        note = await self._notes.get(WRITTEN)
        times: dict[str, int] = {} if note is None else note["times"]
        heard = {name for name, count in times.items() if count != self._read.get(name)}
        self._read = times
        return heard
