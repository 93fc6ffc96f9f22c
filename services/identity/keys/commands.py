"""Having a signing key."""

import asyncio

from services.identity.desk import Desk
from services.identity.keys.domain import SigningKey
from services.identity.keys.keyring import new_pair, opened
from shared.ids import derived_id
from shared.store import AlreadyThere


async def ensure_key(desk: Desk, passphrase: str) -> None:
    """Open the signing key; make it at the first start.

    The id is the same on every replica, so that of two that start at once the slower one takes the other's key.
    """
    secret = passphrase.encode()
    id_ = derived_id("key", desk.issuer, "first")
    key = await desk.keys.find(id_) or await _made(desk, id_, secret)
    try:
        private = await asyncio.to_thread(opened, key.private_pem, secret)
    except ValueError:
        raise ValueError("TONGBAN_KEY_PASSPHRASE does not open the signing key in the store") from None
    desk.keyring.use(private, key.public)


async def _made(desk: Desk, id_: str, secret: bytes) -> SigningKey:
    public, private_pem = await asyncio.to_thread(new_pair, secret)
    key = SigningKey(id=id_, public=public, private_pem=private_pem)
    key.publish(desk.clock.now())
    try:
        await desk.keys.add(key)
    except AlreadyThere:
        return await desk.keys.get(id_)
    return key
