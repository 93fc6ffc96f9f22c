"""What topics.yaml declares becomes topics and rights; what is wrong with it is said at once."""

from pathlib import Path

import pytest

from deploy.kafka.declared import DAY_MS, DeclarationError, Right, departments, load

SERVICES = ("identity", "intake", "sharing", "notifications")


def test_a_department_gets_its_topics() -> None:
    without, with_police = {t.name for t in load([]).topics}, {t.name for t in load(["police"]).topics}
    assert with_police - without == {"intake.to.police", "sharing.to.police", "police.out"}


def test_a_department_may_do_just_what_it_needs() -> None:
    declared = load(["police", "market"])
    public = ("identity.organisations", "identity.keys", "intake.events", "intake.items", "sharing.catalogue")
    assert {str(right) for right in declared.rights if right.principal == "police"} == {
        "police may WRITE topic police.out",
        "police may READ group police.*",
        *(f"police may READ topic {name}" for name in (*public, "intake.to.police", "sharing.to.police")),
    }


def test_each_topic_has_one_writer_and_somebody_reads_it() -> None:
    declared = load(["police", "market"])
    for topic in declared.topics:
        writers = {r.principal for r in declared.rights if r.operation == "WRITE" and _covers(r, topic.name)}
        assert writers == {topic.writer}, topic.name
        if topic.name.endswith(".audit"):
            assert declared.readers_of(topic) == {topic.writer}, "what was done is nobody else's business"
        else:
            assert declared.readers_of(topic) - {topic.writer}, topic.name


def _covers(right: Right, name: str) -> bool:
    return name == right.name or (right.pattern == "PREFIXED" and name.startswith(right.name))


def test_only_notifications_reads_contacts() -> None:
    contacts = next(t for t in load(["police"]).topics if t.name == "identity.contacts")
    assert load(["police"]).readers_of(contacts) == {"notifications"}


def test_what_is_personal_is_gone_a_day_after_its_time() -> None:
    for topic in load(["police"]).topics:
        if topic.personal and topic.kind == "log":
            assert topic.settings["retention.ms"] == str(7 * DAY_MS), topic.name
        if topic.personal:
            assert topic.settings["segment.ms"] == str(DAY_MS), topic.name


@pytest.mark.parametrize("code", ["Police", "p", "9th", "a.b", "x" * 17, "police-2", ""])
def test_a_department_code_is_short_and_plain(code: str) -> None:
    with pytest.raises(DeclarationError, match="two to sixteen"):
        load([code])


@pytest.mark.parametrize("code", [*SERVICES, "admin", "services", "departments"])
def test_a_department_cannot_take_the_name_of_another(code: str) -> None:
    with pytest.raises(DeclarationError, match="is taken"):
        load([code])


def test_every_fault_of_the_file_is_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "topics.yaml"
    file.write_text("""
services: [identity, intake]
topics:
  - {name: intake.events, writer: identity, kind: log, partitions: 4, retention_days: 7, personal: false,
     readers: [services]}
  - {name: intake.items, writer: intake, kind: compacted, partitions: 1, personal: false, readers: [nobody]}
  - {name: portal.events, writer: portal, kind: log, partitions: 1, personal: false, readers: [services]}
  - {name: intake.items, writer: intake, kind: compacted, partitions: 1, personal: false, readers: ["{department}"]}
""")
    with pytest.raises(DeclarationError) as raised:
        load([], file)
    assert raised.value.faults == [
        "topics.yaml: intake.events: only intake may write there, not identity",
        "topics.yaml: intake.items: reader nobody is not a member",
        "topics.yaml: portal.events: writer portal is not a member",
        "topics.yaml: portal.events: a log has retention_days",
        "topics.yaml: intake.items: reader {department} is not a member",
        "topics.yaml: intake.items is declared twice",
    ]


@pytest.mark.parametrize("kept", ["kind: log, retention_days: 182", "kind: compacted"])
def test_what_was_done_is_kept_for_half_a_year(tmp_path: Path, kept: str) -> None:
    file = tmp_path / "topics.yaml"
    line = f"{{name: intake.audit, writer: intake, {kept}, partitions: 1, personal: false, readers: [intake]}}"
    file.write_text(f"services: [intake]\ntopics:\n  - {line}\n", encoding="utf-8")
    with pytest.raises(DeclarationError, match=r"intake\.audit: records of acts are kept for 183 days at least"):
        load([], file)
    file.write_text(file.read_text(encoding="utf-8").replace(kept, "kind: log, retention_days: 183"), encoding="utf-8")
    assert [topic.name for topic in load([], file).topics] == ["intake.audit"]


def test_a_field_nobody_knows_is_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "topics.yaml"
    line = (
        "{name: intake.x, writer: intake, kind: logg, partitions: 0, personal: false, readers: [services], colour: red}"
    )
    file.write_text(f"services: [intake]\ntopics:\n  - {line}\n")
    with pytest.raises(DeclarationError) as raised:
        load([], file)
    assert {fault.split(": ")[1] for fault in raised.value.faults} == {
        "topics.0.kind",
        "topics.0.partitions",
        "topics.0.colour",
    }


def test_the_departments_are_those_of_the_city(tmp_path: Path) -> None:
    (tmp_path / "departments.yaml").write_text("departments: [{code: police}, {code: weather}]")
    assert departments(tmp_path) == ["police", "weather"]
    (tmp_path / "departments.yaml").write_text("departments: [{name: nameless}]")
    with pytest.raises(DeclarationError, match=r"departments\.yaml"):
        departments(tmp_path)
