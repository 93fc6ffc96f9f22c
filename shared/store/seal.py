"""Sealed documents: fields marked PERSONAL, and journal entries of events with such fields, are stored as ciphertext.

AES-256-GCM under a data key of whose data it is, bound to collection, document and place, so that nothing can be moved
to another person or field. With the key destroyed what it sealed reads as blank, for good.
"""

import hashlib
import json
import secrets
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Protocol

import bson
from bson.codec_options import CodecOptions
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.aggregate import Aggregate
from shared.contracts.registry import registered
from shared.personal import blank, personal_fields
from shared.store.collection import Document

HEAD = struct.Struct(">BI12s")
"""What stands before the ciphertext: the way it was sealed, the version of the data key, the nonce."""
WAY = 1
SALT = 16
"""Random bytes before a journal entry's data. They go into its digest, which stays when the key is destroyed: nobody
can tell by it whether the entry was about somebody they have in mind."""
_OPTIONS: CodecOptions[Document] = CodecOptions(tz_aware=True, tzinfo=UTC)
_JOURNAL = "journal"


class SealBroken(Exception):
    """What is in the store is not what was sealed there: changed, moved, or under a key that nobody has."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The data keys of one person by version: the `current` one seals, each opens what it sealed. None: destroyed."""

    current: int
    ciphers: Mapping[int, AESGCM]


class DataKeys(Protocol):
    """Who has the data keys, and the key of the hashes."""

    async def to_open(self, whose: str, versions: Iterable[int]) -> Keys:
        """A person's keys, with these versions where they exist. Raises `SealBroken`: there never was one."""
        ...

    async def to_seal(self, whose: str) -> Keys:
        """A person's keys, made where there are none. Raises `Forgotten` once they were destroyed."""
        ...

    def hash(self, kind: str, value: str) -> str:
        """The keyed hash of a value (`shared.lookup`)."""
        ...


class Seal:
    """Seals and opens the documents of one collection."""

    def __init__(self, keys: DataKeys, collection: str, model: type[Aggregate]) -> None:
        self._keys, self._collection, self._model = keys, collection, model
        self._fields = personal_fields(model)
        marks = [[name, mark.searched] for name, mark in sorted(self._fields.items())]
        shape = keys.hash("shape", json.dumps(marks))
        self.shape = shape[:16]
        """What is sealed and under which key of hashes: a document of another shape has to be sealed anew."""

    def is_closed(self, document: Mapping[str, Any]) -> bool:
        """Whether there is something to open."""
        return any(isinstance(document.get(name), bytes) for name in self._fields)

    async def open(self, document: Document) -> Document:
        """The document in plain text."""
        closed = {name: raw for name in self._fields if isinstance(raw := document.get(name), bytes)}
        if not closed:
            return document
        keys = await self._keys_of(document, closed.values())
        box = _Box(keys, self._collection, document["_id"])
        opened = {
            name: _value(box.open(name, raw)) if keys.ciphers else blank(self._model, name)
            for name, raw in closed.items()
        }
        return document | opened

    async def open_entry(self, document: Document, n: int, entry: Document) -> Document:
        """A journal entry in plain text; without its data where the key is destroyed."""
        if not isinstance(raw := entry["data"], bytes):
            return entry
        if not (keys := await self._keys_of(document, [raw])).ciphers:
            return entry | {"data": None}
        plain = _Box(keys, self._collection, document["_id"]).open(f"{_JOURNAL}.{n}", raw)
        if hashlib.sha256(plain).hexdigest() != entry["sha256"]:
            raise SealBroken(f"{self._collection} {document['_id']}: the digest of entry {n} is another one")
        return entry | {"data": plain[SALT:].decode()}

    async def close(self, id_: str, whose: str, fields: Document) -> Document:
        """Fields of a document as they are stored: sealed what has to be, beside it the hashes it is found by.

        Raises `Forgotten` where something is to be sealed and the key was destroyed.
        """
        box = _Box(await self._keys.to_seal(whose), self._collection, id_) if self._has_to_be(fields) else None
        closed: Document = {}
        for name, value in fields.items():
            if name in self._fields:
                closed |= self._field(box, name, value)
            elif name == _JOURNAL:
                closed[name] = {n: _entry(box, f"{_JOURNAL}.{n}", entry) for n, entry in value.items()}
            elif name.startswith(f"{_JOURNAL}."):
                closed[name] = _entry(box, name, value)
            else:
                closed[name] = value
        return closed

    def _has_to_be(self, fields: Document) -> bool:
        """Whether anything in these fields has to be sealed."""
        entries = [*fields.get(_JOURNAL, {}).values(), *(fields[n] for n in fields if n.startswith(f"{_JOURNAL}."))]
        in_fields = any(name in fields and not _is_blank(fields[name]) for name in self._fields)
        return in_fields or any(entry.get("sealed") for entry in entries)

    def _field(self, box: "_Box | None", name: str, value: Any) -> Document:
        is_blank, searched = _is_blank(value), self._fields[name].searched
        sealed = value if box is None or is_blank else box.close(name, bson.encode({"": value}))
        if searched is None:
            return {name: sealed}
        return {name: sealed, f"{name}_hash": None if is_blank else self._keys.hash(searched, str(value))}

    async def anew(self, document: Document) -> Document:
        """The personal fields of a document sealed under the key and in the shape of now."""
        whose, there = document[self._model.whose], {name: document[name] for name in self._fields if name in document}
        opened = await self.open({"_id": document["_id"], self._model.whose: whose} | there)
        return await self.close(document["_id"], whose, {name: opened[name] for name in there}) | {"sealed": self.shape}

    async def entry_anew(self, document: Document, n: int, entry: Document) -> Document:
        """What of a journal entry changes when it is sealed under the key of now; nothing, where it holds nothing."""
        raw, place = entry.get("data"), f"{_JOURNAL}.{n}"
        if isinstance(raw, str) and _is_about_people(entry["type"]):
            box = _Box(await self._keys.to_seal(document[self._model.whose]), self._collection, document["_id"])
            closed = _entry(box, place, entry | {"sealed": True})
            return {name: closed[name] for name in ("data", "sha256", "sealed")}
        if not isinstance(raw, bytes) or not (keys := await self._keys_of(document, [raw])).ciphers:
            return {}
        box = _Box(keys, self._collection, document["_id"])
        return {"data": box.close(place, box.open(place, raw))}

    async def _keys_of(self, document: Document, closed: Iterable[bytes]) -> Keys:
        return await self._keys.to_open(document[self._model.whose], {_version(raw) for raw in closed})


@dataclass(frozen=True, slots=True)
class _Box:
    """Seals and opens at the places of one document."""

    keys: Keys
    collection: str
    id: str

    def close(self, place: str, plain: bytes) -> bytes:
        nonce = secrets.token_bytes(12)
        sealed = self.keys.ciphers[self.keys.current].encrypt(nonce, plain, self._where(place))
        return HEAD.pack(WAY, self.keys.current, nonce) + sealed

    def open(self, place: str, raw: bytes) -> bytes:
        version, nonce = _version(raw), HEAD.unpack_from(raw)[2]
        try:
            return self.keys.ciphers[version].decrypt(nonce, raw[HEAD.size :], self._where(place))
        except (InvalidTag, KeyError):
            raise SealBroken(f"{self.collection} {self.id}: {place} cannot be opened") from None

    def _where(self, place: str) -> bytes:
        return json.dumps([self.collection, self.id, place]).encode()


def _entry(box: _Box | None, place: str, entry: Document) -> Document:
    """A journal entry as it is stored. Its digest is over salt and data."""
    if box is None or not entry.get("sealed"):
        return entry
    plain = secrets.token_bytes(SALT) + entry["data"].encode()
    return entry | {"data": box.close(place, plain), "sha256": hashlib.sha256(plain).hexdigest()}


def _version(raw: bytes) -> int:
    if len(raw) <= HEAD.size or raw[0] != WAY:
        raise SealBroken("this was sealed in a way that is not known here")
    return int(HEAD.unpack_from(raw)[1])


def _value(plain: bytes) -> Any:
    return bson.decode(plain, codec_options=_OPTIONS)[""]


def _is_blank(value: Any) -> bool:
    """Nothing is in it, so there is nothing to seal."""
    return value is None or value in ("", [], {})


def _is_about_people(type_: str) -> bool:
    model = registered().get(type_)
    return model is not None and bool(personal_fields(model))
