"""A stranger's program with nothing but `tongban env --member market`: what it may do, and that it may do no more."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, to_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, AdminClient, NewTopic, ResourceType
from confluent_kafka.admin import ResourcePatternType as Pattern

from deploy.kafka.declared import load
from tests.city.running import RunningCity, tongban, until

Client = dict[str, Any]
DECLARED = load(["police", "hrss", "housing", "market", "court", "procuratorate"])
READABLE = {topic.name for topic in DECLARED.topics if "market" in DECLARED.readers_of(topic)}


@pytest.fixture(scope="module")
def client(city: RunningCity) -> Client:
    """Settings of a confluent-kafka client, from the printed shell variables alone."""
    said = tongban(city.city.settings.state, "env", "--member", "market").stdout
    lines = [line.removeprefix("export ").split("=", 1) for line in said.splitlines()]
    env = {name.removeprefix("TONGBAN_"): value for name, value in lines}
    assert env["INTAKE_URL"] == city.urls["intake"]
    return {
        "bootstrap.servers": env["KAFKA_BOOTSTRAP"],
        "security.protocol": env["KAFKA_SECURITY_PROTOCOL"],
        "sasl.mechanism": env["KAFKA_SASL_MECHANISM"],
        "sasl.username": env["KAFKA_USERNAME"],
        "sasl.password": env["KAFKA_PASSWORD"],
    }


def reader(client: Client, group: str = "market.look") -> Consumer:
    return Consumer(client | {"group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False})


def written(client: Client, topic: str, event: CloudEvent | None = None) -> KafkaError | None:
    """Write one record; the broker's answer."""
    told: list[KafkaError | None] = []
    message = to_binary(event, JSONFormat()) if event else KafkaMessage({}, b"x", b"{}")
    producer = Producer(client | {"message.timeout.ms": 15000})
    headers = list(message.headers.items())
    producer.produce(
        topic, message.value, message.key, headers=headers, on_delivery=lambda error, _: told.append(error)
    )
    producer.flush(20)
    return told[0]


def first(client: Client, topic: str) -> Message | None:
    """The first record of a topic, or the broker's refusal."""
    consumer = reader(client)
    try:
        consumer.subscribe([topic])
        return consumer.poll(15)
    finally:
        consumer.close()


def code(message: Message | None) -> int | None:
    error = message.error() if message else None
    return error.code() if error else None


def test_it_reads_what_happened_with_the_official_sdk(city: RunningCity, client: Client) -> None:
    case = city.apply()["case"]
    consumer = reader(client, "market.watch")
    consumer.subscribe(["intake.events"])

    def submitted() -> CloudEvent | None:
        while (record := consumer.poll(1.0)) is not None and not record.error():
            message = KafkaMessage(dict(record.headers() or []), record.key(), record.value() or b"")
            event = from_binary(message, JSONFormat())
            assert isinstance(event, CloudEvent)
            if event.get_subject() == case:
                return event
        return None

    try:
        event = until(submitted, within=30, what="the new case is read")
    finally:
        consumer.close()
    assert event is not None
    assert event.get_type() == "tongban.intake.case-submitted.v1"
    assert "李娜" not in str(event.get_data()), "opaque ids only"


def test_it_reads_what_is_sent_to_it(city: RunningCity, client: Client) -> None:
    city.write("intake", "intake.to.market", b"case-for-market", b"{}", [("ce_type", b"tongban.test.noted.v1")])
    record = first(client, "intake.to.market")
    assert record is not None
    assert record.key() == b"case-for-market"


def test_it_writes_what_it_has_to_say_with_the_official_sdk(city: RunningCity, client: Client) -> None:
    event = CloudEvent(
        attributes={
            "id": "market:hello",
            "source": "/dalian/market",
            "type": "tongban.department.question-answered.v1",
            "specversion": "1.0",
            "subject": "exchange-nobody-asked",
            "time": datetime.now(UTC),
            "datacontenttype": "application/json",
            "partitionkey": "exchange-nobody-asked",
        },
        data={"exchange": "exchange-nobody-asked", "found": False, "data": {}},
    )
    assert written(client, "market.out", event) is None
    assert b"exchange-nobody-asked" in [record.key() for record in city.read_all("market.out")]


@pytest.mark.parametrize("topic", [topic.name for topic in DECLARED.topics if topic.name != "market.out"])
def test_it_cannot_write_elsewhere(client: Client, topic: str) -> None:
    error = written(client, topic)
    assert error is not None
    assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


@pytest.mark.parametrize("topic", sorted({topic.name for topic in DECLARED.topics} - READABLE))
def test_it_cannot_read_elsewhere(client: Client, topic: str) -> None:
    assert code(first(client, topic)) == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_it_does_not_even_see_the_rest(client: Client) -> None:
    assert set(AdminClient(client).list_topics(timeout=10).topics) == READABLE | {"market.out"}


@pytest.mark.parametrize("group", ["police.work", "intake.main", "marketing", "market"])
def test_it_cannot_join_the_group_of_another(client: Client, group: str) -> None:
    consumer = reader(client, group)
    consumer.subscribe(["intake.events"])
    try:
        assert code(consumer.poll(15)) == KafkaError.GROUP_AUTHORIZATION_FAILED
    finally:
        consumer.close()


def test_it_cannot_administer_the_broker(client: Client) -> None:
    admin = AdminClient(client)
    right = AclBinding(
        ResourceType.TOPIC,
        "identity.contacts",
        Pattern.LITERAL,
        "User:market",
        "*",
        AclOperation.READ,
        AclPermissionType.ALLOW,
    )
    asked: list[dict[Any, Any]] = [
        admin.create_topics([NewTopic("market.more", 1, 1)]),
        admin.delete_topics(["market.out"]),
        admin.create_acls([right]),
    ]
    assert refusals(asked) == {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED}


def refusals(asked: Iterable[dict[Any, Any]]) -> set[int]:
    """The codes with which everything asked for was refused."""
    codes = set()
    for futures in asked:
        for future in futures.values():
            with pytest.raises(KafkaException) as refused:
                future.result(10)
            codes.add(refused.value.args[0].code())
    return codes


@pytest.mark.parametrize(
    "wrong",
    [
        {"sasl.password": "guessed"},
        {"sasl.username": "admin"},
        {"security.protocol": "PLAINTEXT", "sasl.mechanism": None},
    ],
)
def test_nobody_comes_in_without_the_right_credential(client: Client, wrong: Client) -> None:
    settings = {name: value for name, value in (client | wrong).items() if value is not None}
    with pytest.raises(KafkaException):
        AdminClient(settings | {"log_level": 0}).list_topics(timeout=3)
