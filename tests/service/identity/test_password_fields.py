"""Passwords as people type them: any characters, by hand, pasted, or from a password manager."""

import re

import pytest
from pydantic import SecretStr, TypeAdapter, ValidationError

from shared.accounts import Password
from tests.service.identity.conftest import Identity

KEPT = TypeAdapter(Password)


ODD = ["zq;pf wd", "71930468", "   ~    ", "码密钥匙门锁窗户", "🔑🔒🔓🗝️qpzm", "qz" * 32, "Qa1! " * 25]


@pytest.mark.parametrize("text", ODD)
def test_any_characters_will_do(text: str) -> None:
    assert KEPT.validate_python(text) == SecretStr(text)


@pytest.mark.parametrize("text", ["", "qz;pfwd", "qz;" * 43 + "q"])
def test_only_their_number_counts(text: str) -> None:
    with pytest.raises(ValidationError):
        KEPT.validate_python(text)


@pytest.mark.parametrize(("path", "kind"), [("/sign-in", "current-password"), ("/register", "new-password")])
async def test_the_field_hides_what_is_typed_and_lets_managers_fill_it(city: Identity, path: str, kind: str) -> None:
    page = (await city.http.get(path)).text
    (field,) = re.findall(r"<input[^>]* name=\"password\"[^>]*>", page)
    assert 'type="password"' in field
    assert f'autocomplete="{kind}"' in field
    assert not re.search(r"maxlength|onpaste|readonly|pattern=", field)
