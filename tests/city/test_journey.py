"""The whole way on real processes: the good road, and each road that ends with a question or a no."""

import json
import uuid
from typing import Any

import pytest
from confluent_kafka.admin import (
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)
from pymongo import MongoClient

from deploy.kafka.apply import apply
from deploy.local.trouble import Trouble
from tests.city.running import RunningCity, tongban, until

DECIDED = "tongban.department.case-decided.v1"
ANSWERED = "tongban.department.question-answered.v1"


def grounds(city: RunningCity, case: str) -> dict[str, str | None]:
    return {m["code"]: m["ground"] for m in city.case(case)["materials"] if m["ground"]}


def rejections(city: RunningCity, statement: str, topic: str = "intake.events") -> list[dict[str, Any]]:
    """What was said on the topic about a rejected statement."""
    records = [record.value() or b"" for record in city.read_all(topic)]
    bodies = [json.loads(record) for record in records if statement.encode() in record]
    return [body for body in bodies if body.get("statement") == statement]


def test_one_case_travels_the_whole_network(city: RunningCity) -> None:
    before = {mail["message_id"] for mail in city.mails()}
    case = city.apply()["case"]
    shown = city.reaches(case, "completed")
    assert shown["outcome"] == "approved"
    assert city.timeline(case)[0] == "case-submitted"
    assert city.timeline(case)[-2:] == ["case-decided", "case-completed"]
    city.told(case, "case-accepted", "case-decided")
    assert case in [one["case"] for one in city.li_na.get("intake", "/cases")["items"]], "she finds it among her own"
    mails = [mail for mail in city.mails() if mail["message_id"] not in before]
    assert [mail["copies"] for mail in mails] == [1, 1], "two mails, each once"
    assert all("li.na@example.org" in str(mail["to"]) for mail in mails)
    assert all(shown["number"] in mail["subject"] or "居住证" in mail["subject"] for mail in mails), "in her language"


def test_what_was_done_for_it_is_in_a_chain_that_holds_and_one_edited_record_is_found(city: RunningCity) -> None:
    state = city.city.settings.state
    city.reaches(city.apply()["case"], "completed")
    held = tongban(state, "audit", "verify", "--json")
    report = json.loads(held.stdout)["report"]
    assert held.returncode == 0, held.stdout + held.stderr
    assert report["records"] == report["on_topic"] > 40, "every account of the city was opened by somebody"
    listed = tongban(state, "audit", "list", "--who", "person-li-na", "--act", "signed-in", "--json")
    link = json.loads(listed.stdout)[0]
    with MongoClient[dict[str, Any]](city.city.platform.store.uri) as store:
        chain = store["tongban_identity"]["audit"]
        chain.update_one({"_id": link["_id"]}, {"$set": {"record.by.account": "person-other"}})
        try:
            found = tongban(state, "audit", "verify")
            assert found.returncode == 1
            assert f"✗ edited: {link['_id']} " in found.stdout
        finally:
            chain.update_one({"_id": link["_id"]}, {"$set": {"record.by.account": "person-li-na"}})


def test_she_can_see_who_saw_her_data(city: RunningCity) -> None:
    case = city.apply()["case"]
    city.reaches(case, "completed")
    exchanges = city.li_na.get("sharing", "/exchanges", subject="me")["items"]
    mine = [exchange for exchange in exchanges if exchange["case"] == case]
    assert {exchange["owner"]["code"] for exchange in mine} == {"hrss", "housing"}
    for exchange in mine:
        assert exchange["consumer"]["code"] == "police"
        assert exchange["basis"]
        assert exchange["answer_sha256"]
        assert "data" not in exchange


def test_an_owner_that_keeps_silent_leads_to_one_notice_and_her_upload_completes_the_case(city: RunningCity) -> None:
    with city.frozen("hrss"):
        case = city.apply()["case"]
        city.reaches(case, "supplement")
    assert grounds(city, case) == {"social-insurance": "owner-silent"}
    assert city.timeline(case).count("supplement-requested") == 1
    given = city.upload("social-insurance", content=b"%PDF-1.7 her own record")
    city.li_na.ask("intake", "POST", f"/cases/{case}/materials", json=given)
    city.reaches(case, "completed")
    city.told(case, "supplement-requested", "case-accepted", "case-decided")


def test_without_a_grant_the_ground_is_told_and_her_upload_completes_the_case(city: RunningCity) -> None:
    grant = "grant-police-rental-registration"
    before = city.operator.get("sharing", f"/grants/{grant}")
    city.operator.ask("sharing", "POST", f"/grants/{grant}/revocation", json={"ground": "a test"})
    try:
        case = city.apply()["case"]
        city.reaches(case, "supplement")
        assert set(grounds(city, case)) == {"rental-registration"}
        assert grounds(city, case)["rental-registration"] in ("no-grant", "grant-not-valid")
        given = city.upload("rental-registration", content=b"%PDF-1.7 her contract")
        city.li_na.ask("intake", "POST", f"/cases/{case}/materials", json=given)
        city.reaches(case, "completed")
    finally:
        terms = ("consumer", "resource", "fields", "purpose", "basis", "valid_from", "valid_until")
        again = {name: before[name] for name in terms} | {"consent": "a test is over"}
        city.operator.ask("sharing", "PUT", f"/grants/grant-again-{uuid.uuid4().hex[:8]}", json=again)


def _id(kind: str) -> str:
    """An id of letters alone: one with nine digits in a row may be a person's, and is told as its digest."""
    return f"{kind}-{uuid.uuid4().hex.translate(str.maketrans('0123456789', 'ghijklmnop'))}"


@pytest.mark.parametrize("about", ["another department", "an unknown case", "a finished case"])
def test_a_decision_nobody_may_make_is_rejected_and_recorded(city: RunningCity, about: str) -> None:
    case = city.apply()["case"]
    city.reaches(case, "completed")
    member = "market" if about == "another department" else "police"
    subject = "case-" + "0" * 26 if about == "an unknown case" else case
    steps, statement = city.timeline(case), _id("statement")
    for _ in range(10):
        decision = {"case": subject, "outcome": "refused", "reason": "-", "officer": None}
        city.say(member, f"{member}.out", DECIDED, decision, key=subject, id_=statement)
    ground = {"another department": "not-the-owner", "an unknown case": "unknown", "a finished case": "finished"}[about]
    found = until(lambda: rejections(city, statement), what="the rejection is on intake.events")
    assert [(one["member"], one["ground"]) for one in found] == [(member, ground)], "ten times the same, once recorded"
    assert city.timeline(case) == steps, "nothing changed"


def test_an_answer_from_a_department_that_does_not_own_the_data_is_rejected(city: RunningCity) -> None:
    with city.frozen("hrss"):
        case = city.apply()["case"]

        def asked() -> list[dict[str, Any]]:
            items = city.operator.get("sharing", "/exchanges", case=case)["items"]
            return [one for one in items if one["resource"]["code"] == "hrss.social-insurance" and one["asked_at"]]

        (exchange,) = until(asked, what="hrss is asked")
        forged = {"exchange": exchange["id"], "found": True, "data": {"months_paid": 999}}
        statement = _id("forged")
        city.say("market", "market.out", ANSWERED, forged, key=exchange["id"], id_=statement)
        (one,) = until(lambda: rejections(city, statement, "sharing.events"), what="the rejection is on sharing.events")
        assert (one["member"], one["ground"]) == ("market", "not-the-owner")
    city.reaches(case, "completed")  # hrss wakes up in time, or she would be asked


def test_an_officer_decides_through_the_api(city: RunningCity) -> None:
    with city.frozen("police"):
        case = city.apply()["case"]
        city.reaches(case, "accepted")
        city.officer("police").ask(
            "intake", "POST", f"/cases/{case}/decision", json={"outcome": "approved", "reason": "条件具备"}
        )
        assert city.case(case)["state"] == "completed"
        with pytest.raises(Trouble, match="404"):
            city.officer("hrss").get("intake", f"/cases/{case}")


def test_a_department_that_lost_its_topic_stops_nobody(city: RunningCity) -> None:
    """Somebody took the rights on one topic away, and a reader is killed: the others' cases go on."""
    admin = city.city.platform.broker.admin()
    right = AclBindingFilter(
        ResourceType.TOPIC,
        "court.out",
        ResourcePatternType.LITERAL,
        "User:intake",
        "*",
        AclOperation.READ,
        AclPermissionType.ALLOW,
    )
    assert admin.delete_acls([right])[right].result(20)
    try:
        city.kill("intake")
        until(city.all_running, within=60, what="intake is ready without the topic")
        case = city.apply()["case"]
        city.reaches(case, "completed", within=60)
    finally:
        apply(admin, city.city.declared, city.city.platform.secrets)
