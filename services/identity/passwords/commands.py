"""Choosing passwords."""

from services.identity.desk import Desk
from services.identity.passwords.domain import SERVICE, Known, faults_of, words_of
from shared.accounts import LONGEST_PASSWORD, SHORTEST_PASSWORD
from shared.errors import Fault

CITY_LEVEL = 2


async def faults(desk: Desk, password: str, person: Known, *others: str, pointer: str = "/password") -> list[Fault]:
    """Why a person, of whom `others` is known too, may not choose this password. One of a wrong length is refused as
    that, and not looked at."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        return []
    return faults_of(password, [*SERVICE, *await _city(desk), *words_of(person), *others], pointer)


async def _city(desk: Desk) -> list[str]:
    """What the city is called."""
    rows = [desk.divisions.load(one).row for one in await desk.divisions.collection.find({"row.level": CITY_LEVEL})]
    names = [name for row in rows for name in (row.name.zh.removesuffix("市"), row.name.en.removesuffix(" City"))]
    return [desk.city, *names]
