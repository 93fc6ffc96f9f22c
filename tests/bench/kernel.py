"""What the kernel costs: hop latency, events a second through a lane, idle CPU and memory of a service.

`tongban up --only platform`, then `python -m tests.bench.kernel`. Not part of the test run; the figures and the
constants that follow from them stand in docs/adr.
"""

import asyncio
import random
import time
from collections.abc import Sequence

import psutil

from deploy.local.city import City
from shared.testing.waiting import eventually
from tests.city.office import Office
from tests.city.platform import Ground
from tests.city.test_kernel_tables import ANSWER, COMPACTED, _headers
from tests.petitions import PetitionAnswered

SAMPLES = 500
EVENTS = 10_000
IDLE_SECONDS = 30.0


def _at(sorted_: Sequence[float], share: float) -> float:
    return sorted_[min(len(sorted_) - 1, int(len(sorted_) * share))]


async def hop(ground: Ground) -> str:
    """Write → relay → Kafka → lane → effect, some twenty a second at random moments, in one process."""
    topic = ground.topic()
    office = ground.office(reading=(topic,))
    began: dict[str, float] = {}
    async with ground.running(office):
        await eventually(lambda: _assigned(office), within=20)
        for n in range(SAMPLES):
            began[f"p{n}:1"] = time.time()
            await office.file(ground.service, f"p{n}")
            await asyncio.sleep(random.uniform(0.01, 0.09))
        await eventually(lambda: _heard(office, SAMPLES), within=20)
        found = await office.effects.find({}, limit=SAMPLES)
    took = sorted((event["at"] - began[event["_id"]]) * 1000 for event in found)
    return f"hop: p50 {_at(took, 0.5):.1f} ms, p90 {_at(took, 0.9):.1f} ms, p99 {_at(took, 0.99):.1f} ms"


async def _assigned(office: Office) -> bool:
    return office.runtime.lane is not None and bool(office.runtime.lane.assigned())


async def _heard(office: Office, count: int) -> bool:
    return await office.effects.count({}) >= count


async def through_a_lane(ground: Ground) -> str:
    """Events of 500 keys that wait on a topic, one write into the store each."""
    topic = ground.topic()
    producer = ground.producer(**{"linger.ms": 20})
    for n in range(EVENTS):
        key, sequence = f"p{n % 500}", n // 500 + 1
        producer.produce(topic, ANSWER, key=key.encode(), headers=_headers(PetitionAnswered.type, key, sequence))
        producer.poll(0)
    producer.flush(30)
    office = ground.office(reading=(topic,))
    async with ground.running(office):
        await eventually(lambda: _heard(office, 1), within=20, every=0.005)
        began = time.monotonic()
        await eventually(lambda: _heard(office, EVENTS), within=120, every=0.2)
        took = time.monotonic() - began
    return f"lane: {EVENTS / took:.0f} events/s"


async def through_a_relay(ground: Ground) -> str:
    """Journal entries of 2,000 documents, one each, that wait to be published."""
    topic = ground.topic()
    office = ground.office()
    await office.petitions.ensure()
    ids = [f"p{n}" for n in range(2000)]
    for chunk in (ids[i : i + 100] for i in range(0, len(ids), 100)):
        await asyncio.gather(*(office.file(ground.service, id_) for id_ in chunk))
    assert topic
    began = time.monotonic()
    async with ground.running(office):
        await eventually(lambda: _published(office), within=60, every=0.05)
        took = time.monotonic() - began
    return f"relay: {len(ids) / took:.0f} entries/s"


async def _published(office: Office) -> bool:
    return await office.petitions.collection.count({"pending": {"$gt": 0}}) == 0


async def idle(ground: Ground) -> str:
    """A process with one lane, one relay, one table, its timers; nothing happens."""
    topic, offices = ground.topic(), ground.topic("offices", config=COMPACTED)
    child = ground.process("one", topic, OFFICE_TABLE=offices)
    process = psutil.Process(child.pid)
    await asyncio.sleep(8)
    before = process.cpu_times()
    await asyncio.sleep(IDLE_SECONDS)
    after, memory = process.cpu_times(), process.memory_info().rss
    child.terminate()
    child.wait()
    cpu = (after.user + after.system - before.user - before.system) / IDLE_SECONDS
    return f"idle: {cpu:.1%} of a core, {memory / 1e6:.0f} MB"


async def main() -> None:
    """All figures, one line each."""
    city = City.here()
    city.require_running()
    for measure in (hop, through_a_lane, through_a_relay, idle):
        print(await measure(Ground(city)), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
