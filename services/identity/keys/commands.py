"""Having signing keys: one that signs, one that follows it, and those that signed of late."""

import asyncio
from contextlib import suppress
from datetime import datetime

import structlog

from services.identity.audit import acts
from services.identity.desk import Desk
from services.identity.keys.domain import EVERY, KEPT, SigningKey
from shared.audit.noting import noting
from shared.contracts.acts import Actor
from shared.errors import NotFound
from shared.ids import derived_id
from shared.store import AlreadyThere

log = structlog.get_logger(__name__)
MOST = 100


async def ensure_keys(desk: Desk) -> None:
    """There is a key that signs, from the first start on. Raises `ValueError` where the passphrase opens none."""
    await load(desk)
    if desk.keyring.signing(now := desk.clock.now()) is None:
        known = await all_keys(desk)
        await _follow(desk, known[-1] if known else None, now)


async def load(desk: Desk) -> list[SigningKey]:
    """Take over the keys that are in the store, the next one among them; the oldest first."""
    known = await all_keys(desk)
    try:
        opened = {key.id: await asyncio.to_thread(desk.keyring.opened, key) for key in known}
    except ValueError:
        raise ValueError("TONGBAN_KEY_PASSPHRASE does not open the signing key in the store") from None
    desk.keyring.use(opened, known)
    return known


async def all_keys(desk: Desk) -> list[SigningKey]:
    """All there are, the oldest first; there are four or so."""
    found = await desk.keys.collection.find({}, limit=MOST)
    return sorted(map(desk.keys.load, found), key=lambda key: (key.begins_at, key.id))


async def tend(desk: Desk, id_: str) -> bool:
    """A key that begins is followed by the next; one that is over goes, with its private half. Whether there was
    anything to do."""
    now = desk.clock.now()
    key = await desk.keys.find(id_)
    if key is None or key.wake_at is None or key.wake_at > now:
        return False
    if key.is_over(now):
        gone = await desk.keys.collection.delete({"_id": id_, "pending": 0, "wake_at": {"$lte": now}}) > 0
        await load(desk)
        return gone
    await _follow(desk, key, max(key.begins_at + EVERY, now))
    await desk.keys.change(id_, _rest)
    return True


async def rotate(desk: Desk, by: Actor) -> list[SigningKey]:
    """The next key signs from now on; the one that did is accepted until its time."""
    now, known = desk.clock.now(), await load(desk)
    following = next((key for key in known if key.begins_at > now and not key.is_over(now)), None)
    if following is None:
        await _follow(desk, known[-1], now)
    else:
        act = acts.key_rotated(by, following.public.kid)
        await desk.keys.change(following.id, noting(lambda key: key.begin(now), act, now))
    log.warning("keys.rotated")
    return await load(desk)


async def destroy(desk: Desk, by: Actor, kid: str) -> list[SigningKey]:
    """A key that somebody else may have proves nothing from now on, nor what it signed. Raises `NotFound`."""
    now, known = desk.clock.now(), await load(desk)
    lost = next((key for key in known if key.public.kid == kid), None)
    if lost is None:
        raise NotFound("There is no such key")
    signing = desk.keyring.signing(now)
    if signing is not None and signing.id == lost.id:
        await rotate(desk, by)
    await desk.keys.change(lost.id, noting(lambda key: key.end(now), acts.key_destroyed(by, kid), now))
    log.warning("keys.destroyed", kid=kid)
    if not any(key.begins_at > now and not key.is_over(now) for key in await all_keys(desk)):
        await _follow(desk, desk.keyring.signing(now), now + EVERY)
    return await load(desk)


async def _follow(desk: Desk, before: SigningKey | None, begins_at: datetime) -> None:
    """Make and publish the key after another. Its id comes of that one's, so that of two replicas that make it at once
    the slower one takes the other's."""
    private, public, private_pem = await asyncio.to_thread(desk.keyring.new_pair)
    key = SigningKey(
        id=derived_id("key", before.id if before else desk.issuer),
        public=public.model_copy(update={"not_after": begins_at + EVERY + KEPT}),
        private_pem=private_pem,
        begins_at=begins_at,
        wake_at=begins_at,
    )
    key.publish(desk.clock.now())
    key.record(acts.key_made(acts.IDENTITY, key.public.kid), desk.clock.now())
    with suppress(AlreadyThere):
        await desk.keys.add(key)
        desk.keyring.hold(key.id, private)
    await load(desk)


def _rest(key: SigningKey) -> None:
    """Until it is over."""
    key.wake_at = key.public.not_after
