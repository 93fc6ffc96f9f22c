"""Personal data as a whole: found by an operator, given to whom it is about, forgotten for good."""

import hashlib
import html
import json
import re
from datetime import timedelta
from typing import Any

import bson
import httpx
import pytest
from cryptography.exceptions import InvalidTag

from services.identity.accounts.domain import FORGET_AGAIN, Person
from services.identity.personal.domain import FACTORS_WITHHELD, KERNEL, WITHHELD
from services.identity.sessions.domain import KEPT, LIFE
from shared.contracts.identity import ContactForgotten, ContactPublished, RevocationPublished
from shared.personal import blank, personal_fields
from shared.store import Unavailable
from shared.store.collection import Index
from shared.store.repository import EPOCH
from tests.service.identity.conftest import LI_NA, PASSWORD, Identity
from tests.service.identity.test_datakeys import another, dump

LI = "person-li-na"
OFFICER = LI_NA | {
    "login": "zhang.wei",
    "mail": None,
    "posts": [{"organisation": "police", "division": "210203", "roles": ["clerk"]}],
}


async def token(city: Identity) -> str:
    found: str = (await city.redeem(await city.code())).json()["access_token"]
    return found


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def found(city: Identity, **by: str) -> Any:
    answer = await city.http.get("/people", params=by, headers=city.operator())
    return answer.json()["items"] if answer.status_code == 200 else answer.json()["code"]


async def forget(city: Identity, person: str = LI) -> httpx.Response:
    answer = await city.http.delete(f"/people/{person}", headers=city.operator())
    await city.bus.settle()
    return answer


# -- found ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "by",
    [
        {"login": "li.na"},
        {"login": " LI.NA"},
        {"mail": "Canary-Mail@Example.org"},
        {"phone": "139 0000 7777"},
        {"phone": "+8613900007777"},
    ],
)
async def test_a_person_is_found_by_exactly_what_is_theirs(city: Identity, by: dict[str, str]) -> None:
    assert await found(city, **by) == [LI]


@pytest.mark.parametrize("by", [{"login": "li"}, {"mail": "canary-mail"}, {"phone": "1390000777"}, {"phone": "-----"}])
async def test_a_part_of_it_finds_nobody(city: Identity, by: dict[str, str]) -> None:
    assert await found(city, **by) == []


async def test_people_who_share_an_address_are_all_found_page_by_page(city: Identity) -> None:
    await city.put("/people/person-wang", LI_NA | {"login": "wang"})
    assert await found(city, mail=str(LI_NA["mail"])) == [LI, "person-wang"]
    page = (await city.http.get("/people", params={"phone": "13900007777", "limit": 1}, headers=city.operator())).json()
    assert page["items"] == [LI]
    rest = {"phone": "13900007777", "after": page["next"]}
    page = (await city.http.get("/people", params=rest, headers=city.operator())).json()
    assert page == {"items": ["person-wang"], "next": None}


async def test_one_thing_is_looked_for_at_a_time(city: Identity) -> None:
    assert await found(city) == "one_wanted"
    assert await found(city, mail="a@b", phone="13900007777") == "one_wanted"
    assert await found(city, mail="") == "invalid"


async def test_who_changed_their_number_is_found_by_the_new_one_only(city: Identity) -> None:
    await city.put(f"/people/{LI}", LI_NA | {"phone": "13911112222", "mail": None})
    assert await found(city, phone="13900007777") == []
    assert await found(city, mail=str(LI_NA["mail"])) == []
    assert await found(city, phone="13911112222") == [LI]


# -- given to whom it is about ----------------------------------------------------------------------------


async def test_a_person_gets_everything_that_is_kept(city: Identity) -> None:
    mine = await token(city)
    await city.put(f"/people/{LI}", LI_NA | {"language": "en"})
    data = (await city.http.get("/me/data", headers=bearer(mine))).json()
    assert data["person"] == LI
    kept = set(Person.model_fields) - KERNEL
    assert set(data["account"]) | (set(data["withheld"]) - FACTORS_WITHHELD) == kept, (
        "every field of the account, or its name"
    )
    assert {field: data["account"][field] for field in ("login", "name", "mail", "phone", "language")} == {
        field: LI_NA[field] for field in ("login", "name", "mail", "phone")
    } | {"language": "en"}
    (session,) = data["sessions"]
    assert session["browser"].startswith("python-httpx")
    assert session["ended_at"] is None
    said = [
        (entry["topic"], (entry["data"] or {}).get("mail"))
        for entry in data["history"]
        if entry["topic"] != "identity.audit"
    ]
    assert said == [("identity.events", None), *[("identity.contacts", LI_NA["mail"])] * 2]
    assert "argon2" not in json.dumps(data)


async def test_sessions_that_are_over_are_shown_as_long_as_they_are_kept(city: Identity) -> None:
    await token(city)
    city.clock.forward(LIFE)
    await city.bus.settle()
    mine = await token(city)
    data = (await city.http.get("/me/data", headers=bearer(mine))).json()
    assert [one["ended_at"] is None for one in data["sessions"]] == [True, False]
    city.clock.forward(KEPT)
    await city.bus.settle()
    data = (await city.http.get("/me/data", headers=bearer(await token(city)))).json()
    assert len(data["sessions"]) == 2, "the second one has ended by itself"


async def test_in_the_browser_it_is_a_page_and_a_file(city: Identity) -> None:
    mine = await token(city)
    page = await city.http.get("/me/data.html")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["cache-control"] == "no-store"
    assert '<html lang="zh-CN">' in page.text
    for value in ("li.na", LI_NA["name"], LI_NA["mail"], LI_NA["phone"], "当前浏览器", "账户已开立"):
        assert html.escape(str(value)) in page.text
    assert "<script" not in page.text
    file = await city.http.get("/me/data.json")
    assert file.headers["content-disposition"] == 'attachment; filename="tongban-data.json"'
    told = (await city.http.get("/me/data", headers=bearer(mine))).json()
    assert file.json() == told


async def test_the_page_speaks_the_other_language_too(city: Identity) -> None:
    await token(city)
    page = await city.http.get("/me/data.html", params={"ui_locales": "en"})
    assert '<html lang="en">' in page.text
    assert "Your contact data was told to the notification service" in page.text
    link = re.search(r'<a href="([^"]+)" lang="zh-CN"', page.text)
    assert link
    assert "我的个人信息" in (await city.http.get(html.unescape(link[1]))).text
    assert '<nav aria-label="我的账户">' in (await city.http.get("/me/data.html")).text, "and leads to all others"


async def test_what_people_are_called_is_no_markup(city: Identity) -> None:
    await city.put(f"/people/{LI}", LI_NA | {"name": "<script>alert(1)</script>"})
    await token(city)
    page = await city.http.get("/me/data.html")
    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text


async def test_who_is_not_signed_in_with_this_browser_signs_in_and_comes_back(city: Identity) -> None:
    async with city.browser() as browser:
        sent = await browser.get("/me/data.html", headers=bearer(await token(city)))
        assert sent.status_code == 303, "a token is not what opens a page"
        form = await browser.get(sent.headers["location"])
        assert form.status_code == 200, form.text
        request = re.search(r'name="request" value="([^"]+)"', form.text)
        assert request
        back = await browser.post("/authorize", data={"request": request[1], "login": "li.na", "password": PASSWORD})
        assert back.headers["location"] == "/me/data.html"
        page = await browser.get(back.headers["location"])
        assert (page.status_code, str(LI_NA["name"]) in page.text) == (200, True)


async def test_a_session_that_is_over_opens_no_page(city: Identity) -> None:
    await token(city)
    assert (await city.http.get("/me/data.html")).status_code == 200
    await city.http.delete(f"/people/{LI}/sessions", headers=city.operator())
    assert (await city.http.get("/me/data.html")).status_code == 303


# -- forgotten --------------------------------------------------------------------------------------------


async def test_who_is_forgotten_is_signed_out_everywhere_and_cannot_sign_in(city: Identity) -> None:
    mine = await token(city)
    assert (await forget(city)).status_code == 204
    refused = await city.me(mine)
    assert (refused.status_code, refused.json()["code"]) == (401, "token_revoked")
    assert (await city.http.get("/me/data.html")).status_code == 303
    assert (await city.submit(await city.form())).status_code == 422, "as if there had never been anybody"
    scopes = {row["scope"].partition(":")[0] for row in city.bus.said(RevocationPublished)}
    assert scopes >= {"user", "session"}


async def test_the_last_word_on_the_contacts_topic_is_that_there_is_none(city: Identity) -> None:
    await forget(city)
    rows = [record for record in city.bus.records if record.topic == "identity.contacts" and record.key == LI.encode()]
    assert json.loads(rows[-1].value or b"") == {"person": LI}
    assert city.bus.said(ContactForgotten) == [{"person": LI}]


async def test_the_name_cannot_be_had_again_from_the_store_nor_from_a_copy_of_it(city: Identity) -> None:
    await token(city)
    copy = {name: await city.database.collection(name).find({}) for name in ("people", "sessions")}
    journal = await city.desk.people.journal(LI)
    await forget(city)
    (key,) = await city.database.collection("data_keys").find({"_id": LI})
    assert (key["versions"], key["by"]) == ({}, "")
    stored = await dump(city)
    for field in ("login", "name", "mail", "phone"):
        value = str(LI_NA[field])
        assert value.encode() not in stored
        assert city.desk.opened.hash(field, value).encode() not in stored, "nor can it be looked for"
    guess = ContactPublished(person=LI, **{k: LI_NA[k] for k in ("name", "mail", "phone", "language")})  # type: ignore[arg-type]
    assert hashlib.sha256(guess.model_dump_json().encode()).hexdigest().encode() not in stored
    for name, documents in copy.items():  # somebody brings the documents back, and has all the keys there are
        for document in documents:
            await city.database.collection(name).delete({"_id": document["_id"]})
            await city.database.collection(name).insert(document)
    fresh = await another(city)
    back = await fresh.desk.people.get(LI)
    assert (back.login, back.name, back.mail, back.phone) == ("", "", None, None)
    assert [entry.data for entry in await fresh.desk.people.journal(LI)][1] is None
    assert journal[1].sha256 == (await fresh.desk.people.journal(LI))[1].sha256
    raw = copy["people"][0]["name"]
    for master in city.kms.keys.values():
        with pytest.raises(InvalidTag):
            master.decrypt(raw[5:17], raw[17:], b'["people", "person-li-na", "name"]')


async def test_the_journal_is_whole_after_it_and_can_be_published_again(city: Identity) -> None:
    before = [(entry.sequence, entry.type, entry.sha256) for entry in await city.desk.people.journal(LI)]
    await forget(city)
    after = await city.desk.people.journal(LI)
    assert [(entry.sequence, entry.type, entry.sha256) for entry in after][: len(before)] == before
    assert [entry.sequence for entry in after] == list(range(1, len(after) + 1))
    assert [entry.data is None for entry in after] == [entry.type == ContactPublished.type for entry in after]
    city.bus.records.clear()
    assert city.runtime.relay is not None
    async for _ in city.runtime.relay.replay(EPOCH):
        pass
    await city.runtime.relay.sweep()
    assert city.bus.said(ContactPublished) == []
    assert city.bus.said(ContactForgotten) == [{"person": LI}]


async def test_what_was_not_told_yet_is_told_no_more(city: Identity) -> None:
    await city.put(f"/people/{LI}", LI_NA | {"name": "canary never told"})
    await forget(city)
    assert not [record for record in city.bus.records if b"never told" in bytes(record.value or b"")]
    assert city.bus.said(ContactForgotten) == [{"person": LI}]


async def test_an_officer_is_forgotten_once_the_post_is_given_up(city: Identity) -> None:
    await city.put("/people/person-zhang-wei", OFFICER)
    refused = await forget(city, "person-zhang-wei")
    assert (refused.status_code, refused.json()["code"]) == (409, "still_needed")
    assert [fault["code"] for fault in refused.json()["faults"]] == ["has_post"]
    assert await found(city, login="zhang.wei") == ["person-zhang-wei"]
    await city.put("/people/person-zhang-wei", OFFICER | {"posts": []})
    assert (await forget(city, "person-zhang-wei")).status_code == 204


async def test_forgetting_once_more_changes_nothing(city: Identity) -> None:
    await forget(city)
    before, said = await city.database.collection("people").get(LI), len(city.bus.records)
    assert (await forget(city)).status_code == 204
    assert await city.database.collection("people").get(LI) == before
    assert len(city.bus.records) == said
    assert (await forget(city, "person-nobody")).status_code == 404


async def test_who_was_forgotten_is_not_kept_again_under_the_same_id(city: Identity) -> None:
    await forget(city)
    refused = await city.put(f"/people/{LI}", LI_NA)
    assert (refused.status_code, refused.json()["code"]) == (410, "forgotten")
    assert (await city.http.post(f"/people/{LI}/data-key", headers=city.operator())).status_code == 410
    assert (await city.put("/people/person-li-na-2", LI_NA)).status_code == 200, "the login name is free"


async def test_two_people_can_be_forgotten_on_a_store_of_before(city: Identity) -> None:
    """An index of the version before knew one login name to a person, and whoever is forgotten has none."""
    await city.database.collection("people").ensure(Index([("login", 1)], unique=True))
    fresh = await another(city)
    await fresh.put("/people/person-wang", LI_NA | {"login": "wang"})
    for person in (LI, "person-wang"):
        assert (await forget(fresh, person)).status_code == 204


async def test_forgetting_that_was_interrupted_is_finished_by_a_timer(
    city: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(*_: object) -> None:
        raise Unavailable("the process gets no further")

    await token(city)
    monkeypatch.setattr("services.identity.personal.commands.data_keys.destroy", dies)
    assert (await city.http.delete(f"/people/{LI}", headers=city.operator())).status_code == 503
    monkeypatch.undo()
    fresh = await another(city)
    await fresh.bus.settle()
    assert (await fresh.database.collection("data_keys").find({"_id": LI}))[0]["versions"] != {}
    city.clock.forward(FORGET_AGAIN)
    await fresh.bus.settle()
    assert (await fresh.database.collection("data_keys").find({"_id": LI}))[0]["versions"] == {}
    assert (await fresh.database.collection("people").get(LI) or {}).get("wake_at") is None


async def test_sessions_of_a_forgotten_person_go_when_their_time_is_over(city: Identity) -> None:
    await token(city)
    await forget(city)
    assert len(await city.database.collection("sessions").find({})) == 1
    assert b"python-httpx" not in bson.encode((await city.database.collection("sessions").find({}))[0])
    city.clock.forward(KEPT + timedelta(seconds=1))
    await city.bus.settle()
    assert await city.database.collection("sessions").find({}) == []


def test_every_personal_field_is_blank_afterwards(city: Identity) -> None:
    person = Person(id=LI, password_hash="h", **{name: f"canary {name}" for name in personal_fields(Person)})
    person.forget(city.clock.now())
    assert {name: getattr(person, name) for name in personal_fields(Person)} == {
        name: blank(Person, name) for name in personal_fields(Person)
    }
    assert "canary" not in person.model_dump_json()
    assert not WITHHELD & {name for name, value in person.model_dump().items() if value}, "secrets go as well"
