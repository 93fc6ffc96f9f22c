"""What lies on a topic, read once from its beginning, or from a moment, to where it ends now."""

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

from shared.messaging.envelope import Record

ASK_S, WAIT_S, SILENT_S = 10.0, 0.1, 30.0
BATCH = 2000
Offsets = dict[int, int]
"""By partition: where the next record is."""


def read(
    client: Mapping[str, Any], topic: str, *, since: datetime | None = None, after: Offsets | None = None
) -> Iterator[Record]:
    """The records of each partition in order; raises KafkaException where the broker does not give them.

    `after`: how far they were read before; it is brought up to date.
    """
    consumer = Consumer(dict(client) | {"group.id": "admin.read", "enable.auto.commit": False})
    with closing(consumer):
        reached = {} if after is None else after
        places, ends = _places(consumer, topic, since, reached)
        consumer.assign(places)
        heard = time.monotonic()
        while ends:
            messages = consumer.consume(BATCH, WAIT_S)
            heard = time.monotonic() if messages else heard
            if time.monotonic() > heard + SILENT_S:
                raise TimeoutError(f"{topic} is silent")
            for message in messages:
                yield _record(message)
            for place in consumer.position(places):
                reached[place.partition] = max(reached.get(place.partition, 0), place.offset)
                if place.offset >= ends.get(place.partition, 0):
                    ends.pop(place.partition, None)


def _places(
    consumer: Consumer, topic: str, since: datetime | None, reached: Offsets
) -> tuple[list[TopicPartition], dict[int, int]]:
    partitions = consumer.list_topics(topic, ASK_S).topics[topic].partitions
    begins = dict.fromkeys(partitions, OFFSET_BEGINNING)
    if since is not None:
        at = [TopicPartition(topic, partition, round(since.timestamp() * 1000)) for partition in partitions]
        begins = {place.partition: place.offset for place in consumer.offsets_for_times(at, ASK_S)}
    places, ends = [], {}
    for partition in partitions:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), ASK_S)
        begin = max(low, reached.get(partition, 0), high if begins[partition] == -1 else begins[partition])
        reached[partition] = begin
        if begin < high:
            ends[partition] = high
            places.append(TopicPartition(topic, partition, begin))
    return places, ends


def _record(message: Message) -> Record:
    if (error := message.error()) is not None:
        raise KafkaException(error)
    _, at = message.timestamp()
    return Record(
        str(message.topic()),
        int(message.partition() or 0),
        int(message.offset() or 0),
        message.key(),
        message.headers() or [],
        message.value(),
        at / 1000,
    )
