"""Wrong attempts: counted in the store, for all replicas, per name and per address, and told to nobody."""

import asyncio
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import httpx
import pytest

from services.identity.attempts.domain import ADDRESSES, CODES, PASSWORDS
from services.identity.desk import Network
from services.identity.passwords import hashing
from shared.store.repository import EPOCH
from tests.service.identity.conftest import Identity
from tests.service.identity.walking import Walker, leads

NOBODY = "nobody.at.all"


async def wrong(city: Identity, http: httpx.AsyncClient, login: str = "li.na") -> int:
    walker = Walker(city, http, login)
    return (await walker.password(await walker.get("/sign-in", prompt="login"), "wrong-password")).status_code


async def counted(city: Identity) -> list[dict[str, Any]]:
    return await city.database.collection("attempts").find({})


@pytest.mark.parametrize("login", ["li.na", NOBODY])
async def test_all_replicas_count_together(city: Identity, login: str) -> None:
    other = await city.replica()
    async with other.http:
        statuses = [await wrong(one, one.http, login) for one in (city, other) * 3]
        assert statuses == [422] * 5 + [429]
        assert await wrong(city, city.http, login) == 429
        city.clock.forward(timedelta(seconds=1))
        assert await wrong(other, other.http, login) == 422
        assert await wrong(city, city.http, login) == 429


async def test_a_right_one_writes_nothing_and_forgets_the_wrong_ones_before_it(city: Identity) -> None:
    li = Walker(city, city.http)
    await li.sign_in()
    assert await counted(city) == []
    for _ in range(4):
        await wrong(city, city.http)
    assert {one["wrong"] for one in await counted(city)} == {4}
    async with city.browser() as http:
        leads(await Walker(city, http).sign_in(), "/account")
    assert len(await counted(city)) == 1, "those of the address stay: others come from there as well"
    for _ in range(5):
        assert await wrong(city, city.http) == 422


async def test_neither_names_nor_addresses_are_kept(city: Identity) -> None:
    async with city.browser("203.0.113.7") as http:
        await wrong(city, http, "somebody.s-password")
    found = await counted(city)
    assert len(found) == 2
    assert "somebody" not in str(found)
    assert "203.0.113" not in str(found)


async def test_many_at_once_do_not_slip_through(city: Identity) -> None:
    async def one() -> int:
        async with city.browser() as http:
            return await wrong(city, http)

    statuses = await asyncio.gather(*(one() for _ in range(12)))
    assert sorted(statuses) == [422] * 5 + [429] * 7
    assert {one["wrong"] for one in await counted(city)} == {5}


async def test_an_address_waits_after_very_many_whatever_they_were_at(
    city: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashing, "NOBODYS", "$argon2id$broken")  # hashes are not what this is about
    async with city.browser("203.0.113.7") as http:
        statuses = [await wrong(city, http, f"name-{n}") for n in range(ADDRESSES.free + 2)]
        assert statuses == [422] * ADDRESSES.free + [429] * 2
        leads_nowhere = await Walker(city, http).sign_in()
        assert leads_nowhere.status_code == 429, "nor does the right one come through"
        assert await wrong(city, city.http) == 422, "others are not concerned"
        city.clock.forward(ADDRESSES.kept)
        leads(await Walker(city, http).sign_in(), "/account")


@pytest.mark.parametrize(
    ("connected", "forwarded", "same_as"),
    [
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, 10.9.9.9", "198.51.100.1"),
        ("10.0.0.1", "rubbish", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("::ffff:10.0.0.1", "2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "198.51.100.1", "2001:db8:1:2::/64"),
    ],
)
async def test_only_a_declared_proxy_is_believed_about_addresses(
    city: Identity, connected: str, forwarded: str, same_as: str
) -> None:
    object.__setattr__(city.desk, "proxies", frozenset(proxies("10.0.0.0/8")))
    async with city.browser(connected) as http:
        http.headers["X-Forwarded-For"] = forwarded
        await wrong(city, http)
    window = ADDRESSES.begin(city.clock.now())
    digest = city.desk.vault.digest(ADDRESSES.about, f"{window} {same_as}")
    assert f"attempts-{digest}" in {one["_id"] for one in await counted(city)}


def proxies(*named: str) -> list[Network]:
    return [ip_network(one) for one in named]


async def test_what_was_wrong_is_forgotten_in_time(city: Identity) -> None:
    await wrong(city, city.http)
    city.clock.forward(ADDRESSES.kept)
    await city.bus.settle()
    assert len(await counted(city)) == 1
    city.clock.forward(PASSWORDS.kept)
    await city.bus.settle()
    assert await counted(city) == []
    assert PASSWORDS.kept < CODES.kept


async def test_what_is_counted_is_a_document_like_any_other(city: Identity) -> None:
    """A replay goes through all of them."""
    await wrong(city, city.http)
    assert city.runtime.relay
    async for _ in city.runtime.relay.replay(EPOCH):
        pass
    for one in await counted(city):
        assert city.desk.attempts.load(one).wrong == 1
        assert await city.desk.attempts.journal(one["_id"]) == []


async def test_while_the_store_is_away_nothing_is_judged(city: Identity) -> None:
    li = Walker(city, city.http)
    page = await li.get("/sign-in")
    city.database.down = True
    assert (await li.password(page)).status_code == 503
    city.database.down = False
    leads(await li.password(page), "/account")
    assert not city.desk.judging
