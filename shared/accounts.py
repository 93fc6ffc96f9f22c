"""How accounts are written, for whoever keeps them and whoever loads them. Pure."""

from typing import Annotated

from pydantic import Field, SecretStr

PERSON_PATTERN = r"^person-[a-z0-9]+(-[a-z0-9]+)*$"
SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 128
"""Characters (OWASP ASVS 5.0, 6.2.1 and 6.2.9)."""

PersonId = Annotated[str, Field(pattern=PERSON_PATTERN, max_length=64)]
Login = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,62}$")]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Mail = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]
Phone = Annotated[str, Field(pattern=r"^\+?[0-9 -]{5,20}$")]
Password = Annotated[SecretStr, Field(min_length=SHORTEST_PASSWORD, max_length=LONGEST_PASSWORD)]


def is_person(account: str) -> bool:
    """Whether an account's id is a person's; others are companies' and programs'."""
    return account.startswith("person-")
