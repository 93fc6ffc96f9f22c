"""Data keys and master keys: people's data is sealed in the store, and keys come and go while all goes on."""

import asyncio
from datetime import timedelta
from typing import Any

import bson
import httpx
import pytest
from pydantic import SecretStr

from services.identity.accounts.domain import PersonWish
from services.identity.app import build_for_tests
from services.identity.datakeys.domain import OVERLAP
from services.identity.datakeys.opened import OpenedKeys
from services.identity.sessions.store import all_of
from shared.contracts.identity import ContactPublished
from shared.store.seal import SealBroken
from shared.testing import eventually
from tests.service.identity.conftest import ISSUER, LI_NA, PASSWORD, Identity, settings

LI = "person-li-na"
PERSONAL = [str(LI_NA[field]) for field in ("login", "name", "mail", "phone")]


async def dump(city: Identity) -> bytes:
    """Everything in the store."""
    names = list(city.database._collections)
    return b"".join([bson.encode(one) for name in names for one in await city.database.collection(name).find({})])


async def key_of(city: Identity, person: str = LI) -> dict[str, Any]:
    found = await city.database.collection("data_keys").get(person)
    assert found is not None
    return found


async def ask(city: Identity, method: str, path: str) -> httpx.Response:
    return await city.http.request(method, path, headers=city.operator())


async def rewrapped(city: Identity) -> dict[str, Any]:
    """Have the data keys closed anew; how it is in the end."""
    assert (await ask(city, "POST", "/master-keys/rewrap")).status_code == 202
    return await in_the_end(city)


async def in_the_end(city: Identity) -> dict[str, Any]:
    async def done() -> dict[str, Any] | None:
        state: dict[str, Any] = (await ask(city, "GET", "/master-keys")).json()
        return None if state["run"]["running"] else state

    return await eventually(done) or {}


async def people(city: Identity, *names: str) -> None:
    for name in names:
        body = LI_NA | {"login": name, "name": f"canary {name}", "mail": f"{name}@example.org"}
        assert (await city.put(f"/people/person-{name}", body)).status_code == 200


async def another(city: Identity, **changed: Any) -> Identity:
    """The service started anew over the same store."""
    app, runtime, desk = build_for_tests(
        settings().model_copy(update=changed), city.database, city.clock, city.bus, city.kms
    )
    await city.bus.join(runtime)
    http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ISSUER)
    return Identity(app, runtime, desk, city.bus, city.clock, city.database, http, city.kms)


# -- in the store -----------------------------------------------------------------------------------------


async def test_nobody_s_name_is_in_the_store(city: Identity) -> None:
    await city.code()
    stored = await dump(city)
    for value in PERSONAL:
        assert value.encode() not in stored
    assert b"python-httpx" not in stored, "nor what the browser calls itself"
    assert LI_NA["name"] == city.bus.said(ContactPublished)[-1]["name"], "and notifications is told it all the same"


async def test_two_people_have_two_keys(city: Identity) -> None:
    await people(city, "wang")
    assert {LI, "person-wang"} == {one["_id"] for one in await city.database.collection("data_keys").find({})}
    assert (await key_of(city))["versions"] != (await key_of(city, "person-wang"))["versions"]


async def test_signing_in_and_looking_at_oneself_asks_for_the_key_once(city: Identity) -> None:
    fresh = await another(city)
    city.kms.asked.clear()
    token = (await fresh.redeem(await fresh.code())).json()["access_token"]
    for _ in range(5):
        assert (await fresh.me(token)).json()["name"] == LI_NA["name"]
    assert city.kms.asked == {"unwrap": 1}


async def test_without_the_key_service_who_is_known_goes_on_and_others_are_asked_to_wait(city: Identity) -> None:
    token = (await city.redeem(await city.code())).json()["access_token"]
    fresh = await another(city)
    city.kms.silent = True
    assert (await city.me(token)).status_code == 200
    refused = await fresh.me(token)
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert (await city.put("/people/person-new", LI_NA | {"login": "new"})).status_code == 503
    city.kms.silent = False
    assert (await fresh.me(token)).status_code == 200


async def test_a_closed_key_opens_nothing_of_somebody_else(city: Identity) -> None:
    await people(city, "wang")
    stolen = await key_of(city, "person-wang")
    await city.database.collection("data_keys").update({"_id": LI}, {"$set": {"versions": stolen["versions"]}})
    fresh = await another(city)
    with pytest.raises(SealBroken, match=LI):
        await fresh.desk.opened.to_open(LI, [1])


async def test_what_is_remembered_is_remembered_for_a_moment_and_of_few(
    city: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.identity.datakeys.opened.MOST", 2)
    opened = OpenedKeys(city.desk.data_keys, city.kms, "x" * 32)
    await people(city, "wang", "zhao")
    city.kms.asked.clear()
    for _ in range(2):
        for person in (LI, "person-wang"):
            await opened.to_open(person, [1])
    assert city.kms.asked["unwrap"] == 2
    await opened.to_open("person-zhao", [1])
    await opened.to_open(LI, [1])
    assert city.kms.asked["unwrap"] == 4, "it was pushed out"
    hasty = OpenedKeys(city.desk.data_keys, city.kms, "x" * 32, seconds=0.0)
    for _ in range(2):
        await hasty.to_open(LI, [1])
    assert city.kms.asked["unwrap"] == 6


# -- master keys ------------------------------------------------------------------------------------------


async def test_with_another_master_key_all_data_keys_are_closed_anew_while_all_goes_on(city: Identity) -> None:
    await people(city, *(f"p{n}" for n in range(8)))
    before = await key_of(city)
    name = city.kms.rotate()
    assert (await ask(city, "GET", "/master-keys")).json() == {"current": name, "left": 9, "run": None}
    state = await rewrapped(city)
    assert state == {"current": name, "left": 0, "run": {"rewrapped": 9, "running": False, "error": None}}
    after = await key_of(city)
    assert (before["by"], after["by"]) == ("kms-1", name)
    assert before["versions"] != after["versions"]
    del city.kms.keys["kms-1"]
    fresh = await another(city)
    assert (await fresh.desk.people.get(LI)).name == LI_NA["name"]
    assert (await rewrapped(fresh))["run"]["rewrapped"] == 0


async def test_a_run_that_breaks_off_goes_on_where_it_was(city: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.identity.datakeys.commands.AT_ONCE", 1)
    await people(city, *(f"p{n}" for n in range(3)))
    city.kms.rotate()
    city.kms.silent_after = 5
    state = await rewrapped(city)
    assert state["run"]["error"] == "Unavailable"
    done = state["run"]["rewrapped"]
    assert 0 < done < 4
    city.kms.silent_after = None
    fresh = await another(city)
    state = await rewrapped(fresh)
    assert (state["left"], state["run"]["rewrapped"]) == (0, 4 - done), "another process does the rest, and only that"


async def test_one_run_at_a_time(city: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    city.kms.rotate()
    held = asyncio.Event()
    unwrap = city.kms.unwrap

    async def waiting(*asked: Any) -> bytes:
        await held.wait()
        return await unwrap(*asked)

    monkeypatch.setattr(city.kms, "unwrap", waiting)
    assert (await ask(city, "POST", "/master-keys/rewrap")).status_code == 202
    assert (await ask(city, "POST", "/master-keys/rewrap")).json()["code"] == "rewrap_running"
    held.set()
    assert (await in_the_end(city))["left"] == 0


async def test_a_data_key_that_nobody_can_open_stops_no_other(city: Identity) -> None:
    await people(city, "wang")
    await city.database.collection("data_keys").update({"_id": LI}, {"$set": {"versions.1": b"x" * 60}})
    city.kms.rotate()
    state = await rewrapped(city)
    assert (state["left"], state["run"]["rewrapped"], state["run"]["error"]) == (1, 1, None)


async def test_a_key_that_is_renewed_while_it_is_closed_anew_loses_nothing(
    city: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    city.kms.rotate()
    wrap, raced = city.kms.wrap, [False]

    async def overtaken(*asked: Any) -> bytes:
        if not raced[0]:
            raced[0] = True
            assert (await ask(city, "POST", f"/people/{LI}/data-key")).status_code == 200
        return await wrap(*asked)

    monkeypatch.setattr(city.kms, "wrap", overtaken)
    assert (await rewrapped(city))["left"] == 0
    assert (await key_of(city))["current"] == 2
    assert (await (await another(city)).desk.people.get(LI)).name == LI_NA["name"]


async def test_the_wrong_master_key_is_told_at_the_start(city: Identity) -> None:
    stranger = type(city.kms)()
    _, runtime, _ = build_for_tests(settings(), city.database, city.clock, city.bus, stranger)
    with pytest.raises(SealBroken, match="data key"):
        await runtime.prepare()


# -- data keys --------------------------------------------------------------------------------------------


async def test_a_person_gets_a_new_data_key_and_the_one_before_goes(city: Identity) -> None:
    await city.code()
    stored = await city.database.collection("people").get(LI)
    assert (await ask(city, "POST", f"/people/{LI}/data-key")).json() == {"version": 2}
    assert set((await key_of(city))["versions"]) == {"1", "2"}
    sealed = await city.database.collection("people").get(LI)
    assert stored is not None
    assert sealed is not None
    assert stored["name"] != sealed["name"]
    city.clock.forward(OVERLAP - timedelta(seconds=1))
    await city.bus.settle()
    assert set((await key_of(city))["versions"]) == {"1", "2"}, "somebody may still seal with the one before"
    city.clock.forward(timedelta(seconds=1))
    await city.bus.settle()
    assert set((await key_of(city))["versions"]) == {"2"}
    fresh = await another(city)
    assert (await fresh.desk.people.get(LI)).name == LI_NA["name"]
    assert all(one.browser.startswith("python-httpx") for one in await all_of(fresh.desk.sessions, LI))


async def test_what_another_replica_sealed_meanwhile_is_sealed_anew_before_the_old_key_goes(city: Identity) -> None:
    replica = await another(city)
    await replica.put(f"/people/{LI}", LI_NA | {"language": "en"})  # it remembers the key, and what it wrote
    assert (await ask(city, "POST", f"/people/{LI}/data-key")).status_code == 200
    wish = PersonWish(login="li.na", name="canary of a replica")
    await replica.desk.people.change(LI, lambda person: person.revise(wish, None, city.clock.now()))
    stored = await city.database.collection("people").get(LI) or {}
    assert (stored["name"][4], stored["login"][4]) == (1, 2), "versions of the key"
    city.clock.forward(OVERLAP)
    await city.bus.settle()
    assert set((await key_of(city))["versions"]) == {"2"}
    fresh = await another(city)
    assert (await fresh.desk.people.get(LI)).name == "canary of a replica"
    journal = await fresh.desk.people.journal(LI)
    assert len(journal) == 6
    assert all(entry.data is not None for entry in journal)


async def test_who_has_no_key_gets_no_new_one(city: Identity) -> None:
    assert (await ask(city, "POST", "/people/person-nobody/data-key")).status_code == 404


# -- what is stored as before -----------------------------------------------------------------------------


async def unseal(city: Identity, *ids: str) -> None:
    """The store as the version before wrote it."""
    collection, keys = city.database.collection("people"), city.database.collection("data_keys")
    for id_ in ids:
        person = await city.desk.people.get(id_)
        journal = {
            str(entry.sequence): entry.model_dump(exclude={"sequence"}) for entry in await city.desk.people.journal(id_)
        }
        plain = {name: getattr(person, name) for name in ("login", "name", "mail", "phone")}
        gone = dict.fromkeys(("login_hash", "mail_hash", "phone_hash", "sealed"), "")
        await collection.update({"_id": id_}, {"$set": {**plain, "journal": journal}, "$unset": gone})
        await keys.delete({"_id": id_})
        city.desk.opened.forget(id_)


async def test_what_an_earlier_version_kept_is_sealed_at_the_start(city: Identity) -> None:
    await people(city, "wang")
    await unseal(city, LI, "person-wang")
    assert b"canary wang" in await dump(city)
    fresh = await another(city)
    stored = await dump(fresh)
    assert not [value for value in (*PERSONAL, "canary wang") if value.encode() in stored]
    answer = await fresh.submit(await fresh.form())
    assert answer.status_code == 303, "and she signs in as before"
    assert (await fresh.desk.people.journal(LI))[-1].data is not None


async def test_sealing_at_the_start_goes_on_where_it_was_stopped(
    city: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    await people(city, "wang", "zhao")
    await unseal(city, LI, "person-wang", "person-zhao")
    city.kms.silent_after = 3
    with pytest.raises(Exception, match="does not answer"):
        await another(city)
    left = [one["_id"] for one in await city.database.collection("people").find({}) if "sealed" not in one]
    assert 0 < len(left) < 3
    city.kms.silent_after = None
    fresh = await another(city)
    assert not [one["_id"] for one in await fresh.database.collection("people").find({}) if "sealed" not in one]


async def test_a_document_that_nobody_can_open_does_not_keep_the_service_from_starting(city: Identity) -> None:
    await people(city, "wang")
    await unseal(city, "person-wang")
    broken = {"$set": {"name": b"\x01" + b"x" * 60}, "$unset": {"sealed": ""}}
    await city.database.collection("people").update({"_id": LI}, broken)
    fresh = await another(city)
    assert (await fresh.desk.people.get("person-wang")).name == "canary wang"


async def test_with_another_key_of_hashes_people_sign_in_as_before(city: Identity) -> None:
    hashed = await city.database.collection("people").get(LI)
    fresh = await another(city, lookup_key=SecretStr("another key of hashes, of 32 characters or more"))
    again = await fresh.database.collection("people").get(LI)
    assert hashed is not None
    assert again is not None
    assert hashed["login_hash"] != again["login_hash"]
    assert (await fresh.submit(await fresh.form(), password=PASSWORD)).status_code == 303
