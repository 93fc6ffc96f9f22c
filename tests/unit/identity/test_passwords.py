"""Passwords: which nobody may choose, and how they are compared."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.accounts.domain import Person
from services.identity.passwords.domain import COMMON, SERVICE, faults_of, words_of
from services.identity.sessions.domain import Session
from shared.accounts import SHORTEST_PASSWORD
from shared.errors import Conflict

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@dataclass(frozen=True)
class Somebody:
    login: str = "li.na"
    name: str = "李娜 Li Nana"
    mail: str | None = "lena77@example.org"
    phone: str | None = "+86 139 0000 7777"


WORDS = (*SERVICE, "dalian", "大连", *words_of(Somebody()))


def code(password: str) -> str | None:
    found = faults_of(password, WORDS, "/password")
    assert all(fault.pointer == "/password" and password not in fault.detail for fault in found)
    return found[0].code if found else None


def test_the_list_holds_more_than_the_standard_asks_for_and_each_fits_our_lengths() -> None:
    known = COMMON.read_text(encoding="utf-8").splitlines()
    assert len(known) > 3_000
    assert known == sorted(set(known))
    assert all(len(one) >= SHORTEST_PASSWORD and one == one.casefold() for one in known)


@pytest.mark.parametrize(
    "password",
    [
        "password",
        "12345678",
        "PassWord1",
        "pass-word",
        "12345678!!",
        "woaini1314",
        "1qaz2wsx",
        "ｐａｓｓｗｏｒｄ",
        "iloveyou<3",
    ],
)
def test_what_is_tried_first_is_refused_however_it_is_written(password: str) -> None:
    assert code(password) == "common"


@pytest.mark.parametrize(
    "password",
    [
        "tongban2026", "Tongban!!", "通办通办123456", "dalian@2026", "大连12345678", "TongbanDalian1",
        "li.na.123", "Li-Na_2026!", "李娜123456", "linana99!", "lena77lena77", "lena77@example.org",
        "Nana!!!!", "13900007777", "0000-7777", "a13900007777", "+8613900007777",
        "19900307", "1990-03-07", "lq19900307", "21029919900307402X", "x210299199003074025",
    ],
)  # fmt: skip
def test_what_others_know_is_no_password(password: str) -> None:
    assert code(password) == "guessable"


@pytest.mark.parametrize(
    "password",
    [
        "li-na-demo", "another-password", "canary-password-山水", "correct horse battery staple", "99317751",
        "tongban is a fine word", "山水画很好看的", "9931 7754 ", "Kx7#mQ2!", "x" * 60 + "unlike others",
        "!#%&*()-+?=~{}[]", "&^%$#@!)(*~`|a{}", "🐘🦊🐝🌵🍋🚲🎻🧭", "####$$$$%%%%1", "~~~山~~~~",
    ],
)  # fmt: skip
def test_anything_else_may_be_chosen_whatever_characters_it_is_made_of(password: str) -> None:
    assert code(password) is None


@given(st.text("!#%&*()-+?=~{}[]<>|^ 🐘🦊🐝🌵🍋🚲🎻🧭", min_size=8), st.sampled_from(["", *"an7", "娜"]))
def test_signs_say_nothing_that_others_know_beside_a_letter_either(signs: str, letter: str) -> None:
    assert code(signs[:4] + letter + signs[4:]) is None


def test_who_has_no_mail_and_no_phone_is_known_by_the_name() -> None:
    words = [*words_of(Somebody(login="x1", name="Ox", mail=None, phone=None))]
    assert faults_of("x1x1Ox99", words, "/password") == []
    assert faults_of("lina1990lina", words, "/password") == []


def test_another_password_brings_back_no_session_that_was_over() -> None:
    li = Person(id="person-li-na", login="li.na", password_hash="a", name="Li Na")
    over = Session(id="session-1", person=li.id, user_version=li.token_version, browser="", begun_at=NOW)
    li.sign_out(NOW)
    here = over.model_copy(update={"id": "session-2", "user_version": li.token_version})
    li.choose_password("a", "b", NOW)
    for session in (over, here):
        session.stay(li.token_version, "x")
    assert [session.is_live(li.token_version, 0, NOW) for session in (over, here)] == [False, True]


def test_of_two_who_change_it_at_once_one_does() -> None:
    li = Person(id="person-li-na", login="li.na", password_hash="a", name="Li Na")
    li.choose_password("a", "b", NOW)
    with pytest.raises(Conflict):
        li.choose_password("a", "c", NOW)
    assert li.password_hash == "b"
