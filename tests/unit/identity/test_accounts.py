"""Accounts and where clients may have people sent."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from services.identity.accounts.domain import Client, ClientWish, Person, PersonWish
from services.identity.passwords.hashing import Passwords
from services.identity.posts.domain import Post
from shared.errors import Conflict
from shared.personal import Forgotten

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def client(*redirect_uris: str) -> Client:
    return Client(id="client-web", code="web", kind="application", name="Web", redirect_uris=list(redirect_uris))


@pytest.mark.parametrize(
    ("known", "asked"),
    [
        ("https://a.example.org/back", "https://a.example.org/back"),
        ("http://127.0.0.1/back", "http://127.0.0.1:49152/back"),
        ("http://127.0.0.1:5173/back", "http://127.0.0.1:49152/back"),
        ("http://[::1]/back", "http://[::1]:49152/back"),
        ("cn.dalian.app:/back", "cn.dalian.app:/back"),
    ],
)
def test_people_are_sent_to_an_address_that_is_the_client_s(known: str, asked: str) -> None:
    assert client("https://other.example.org/", known).may_return_to(asked)


@pytest.mark.parametrize(
    ("known", "asked"),
    [
        ("https://a.example.org/back", "https://a.example.org:8443/back"),
        ("https://a.example.org/back", "https://a.example.org/back/"),
        ("https://a.example.org/back", "https://a.example.org/back?x"),
        ("https://a.example.org/back", ""),
        ("http://127.0.0.1/back", "http://127.0.0.1:1/else"),
        ("http://127.0.0.1/back", "http://[::1]:1/back"),
        ("http://127.0.0.1/back", "http://127.0.0.1:1@evil.example.org/back"),
        ("http://127.0.0.1/back", "http://127.0.0.1:123456/back"),
        ("http://127.0.0.1/back", "http://127.0.0.1:1/back#x"),
        ("http://127.0.0.1/back", "http://127.0.0.1:1/back\\@evil.example.org"),
        ("http://127.0.0.1/back", "https://127.0.0.1:1/back"),
        ("cn.dalian.app:/back", "cn.dalian.app:/else"),
    ],
)
def test_people_are_sent_nowhere_else(known: str, asked: str) -> None:
    assert not client(known).may_return_to(asked)


@pytest.mark.parametrize(
    "uri",
    [
        "http://localhost/back",
        "http://example.org/",
        "javascript:alert(1)",
        "data:text/html,x",
        "//a.example.org/",
        "/back",
        "https://a.example.org/#x",
        "https://a.example.org/ x",
        "https://u@a.example.org/",
        "https:///x",
        "https://a\\b/",
    ],
)
def test_an_address_nobody_should_be_sent_to_is_not_registered(uri: str) -> None:
    with pytest.raises(ValidationError):
        ClientWish(kind="application", name="Web", redirect_uris=[uri])


def wish(**changes: object) -> PersonWish:
    return PersonWish.model_validate({"login": "li.na", "name": "李娜", "mail": "li@example.org"} | changes)


def li_na() -> Person:
    return Person(id="person-li-na", login="li.na", password_hash="h", name="李娜", mail="li@example.org")


def test_contact_data_is_told_on_the_contacts_topic_only() -> None:
    person = li_na()
    person.open(NOW)
    person.revise(wish(mail="new@example.org"), None, NOW)
    assert [entry["topic"] for entry in person.recorded] == [
        "identity.events",
        "identity.contacts",
        "identity.contacts",
    ]
    assert person.recorded[0]["data"] == {"account": "person-li-na", "kind": "person", "organisation": None}


def test_who_is_forgotten_has_no_name_and_no_way_in() -> None:
    person = li_na()
    person.forget(NOW)
    assert (person.login, person.name, person.mail, person.phone, person.password_hash) == ("", "", None, None, "")
    assert [entry["topic"] for entry in person.recorded] == ["identity.revocations", "identity.contacts"]
    assert person.recorded[1]["data"] == {"person": "person-li-na"}
    person.take_recorded()
    person.forget(NOW)
    assert person.recorded == []
    with pytest.raises(Forgotten):
        person.revise(wish(), "h", NOW)


def test_an_officer_is_not_forgotten() -> None:
    person = li_na()
    person.revise(wish(posts=[Post(organisation="police", division="2102", roles=["clerk"])]), "h", NOW)
    with pytest.raises(Conflict, match="still_needed"):
        person.forget(NOW)
    assert person.name == "李娜"


def test_an_application_has_no_account_of_its_own() -> None:
    application = client("https://a.example.org/")
    application.open(NOW)
    assert application.recorded == []


async def test_a_password_fits_its_hash_however_it_was_typed() -> None:
    passwords = Passwords()
    kept = await passwords.hash("caf\u00e9 山水画")
    assert "argon2id" in kept
    assert "m=19456,t=2,p=1" in kept
    assert await passwords.fits(kept, "cafe\u0301 山水画")
    assert not await passwords.fits(kept, "cafe 山水画")
    assert not await passwords.fits(None, "nobody has this password")
    assert await passwords.kept_or_new(kept, "caf\u00e9 山水画") == kept
    assert await passwords.kept_or_new(kept, "another") != kept


async def test_a_hash_of_other_parameters_is_dated() -> None:
    passwords = Passwords()
    assert not passwords.is_dated(await passwords.hash("a password"))
    assert passwords.is_dated(await Passwords(memory_kib=8 * 1024, passes=1).hash("a password"))


async def test_a_hash_that_others_made_fits_and_what_is_none_fits_nobody() -> None:
    """The example of the reference implementation's own tests (phc-winner-argon2, `test.c`: 64 MiB, two passes)."""
    passwords = Passwords()
    foreign = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
    assert await passwords.fits(foreign, "password")
    assert not await passwords.fits(foreign, "passwore")
    for broken in ("", "$argon2id$broken", "plain", "$" * 200):
        assert not await passwords.fits(broken, "password")


def test_the_same_password_hashed_anew_ends_nothing() -> None:
    person = li_na()
    person.rehash("h", "h2")
    assert (person.password_hash, person.token_version, person.recorded) == ("h2", 1, [])
    person.rehash("h", "h3")
    assert person.password_hash == "h2", "it is another password by now"
