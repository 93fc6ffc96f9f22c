"""People who petition: what is personal of them is sealed in the store. And data keys in memory."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, ClassVar, Self

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import Field

from shared.aggregate import Aggregate
from shared.contracts.registry import EventModel
from shared.lookup import keyed_hash
from shared.personal import PERSONAL, Forgotten, Personal
from shared.store.seal import Keys, SealBroken

HASH_KEY = b"a key of hashes for tests"


class PetitionerListed(EventModel):
    """A row of the petitioners."""

    type = "tongban.petitions.petitioner-listed.v1"
    topic = "petitions.petitioners"
    personal = True
    table = True

    petitioner: str
    name: Annotated[str, PERSONAL]


class PetitionerReminded(EventModel):
    """Somebody was reminded; of whom is not told."""

    type = "tongban.petitions.petitioner-reminded.v1"
    topic = "petitions.petitioners"

    petitioner: str


class Petitioner(Aggregate):
    """Somebody who petitions."""

    name: Annotated[str, PERSONAL]
    mail: Annotated[str | None, Personal(searched="mail")] = None
    born: Annotated[date | None, PERSONAL] = None
    seen_at: Annotated[datetime | None, PERSONAL] = None
    habits: Annotated[list[str], PERSONAL] = Field(default_factory=list)
    office: str = "east"

    @classmethod
    def of(cls, id_: str, name: str, now: datetime) -> Self:
        """A new one, listed."""
        petitioner = cls(id=id_, name=name)
        petitioner.call(name, now)
        return petitioner

    def call(self, name: str, now: datetime) -> None:
        """Another name."""
        self.name = name
        self.record(PetitionerListed(petitioner=self.id, name=name), now)

    def remind(self, now: datetime) -> None:
        """Nothing personal."""
        self.record(PetitionerReminded(petitioner=self.id), now)


class Visit(Aggregate):
    """A petitioner came to the office."""

    whose: ClassVar[str] = "petitioner"

    petitioner: str
    words: Annotated[str, PERSONAL]

    def tell(self, now: datetime) -> None:
        """The words are a name."""
        self.record(PetitionerListed(petitioner=self.petitioner, name=self.words), now)


class FakeDataKeys:
    """Data keys in memory, by whose they are; `asked` says how often somebody wanted one."""

    def __init__(self) -> None:
        self.keys: dict[str, Keys] = {}
        self.asked = 0
        self.hash_key = HASH_KEY

    async def to_open(self, whose: str, versions: Iterable[int]) -> Keys:
        self.asked += 1
        if whose not in self.keys:
            raise SealBroken(f"{whose} has no key for {sorted(versions)}")
        return self.keys[whose]

    async def to_seal(self, whose: str) -> Keys:
        self.asked += 1
        if whose not in self.keys:
            self.renew(whose)
        if not self.keys[whose].ciphers:
            raise Forgotten
        return self.keys[whose]

    def hash(self, kind: str, value: str) -> str:
        return keyed_hash(self.hash_key, kind, value)

    def renew(self, whose: str) -> None:
        """One version more."""
        known = self.keys.get(whose, Keys(0, {}))
        version = known.current + 1
        self.keys[whose] = Keys(version, {**known.ciphers, version: AESGCM(AESGCM.generate_key(256))})

    def retire(self, whose: str) -> None:
        """Only the current version stays."""
        known = self.keys[whose]
        self.keys[whose] = Keys(known.current, {known.current: known.ciphers[known.current]})

    def destroy(self, whose: str) -> None:
        """The petitioner is forgotten."""
        self.keys[whose] = Keys(0, {})
