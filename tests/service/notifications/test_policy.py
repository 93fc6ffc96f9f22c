"""Each route against two people, a department, an operator, a stranger's token and none."""

from typing import Any

import httpx
import pytest
import yaml

from services.notifications.messages.domain import Message
from shared.contracts.notifications import MessageSent
from shared.testing import FakeIdentity
from shared.web.authentication import Requires, RoutePolicy, policies
from tests.service.notifications.conftest import CASE, CITY, LI_NA, WANG_WEI, Town, accepted, decided

WHO = ("li-na", "wang-wei", "police", "police-system", "operator")

# Per route: what each caller gets, in the order of WHO. The message is to Li Na.
EXPECTED: dict[tuple[str, str], tuple[int, ...]] = {
    ("GET", "/messages"): (200, 200, 403, 403, 200),
    ("GET", "/messages/{id}"): (200, 404, 403, 403, 200),
    ("POST", "/messages/{id}/retry"): (403, 403, 403, 403, 409),
    ("GET", "/templates"): (403, 403, 403, 403, 200),
    ("PUT", "/templates/{code}"): (403, 403, 403, 403, 200),
    ("GET", "/me/rights"): (200, 200, 200, 200, 200),
    ("GET", "/ops/parked"): (403, 403, 403, 403, 200),
    ("GET", "/ops/parked/records"): (403, 403, 403, 403, 404),
    ("POST", "/ops/parked/retry"): (403, 403, 403, 403, 404),
    ("POST", "/ops/parked/drop"): (403, 403, 403, 403, 404),
    ("POST", "/ops/replay"): (403, 403, 403, 403, 202),
    ("GET", "/ops/replay"): (403, 403, 403, 403, 404),
}
TEXTS = {"subject": {"zh": "受理", "en": "Accepted"}, "body": {"zh": "{{ number }}", "en": "{{ number }}"}}
BODIES: dict[tuple[str, str], Any] = {
    ("PUT", "/templates/{code}"): TEXTS,
    ("POST", "/ops/replay"): {"since": "2030-01-01T00:00:00Z"},
}
QUERIES = {
    "/messages": f"?case={CASE}",
    **dict.fromkeys(("/ops/parked/records", "/ops/parked/retry", "/ops/parked/drop"), "?topic=intake.events&key=x"),
}


def bearer(town: Town, who: str, identity: FakeIdentity | None = None) -> dict[str, str]:
    signer = identity or town.identity
    match who:
        case "li-na":
            return signer.bearer(LI_NA)
        case "wang-wei":
            return signer.bearer(WANG_WEI)
        case "operator":
            return signer.bearer("operator", "operator")
        case "police-system":
            return signer.bearer("police-system", "department", "police")
    return signer.bearer(f"officer-{who}", "officer", who, "2102")


async def call(town: Town, route: tuple[str, str], headers: dict[str, str] | None) -> httpx.Response:
    method, path = route
    filled = path.format(id=(await sole_message(town)).id, code="case-accepted") + QUERIES.get(path, "")
    async with town.browser(headers or {}) as http:
        return await http.request(method, filled, json=BODIES.get(route))


async def sole_message(town: Town) -> Message:
    [document] = await town.desk.messages.collection.find({"person": LI_NA})
    return town.desk.messages.load(document)


@pytest.fixture
async def busy(town: Town) -> Town:
    await town.hear(accepted(), CASE)
    return town


@pytest.mark.parametrize("route", EXPECTED, ids=" ".join)
@pytest.mark.parametrize("who", WHO)
async def test_each_caller_gets_what_the_policy_says(busy: Town, route: tuple[str, str], who: str) -> None:
    answer = await call(busy, route, bearer(busy, who))
    assert answer.status_code == EXPECTED[route][WHO.index(who)], answer.text


@pytest.mark.parametrize("route", EXPECTED, ids=" ".join)
async def test_without_a_token_of_ours_nothing_is_answered(busy: Town, route: tuple[str, str]) -> None:
    stranger = FakeIdentity(busy.clock)
    for headers in (None, bearer(busy, "operator", stranger), {"Authorization": "Bearer x"}):
        assert (await call(busy, route, headers)).status_code == 401


async def test_every_route_is_in_this_table(town: Town) -> None:
    app = town.office.app
    guarded = {(method, p.path) for p in policies(app) for method in p.methods - {"HEAD"} if _is_guarded(p)}
    assert guarded == set(EXPECTED)
    open_ = {p.path for p in policies(app) if not _is_guarded(p)}
    assert not any(path.startswith(("/messages", "/templates", "/ops")) for path in open_)


def _is_guarded(route: RoutePolicy) -> bool:
    [marker] = route.markers
    return isinstance(marker, Requires)


async def listed(town: Town, query: str, headers: dict[str, str]) -> list[dict[str, Any]]:
    async with town.browser(headers) as http:
        answer = await http.get(f"/messages{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]  # type: ignore[no-any-return]


async def test_people_find_their_own_messages_and_nobody_elses(busy: Town) -> None:
    for query in ("", "?person=me", f"?case={CASE}"):
        assert [m["person"] for m in await listed(busy, query, bearer(busy, "li-na"))] == [LI_NA]
        assert await listed(busy, query, bearer(busy, "wang-wei")) == []


async def test_an_operator_names_a_case(busy: Town) -> None:
    assert len(await listed(busy, f"?case={CASE}", busy.operator)) == 1
    assert await listed(busy, "?case=case-2", busy.operator) == []
    assert await listed(busy, "?person=me", busy.operator) == []
    async with busy.browser(busy.operator) as http:
        answer = await http.get("/messages")
    assert (answer.status_code, answer.json()["code"]) == (422, "filter_missing")


async def test_a_message_shows_how_it_went_and_no_address(busy: Town) -> None:
    [message] = await listed(busy, f"?case={CASE}", busy.operator)
    assert message == {
        "id": (await sole_message(busy)).id,
        "case": CASE,
        "person": LI_NA,
        "template": "case-accepted",
        "channel": "mail",
        "state": "sent",
        "queued_at": "2026-03-02T09:00:00Z",
        "sent_at": "2026-03-02T09:00:00Z",
        "next_at": None,
        "attempts": 1,
        "repeats": 0,
        "ground": None,
    }


async def test_messages_come_in_pages_the_newest_first(town: Town) -> None:
    for sequence in range(1, 6):
        await town.hear(decided(), CASE, sequence)
        if sequence % 2:  # some at the same moment
            town.clock.forward(town.desk.pace.lease)
    seen: list[dict[str, Any]] = []
    async with town.browser(bearer(town, "li-na")) as http:
        after = None
        for _ in range(5):
            page = (await http.get("/messages", params={"limit": 2} | ({"after": after} if after else {}))).json()
            seen += page["items"]
            if (after := page["next"]) is None:
                break
        bad = await http.get("/messages", params={"after": "WyJ4IiwieCJd"})
    assert len({message["id"] for message in seen}) == len(seen) == 5
    assert [m["queued_at"] for m in seen] == sorted((m["queued_at"] for m in seen), reverse=True)
    assert (bad.status_code, bad.json()["code"]) == (422, "cursor_invalid")


async def test_an_operator_has_a_failed_message_tried_anew(town: Town) -> None:
    town.server.rcpt.append("550 no")
    await town.hear(accepted(), CASE)
    failed = await sole_message(town)
    assert failed.state == "failed"
    async with town.browser(town.operator) as http:
        answer = await http.post(f"/messages/{failed.id}/retry")
        unknown = await http.post("/messages/message-x/retry")
    assert (answer.status_code, answer.json()["state"], unknown.status_code) == (202, "queued", 404)
    await town.bus.settle()
    assert [mail.recipient for mail in town.server.mails] == ["li.na@example.org"]
    assert town.bus.said(MessageSent)[0]["attempts"] == 2


async def test_the_same_template_again_changes_nothing(town: Town) -> None:
    rows = yaml.safe_load((CITY / "templates.yaml").read_text())["templates"]
    row = next(row for row in rows if row.pop("code") == "case-decided")
    async with town.browser(town.operator) as http:
        same = await http.put("/templates/case-decided", json=row)
        other = await http.put("/templates/case-decided", json=TEXTS)
        stale = await http.put("/templates/case-decided", json=row, headers={"If-Match": '"1"'})
        [shown] = [t for t in (await http.get("/templates")).json() if t["code"] == "case-decided"]
    assert (same.headers["Tongban-Changed"], same.headers["ETag"]) == ("false", '"1"')
    assert (other.headers["Tongban-Changed"], other.headers["ETag"]) == ("true", '"2"')
    assert stale.status_code == 412
    assert shown["body"]["en"] == "{{ number }}"
    assert shown["variables"] == ["decided_on", "department", "item", "name", "number", "outcome"]


async def test_a_template_that_does_not_render_is_refused_with_every_fault(town: Town) -> None:
    texts = {
        "subject": {"zh": "{{ number", "en": "{{ nummer }} {{ addresse }}"},
        "body": {"zh": "{{ missing }}", "en": "{{ number.upper() }}"},
    }
    async with town.browser(town.operator) as http:
        answer = await http.put("/templates/case-accepted", json=texts)
        unknown = await http.put("/templates/case-lost", json=TEXTS)
    assert answer.status_code == 422
    assert [(f["pointer"], f["code"]) for f in answer.json()["faults"]] == [
        ("/subject/zh", "template_syntax"),
        ("/subject/en", "template_variable"),
        ("/subject/en", "template_variable"),
        ("/body/zh", "template_variable"),
        ("/body/en", "template_fails"),
    ]
    assert unknown.status_code == 422
    assert (await town.desk.templates.get("case-accepted")).v == 1
