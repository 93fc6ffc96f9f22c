"""Every topic is declared, written by one member, and read by somebody; code and declaration say the same."""

from importlib import import_module

import pytest

from deploy.kafka.declared import AUDIT, TEMPLATE, Topic, load
from shared.contracts import EventModel, registered
from shared.messaging.envelope import topic_pattern, writer
from shared.store.repository import PERSONAL_RETENTION

SERVICES = ("identity", "intake", "notifications", "sharing")
DECLARED = load(["police", "hrss"])
TOPICS = {topic.name: topic for topic in DECLARED.topics}


def manifest(service: str, side: str) -> tuple[type[EventModel], ...]:
    found: tuple[type[EventModel], ...] = getattr(import_module(f"services.{service}.contracts"), side)
    return found


def declared_for(model: type[EventModel]) -> list[str]:
    return [name for name in TOPICS if topic_pattern(model.topic).fullmatch(name)]


@pytest.mark.parametrize("model", registered().values(), ids=lambda model: model.type)
def test_every_event_type_has_a_declared_topic(model: type[EventModel]) -> None:
    names = declared_for(model)
    assert names
    assert {TOPICS[name].personal for name in names} <= {model.personal, model.topic == "{department}.out"}
    assert {TOPICS[name].kind for name in names} == {"compacted" if model.table else "log"}


@pytest.mark.parametrize("topic", TOPICS.values(), ids=lambda topic: topic.name)
def test_every_topic_has_one_writer_and_a_reader(topic: Topic) -> None:
    name = topic.name
    writers = {
        r.principal
        for r in DECLARED.rights
        if r.operation == "WRITE" and r.resource == "TOPIC" and covers(r.name, name)
    }
    assert writers == {writer(name)}
    readers = DECLARED.readers_of(TOPICS[name])
    assert readers == {writer(name)} if name.endswith(AUDIT) else readers - {writer(name)}


def covers(right: str, topic: str) -> bool:
    return topic.startswith(right) if right.endswith(".") else topic == right


@pytest.mark.parametrize("topic", TOPICS.values(), ids=lambda topic: topic.name)
def test_something_is_said_on_every_topic(topic: Topic) -> None:
    name = topic.name
    assert [model for model in registered().values() if topic_pattern(model.topic).fullmatch(name)]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_publishes_on_its_own_topics_only(service: str) -> None:
    assert {writer(model.topic) for model in manifest(service, "PUBLISHES")} == {service}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_a_listed_reader_of_what_it_reads(service: str) -> None:
    for model in manifest(service, "READS"):
        topics = [name for name in declared_for(model) if not name.startswith("sharing.to.") or name.endswith(service)]
        assert topics, model.type
        for name in topics:
            assert service in DECLARED.readers_of(TOPICS[name]), f"{service} may not read {name}"


def test_every_event_type_is_published_by_exactly_one_member() -> None:
    published = [model.type for service in SERVICES for model in manifest(service, "PUBLISHES")]
    assert len(published) == len(set(published))
    departments = {type_ for type_, model in registered().items() if model.topic.startswith(TEMPLATE)}
    assert set(published) | departments == set(registered())


def test_personal_data_is_kept_as_long_in_journals_as_on_topics() -> None:
    kept = {topic.retention_days for topic in TOPICS.values() if topic.personal and topic.kind == "log"}
    assert kept == {PERSONAL_RETENTION.days}
