"""People of the city in any number, put straight into identity's store: copies of one that identity made itself."""

from collections.abc import Mapping
from typing import Any

from pymongo import MongoClient

from tests.bench.browser import Issuer
from tests.bench.city import BenchCity

PASSWORD = "a resident's password"
MODEL = "person-bench-model"
SEED_BATCH = 2000


def ours(city: BenchCity) -> Issuer:
    """Where they sign in, as the sample application."""
    return Issuer(
        city.urls["identity"], "/authorize", "/token", "tongban-demo", "http://127.0.0.1:8400/callback", "services"
    )


class Residents:
    """`fill(n)` until there are n of them; all have one password. They are in the store alone: no event tells of
    them, so nobody gets mail."""

    def __init__(self, city: BenchCity) -> None:
        self._people = MongoClient[dict[str, Any]](city.city.platform.store.uri)["tongban_identity"]["people"]
        wish = {"login": "bench.model", "password": PASSWORD, "name": "常住", "language": "zh", **_reached(0)}
        city.operator.ask("identity", "PUT", f"/people/{MODEL}", json=wish)
        self._model: dict[str, Any] = self._people.find_one({"_id": MODEL}) or {}
        self._model |= {"sent": self._model["seq"], "pending": 0}
        self.stored = 0

    def fill(self, stored: int) -> None:
        """Until so many are there."""
        while self.stored < stored:
            batch = range(self.stored, min(stored, self.stored + SEED_BATCH))
            self._people.insert_many(
                [self._model | {"_id": person(n), "login": login(n), **_reached(n + 1)} for n in batch], ordered=False
            )
            self.stored = batch.stop


def person(n: int) -> str:
    """The id of the n-th, from 0."""
    return f"person-bench-{n:07}"


def login(n: int) -> str:
    """The login name of the n-th."""
    return f"bench.{n:07}"


def _reached(n: int) -> Mapping[str, str]:
    return {"mail": f"bench.{n}@example.org", "phone": f"+86 411 {n:08}"}
