"""Who saw my data: each sees what concerns them, newest first."""

from typing import Any

import pytest

from tests.service.sharing.conftest import INSURANCE, LI_NA, RECORD, WANG_WEI, SharingTown


async def listed(town: SharingTown, who: dict[str, str], query: str) -> list[str]:
    answer = await town.call("GET", f"/exchanges?{query}", who)
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()["items"]]


async def test_a_person_sees_who_saw_what_and_why(town: SharingTown) -> None:
    exchange = await town.wish()
    await town.answer(exchange, **RECORD)
    shown: dict[str, Any] = (await town.call("GET", "/exchanges?subject=me", town.person())).json()["items"][0]
    assert shown["resource"] == {
        "code": INSURANCE,
        "name": {"zh": "社会保险缴纳记录", "en": "Social insurance record"},
    }
    assert shown["consumer"] == {"code": "police", "name": {"zh": "名称 police", "en": "名称 police"}}
    assert (shown["owner"]["code"], shown["item"]["name"]["zh"]) == ("hrss", "事项 residence-permit")
    assert (shown["subject"], shown["purpose"], shown["basis"]) == (LI_NA, "residence-permit", "居住证暂行条例 Art. 9")
    assert (shown["grant"], shown["grant_version"], shown["case"]) == ("grant-police", 1, "case-a")
    assert [shown[step] is not None for step in ("wished_at", "asked_at", "answer_by", "answered_at", "closed_at")] == [
        True
    ] * 5
    assert "参保" not in str(shown)


async def test_the_list_is_newest_first_page_by_page(town: SharingTown) -> None:
    made = []
    for n in range(5):
        made.append(await town.wish(case=f"case-{n}"))
        if n != 2:  # two at the same moment
            await town.later(seconds=1)
    await town.wish(subject=WANG_WEI)
    seen: list[str] = []
    after = ""
    while True:
        page = (await town.call("GET", f"/exchanges?subject=me&limit=2{after}", town.person())).json()
        seen += [row["id"] for row in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert len(seen) == len(set(seen)) == 5
    assert (seen[0], seen[3], seen[4]) == (made[4], made[1], made[0])
    assert set(seen[1:3]) == {made[2], made[3]}


@pytest.mark.parametrize("after", ["nonsense", "WyJ4IiwieSJd", "Wzk5OTk5OTk5OTk5OTk5OTk5OTk5LCJ5Il0"])
async def test_a_cursor_of_somebody_else_is_refused(town: SharingTown, after: str) -> None:
    answer = await town.call("GET", f"/exchanges?subject=me&after={after}", town.person())
    assert (answer.status_code, answer.json()["code"]) == (422, "cursor_invalid")


async def test_a_person_sees_nobody_elses(town: SharingTown) -> None:
    exchange = await town.wish()
    assert await listed(town, town.person(), "subject=me") == [exchange]
    assert await listed(town, town.person(), "subject=me&case=case-a") == [exchange]
    assert await listed(town, town.person(), "subject=me&case=case-b") == []
    assert await listed(town, town.person(WANG_WEI), "subject=me") == []
    assert await listed(town, town.person(WANG_WEI), "subject=me&case=case-a") == []
    assert (await town.call("GET", f"/exchanges/{exchange}", town.person(WANG_WEI))).status_code == 404


async def test_consumer_owner_and_operator_see_the_case_and_others_nothing(town: SharingTown) -> None:
    exchange = await town.wish()
    for who in (town.officer("police"), town.department("hrss"), town.operator()):
        assert await listed(town, who, "case=case-a") == [exchange]
        assert (await town.call("GET", f"/exchanges/{exchange}", who)).status_code == 200
    assert await listed(town, town.officer("housing"), "case=case-a") == []
    assert (await town.call("GET", f"/exchanges/{exchange}", town.officer("housing"))).status_code == 404


async def test_an_unknown_exchange_is_not_found(town: SharingTown) -> None:
    assert (await town.call("GET", "/exchanges/exchange-x", town.operator())).status_code == 404


async def test_a_person_asks_about_oneself_and_a_department_about_a_case(town: SharingTown) -> None:
    for who, query in (
        (town.person(), "case=case-a"),
        (town.person(), ""),
        (town.officer("police"), "subject=me"),
        (town.operator(), "subject=me"),
    ):
        assert (await town.call("GET", f"/exchanges?{query}", who)).status_code == 403
    without = await town.call("GET", "/exchanges", town.officer("police"))
    assert (without.status_code, without.json()["code"]) == (422, "case_missing")
    other = await town.call("GET", f"/exchanges?subject={LI_NA}", town.person())
    assert other.status_code == 422


async def test_a_refused_wish_is_on_the_record_too(bare: SharingTown) -> None:
    exchange = await bare.wish()
    assert await listed(bare, bare.person(), "subject=me") == [exchange]
    record = await bare.exchange(exchange)
    assert (record["state"], record["owner"], record["resource"]["name"]) == ("refused", None, None)
