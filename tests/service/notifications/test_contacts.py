"""Contacts follow what identity says, to the end: who is forgotten there is forgotten here."""

from datetime import timedelta

import bson

from shared.contracts.identity import ContactForgotten
from shared.contracts.notifications import MessageFailed
from tests.service.notifications.conftest import ADDRESSES, CASE, LI_NA, WANG_WEI, Town, accepted


async def row(town: Town, person: str = LI_NA) -> bytes:
    found = await town.database.collection("contacts").get(person)
    assert found is not None
    return bson.encode(found)


async def test_nothing_is_kept_of_a_person_who_was_forgotten(town: Town) -> None:
    assert ADDRESSES[LI_NA].encode() in await row(town)
    await town.hear(ContactForgotten(person=LI_NA), LI_NA, 2, times=2)
    for value in (ADDRESSES[LI_NA], "李娜"):
        assert value.encode() not in await row(town)
    assert ADDRESSES[WANG_WEI].encode() in await row(town, WANG_WEI), "others are as they were"


async def test_an_older_contact_that_comes_again_is_not_kept(town: Town) -> None:
    await town.hear(ContactForgotten(person=LI_NA), LI_NA, 2)
    await town.contact(LI_NA, "zh", sequence=1)
    assert ADDRESSES[LI_NA].encode() not in await row(town)


async def test_who_was_forgotten_is_written_to_no_more(town: Town) -> None:
    await town.hear(ContactForgotten(person=LI_NA), LI_NA, 2)
    await town.hear(accepted(), CASE)
    assert town.server.mails == []
    await town.later(timedelta(days=30))
    await town.later(timedelta(days=30))
    assert town.server.mails == []
    assert [failed["ground"] for failed in town.bus.said(MessageFailed)] == ["no-contact"]


async def test_a_person_whom_only_the_last_word_is_known_of_is_not_known(town: Town) -> None:
    """What a reader finds on the topic that is new there, long after the contact was compacted away."""
    await town.hear(ContactForgotten(person="person-long-gone"), "person-long-gone", 9)
    await town.hear(accepted("person-long-gone"), CASE)
    assert town.server.mails == []
