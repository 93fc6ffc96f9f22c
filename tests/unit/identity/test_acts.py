"""The kinds of acts: each has one function of its name, and says what it says."""

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

import pytest

from services.identity.audit import acts
from shared.contracts.acts import Actor
from shared.contracts.identity import ActNoted

BY = Actor(kind="operator", account="operator")
KINDS: dict[str, Callable[..., ActNoted]] = {
    name: found
    for name, found in inspect.getmembers(acts, inspect.isfunction)
    if get_type_hints(found).get("return") is ActNoted
}
GIVEN: dict[str, Any] = {"by": BY, "fields": ["mail"], "count": 3}


@pytest.mark.parametrize("name", sorted(KINDS))
def test_each_kind_has_the_name_of_its_function(name: str) -> None:
    asked = inspect.signature(KINDS[name]).parameters
    act = KINDS[name](**{one: GIVEN.get(one, "x-1") for one in asked})
    assert act.act == name.replace("_", "-")
    assert (act.by, act.on) == (BY, "x-1")
    assert act.count == (3 if "count" in asked else 1)
    assert act.ground == ("x-1" if "ground" in asked else "forbidden" if name == "act_forbidden" else None)
    assert KINDS[name].__doc__


def test_there_are_kinds() -> None:
    assert len(KINDS) > 20
