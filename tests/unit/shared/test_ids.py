"""Ids."""

import re

from shared.ids import derived_id, new_id

SHAPE = re.compile(r"case-[0-9a-z]{26}")


def test_new_ids_are_lower_case_and_all_different() -> None:
    ids = {new_id("case") for _ in range(1000)}
    assert len(ids) == 1000
    assert all(SHAPE.fullmatch(id_) for id_ in ids)


def test_the_same_parts_give_the_same_id() -> None:
    assert derived_id("case", "person-li-na", "k1") == derived_id("case", "person-li-na", "k1")
    assert SHAPE.fullmatch(derived_id("case", "person-li-na", "k1"))


def test_parts_that_only_join_alike_give_different_ids() -> None:
    ids = {derived_id("x", *parts) for parts in [("ab", "c"), ("a", "bc"), ("abc",), ("", "abc"), ("1:a", "")]}
    assert len(ids) == 5


def test_the_prefix_is_not_mistaken_for_a_part() -> None:
    assert derived_id("a", "b") != derived_id("b", "b")
