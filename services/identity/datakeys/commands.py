"""Keeping data keys: closed by the master key of now, renewed, destroyed; and sealing anew what is sealed with them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial

import structlog

from services.identity.datakeys import store
from services.identity.datakeys.domain import DataKey
from services.identity.datakeys.masterkeys import MasterKeyFile
from services.identity.datakeys.opened import fresh, unwrapped, wrapped
from services.identity.desk import Desk
from shared.errors import Conflict, PreconditionFailed
from shared.personal import Forgotten
from shared.store import AlreadyThere
from shared.store.resealing import misshapen, of_person, reseal
from shared.store.seal import SealBroken

AT_ONCE = 16
log = structlog.get_logger(__name__)


async def ensure_master(desk: Desk) -> None:
    """At the start: there is a master key, and it is one that opens what is here. A file is made where nothing was
    sealed yet. Raises `SealBroken` for the wrong one."""
    known = await store.some_of(desk.data_keys)
    if not known and isinstance(desk.masters, MasterKeyFile):
        desk.masters.make()
    await desk.masters.current()
    for n, key in enumerate(known, 1):
        try:
            await unwrapped(desk.masters, key)
        except SealBroken:
            if n == len(known):
                raise
        else:  # one of them may be broken, all of them are not
            break


async def seal_all(desk: Desk) -> None:
    """At the start: what is stored as an earlier version did, or under another key of hashes, is sealed as now.

    Document by document, each in one write: whoever is stopped goes on where it was.
    """
    for repository in desk.sealed:
        after, done = "", 0
        while ids := await misshapen(repository, after):
            for id_ in ids:
                try:
                    await reseal(repository, id_)
                except (SealBroken, Forgotten):  # one that nobody can open must not stop the others
                    log.exception("seal.broken", collection=repository.collection.name, subject=id_)
                    continue
                done += 1
            after = ids[-1]
        if done:
            log.info("seal.renewed", collection=repository.collection.name, documents=done)


async def current_master(desk: Desk) -> str:
    """The name of the master key that closes now. Raises `Conflict` (`master_keys_unusable`), which says why."""
    try:
        return await desk.masters.current()
    except ValueError as exc:
        raise Conflict(str(exc), code="master_keys_unusable") from exc


async def rewrap_all(desk: Desk, master: str) -> AsyncIterator[int]:
    """Have all data keys closed by this master key; yields how many so far.

    Each is one write, so this may be stopped and begun again at any time, by any process, while all goes on.
    """
    after, done = "", 0
    while ids := await store.closed_by_others(desk.data_keys, master, after):
        for n in range(0, len(ids), AT_ONCE):
            done += sum(await asyncio.gather(*(_rewrap(desk, id_, master) for id_ in ids[n : n + AT_ONCE])))
            yield done
        after = ids[-1]


async def _rewrap(desk: Desk, id_: str, master: str) -> bool:
    while True:
        key = await desk.data_keys.get(id_)
        if key.is_destroyed or key.by == master:
            return False
        try:
            opened = await unwrapped(desk.masters, key)
        except SealBroken:  # it stays among those that are left, and stops no other
            log.exception("datakey.broken", account=id_)
            return False
        versions = await wrapped(desk.masters, master, id_, opened)
        with suppress(PreconditionFailed):  # it was changed meanwhile: look again
            closing = partial(DataKey.close_by, master=master, versions=versions)
            await desk.data_keys.change(id_, closing, version=key.v)
            return True


async def renew(desk: Desk, person: str) -> DataKey:
    """Give a person a new data key, and seal with it what is there. Raises `NotFound`, `Forgotten` and `Conflict`."""
    key, now = await desk.data_keys.get(person), desk.clock.now()
    if key.is_destroyed:
        raise Forgotten
    master = await current_master(desk)
    opened = await unwrapped(desk.masters, key) | {str(key.current + 1): fresh()}
    versions = await wrapped(desk.masters, master, person, opened)
    try:
        renewed = await desk.data_keys.change(person, lambda key: key.renew(master, versions, now), version=key.v)
    except PreconditionFailed:
        raise Conflict("The data key is being changed: try again", code="being_changed") from None
    desk.opened.forget(person)
    await _reseal(desk, person)
    log.info("datakey.renewed", account=person, version=renewed.current)
    return renewed


async def tend(desk: Desk, person: str) -> bool:
    """When a key was renewed and nobody uses the version before any more, it goes. Whether there was anything to do."""
    key = await desk.data_keys.find(person)
    if key is None or key.wake_at is None or key.wake_at > desk.clock.now():
        return False
    desk.opened.forget(person)
    await _reseal(desk, person)
    await desk.data_keys.change(person, lambda key: key.retire(), version=key.v)
    desk.opened.forget(person)
    return True


async def _reseal(desk: Desk, person: str) -> None:
    for repository in desk.sealed:
        for id_ in await of_person(repository, person):
            await reseal(repository, id_)


async def destroy(desk: Desk, person: str) -> None:
    """Nothing that was sealed with the person's key can be opened from now on, and no other key is made."""
    now = desk.clock.now()
    try:
        await desk.data_keys.add(DataKey(id=person, by="", versions={}, destroyed_at=now))
    except AlreadyThere:
        await desk.data_keys.change(person, lambda key: key.destroy(now))
    desk.opened.forget(person)
