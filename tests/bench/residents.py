"""People of the city in any number, put straight into identity's store: copies of one that identity made itself."""

import asyncio
import hashlib
from collections.abc import Iterable, Mapping
from functools import reduce
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pymongo import MongoClient
from pymongo.collection import Collection

from deploy.local.programs import service_environment
from services.identity.accounts.domain import Person
from services.identity.datakeys.masterkeys import SETTING, MasterKeyFile
from services.identity.datakeys.opened import context, fresh
from shared.lookup import keyed_hash
from shared.personal import personal_fields
from shared.store.collection import Document
from shared.store.seal import Keys, Seal, SealBroken
from tests.bench.browser import Issuer
from tests.bench.city import BenchCity

PASSWORD = "a resident's password"
NAME = "常住"
MODEL = "person-bench-model"
REACHED = {"mail": "bench.model@example.org", "phone": "+86 411 99999999"}
SEED_BATCH = 2000


def ours(city: BenchCity) -> Issuer:
    """Where they sign in, as the sample application."""
    return Issuer(
        city.urls["identity"], "/authorize", "/token", "tongban-demo", "http://127.0.0.1:8400/callback", "services"
    )


def person(n: int) -> str:
    """The id of the n-th, from 0."""
    return f"person-bench-{n:07}"


def login(n: int) -> str:
    """The login name of the n-th."""
    return f"bench.{n:07}"


def mail(n: int) -> str:
    """The mail address of the n-th."""
    return f"bench.{n}@example.org"


def phone(n: int) -> str:
    """The phone number of the n-th."""
    return f"+86 411 {n:08}"


def secrets_of(city: BenchCity) -> tuple[MasterKeyFile, str]:
    """The master keys of this city's identity, and its key of hashes."""
    environment = service_environment(city.city.platform, "identity")
    return MasterKeyFile(Path(environment[SETTING])), environment["TONGBAN_LOOKUP_KEY"]


class Residents:
    """`fill(n)` until there are n of them; all have one password and one name, and each a data key of their own. They
    are in the store alone: no event tells of them, so nobody gets mail."""

    def __init__(self, city: BenchCity) -> None:
        database = MongoClient[Document](city.city.platform.store.uri)["tongban_identity"]
        wish = {"login": "bench.model", "password": PASSWORD, "name": NAME, "language": "zh", **REACHED}
        city.operator.ask("identity", "PUT", f"/people/{MODEL}", json=wish)
        self._people = database["people"]
        self._keys = _DataKeys(database["data_keys"], *secrets_of(city))
        self._seal = Seal(self._keys, "people", Person)
        self._model = asyncio.run(self._opened())
        self.stored = 0

    async def _opened(self) -> Document:
        """The model in plain text with its journal, as if all that is in it were published."""
        kept: Document = self._people.find_one({"_id": MODEL}) or {}
        if kept.get("sealed") != self._seal.shape:
            raise RuntimeError(f"{MODEL} is not there, or identity seals in another shape than the bench does")
        opened, journal = await self._seal.open(kept), kept["journal"]
        entries = {n: await self._seal.open_entry(kept, int(n), entry) for n, entry in journal.items()}
        return opened | {"journal": entries, "sent": kept["seq"], "pending": 0}

    def fill(self, stored: int) -> None:
        """Until so many are there. Blocks, so it is called beside the loop."""
        while self.stored < stored:
            batch = range(self.stored, min(stored, self.stored + SEED_BATCH))
            people = asyncio.run(self._sealed(batch))
            self._keys.keep()
            self._people.insert_many(people, ordered=False)
            self.stored = batch.stop

    async def _sealed(self, batch: Iterable[int]) -> list[Document]:
        return [self._model | await self._seal.close(person(n), person(n), self._personal(n)) for n in batch]

    def _personal(self, n: int) -> Document:
        """What the n-th has otherwise than the model."""
        own = {"login": login(n), "mail": mail(n), "phone": phone(n)}
        told = {MODEL: person(n), REACHED["mail"]: mail(n), REACHED["phone"]: phone(n)}
        journal = {place: _told(entry, told) for place, entry in self._model["journal"].items()}
        alike = {name: self._model[name] for name in personal_fields(Person)}
        return {"_id": person(n), **alike, **own, "journal": journal}


class _DataKeys:
    """See `shared.store.seal.DataKeys`. Whoever is sealed gets a new key; `keep` puts those made since into the store,
    all at once: one by one, as identity makes them, a hundred thousand take minutes."""

    def __init__(self, kept: Collection[Document], masters: MasterKeyFile, lookup_key: str) -> None:
        self._kept, self._masters, self._lookup_key = kept, masters, lookup_key.encode()
        self._model: Document = kept.find_one({"_id": MODEL}) or {}
        self._made: list[Document] = []

    def hash(self, kind: str, value: str) -> str:
        return keyed_hash(self._lookup_key, kind, value)

    async def to_open(self, whose: str, versions: Iterable[int]) -> Keys:
        if whose != self._model.get("_id"):
            raise SealBroken(f"{whose} is not the model: {sorted(versions)}")
        by, closed = self._model["by"], self._model["versions"]
        opened = {int(n): AESGCM(await self._masters.unwrap(by, raw, context(whose, n))) for n, raw in closed.items()}
        return Keys(self._model["current"], opened)

    async def to_seal(self, whose: str) -> Keys:
        key, master = fresh(), await self._masters.current()
        closed = await self._masters.wrap(master, key, context(whose, 1))
        self._made.append(self._model | {"_id": whose, "by": master, "versions": {"1": closed}, "current": 1})
        return Keys(1, {1: AESGCM(key)})

    def keep(self) -> None:
        """Store the new ones."""
        made, self._made = self._made, []
        self._kept.insert_many(made, ordered=False)


def _told(entry: Mapping[str, Any], told: Mapping[str, str]) -> Document:
    """A journal entry of the model's as it is somebody else's; where it is sealed, its digest is made with the seal."""
    data = reduce(lambda text, one: text.replace(*one), told.items(), entry["data"])
    return {**entry, "data": data, "sha256": hashlib.sha256(data.encode()).hexdigest()}
