"""Marks of what is personal, and the hashes it is found by."""

from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from shared.lookup import keyed_hash
from shared.personal import PERSONAL, Personal, blank, personal_fields

KEY = b"a key of hashes for tests"


class Card(BaseModel):
    """What people give each other."""

    name: Annotated[str, PERSONAL]
    mail: Annotated[str | None, Personal(searched="mail")] = None
    notes: Annotated[list[str], PERSONAL] = Field(default_factory=list)
    paper: str = "thick"


def test_the_marked_fields_are_found_and_no_others() -> None:
    assert personal_fields(Card) == {"name": PERSONAL, "mail": Personal(searched="mail"), "notes": PERSONAL}


def test_a_mark_where_the_store_would_not_see_it_is_refused() -> None:
    class Inside(BaseModel):
        mail: Annotated[str, PERSONAL] | None = None

    class Listed(BaseModel):
        mails: list[Annotated[str, PERSONAL]] = []

    class Nested(BaseModel):
        cards: dict[str, list[Card]] = {}

    for model in (Inside, Listed, Nested):
        with pytest.raises(TypeError, match=model.__name__):
            personal_fields(model)


def test_what_is_forgotten_is_blank() -> None:
    assert [blank(Card, name) for name in ("name", "mail", "notes")] == ["", None, []]


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("mail", "Li.Na@Example.org", " li.na@example.org"),
        ("login", "li.na", "ＬＩ．ＮＡ"),
        ("phone", "139 0000-7777", "13900007777"),
        ("phone", "+86 139-0000-7777", "13900007777"),
        ("phone", "0086 13900007777", "１３９００００７７７７"),
        ("id-number", "21020319900307123x", "21020319900307123X"),
    ],
)
def test_what_is_written_differently_is_found_alike(kind: str, one: str, other: str) -> None:
    assert keyed_hash(KEY, kind, one) == keyed_hash(KEY, kind, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("phone", "86139000077"), ("phone", "139000077")),
        (("phone", "8613900007777"), ("phone", "8623900007777")),
        (("mail", "13900007777"), ("phone", "13900007777")),
        (("mail", "li.na@example.org"), ("mail", "lina@example.org")),
    ],
)
def test_what_is_different_is_kept_apart(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert keyed_hash(KEY, *one) != keyed_hash(KEY, *other)


@given(
    st.sampled_from(["login", "mail", "phone", "any"]),
    st.text(),
    st.binary(min_size=32, max_size=64),
    st.binary(max_size=64),
)
def test_a_hash_says_nothing_without_its_key(kind: str, value: str, key: bytes, other: bytes) -> None:
    found = keyed_hash(key, kind, value)
    assert len(bytes.fromhex(found)) == 32
    assert found == keyed_hash(key, kind, value)
    assert (found == keyed_hash(other, kind, value)) == (key.ljust(64, b"\0") == other.ljust(64, b"\0"))
