"""Idempotency keys, versions, pages."""

import base64

import httpx
import pytest

from shared.caller import Caller
from shared.errors import Invalid, PreconditionFailed
from shared.web.idempotency import body_digest, derive
from shared.web.paging import Cursor
from tests.unit.shared.web.conftest import Signer, Thing

LI = Caller("person-li-na", "person", None, None, "web")
WANG = Caller("person-wang", "person", None, None, "web")


async def test_the_key_decides_the_id_and_the_body_its_digest(client: httpx.AsyncClient, signer: Signer) -> None:
    async def post(key: str, content: str) -> dict[str, str]:
        headers = {
            "Authorization": f"Bearer {signer.token()}",
            "Idempotency-Key": key,
            "content-type": "application/json",
        }
        made: dict[str, str] = (await client.post("/things", content=content, headers=headers)).json()
        return made

    first = await post("k1", '{"label": "pump", "size": 1}')
    assert await post("k1", '{"size":1,"label":"pump"}') == first
    assert (await post("k2", '{"label": "pump", "size": 1}'))["id"] != first["id"]
    assert (await post("k1", '{"label": "pump", "size": 2}'))["digest"] != first["digest"]


def test_two_callers_with_one_key_make_two_things() -> None:
    assert derive("case", LI, "k1") != derive("case", WANG, "k1")
    assert derive("case", LI, "k1") == derive("case", LI, "k1")


def test_a_digest_is_of_the_meaning() -> None:
    assert body_digest(Thing(label="泵", size=1)) == body_digest(Thing(size=1, label="泵"))


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 201, "\t"])
async def test_a_key_that_is_no_key_is_refused(client: httpx.AsyncClient, signer: Signer, key: str) -> None:
    headers = {"Authorization": f"Bearer {signer.token()}", "Idempotency-Key": key}
    answer = await client.post("/things", json={"label": "pump", "size": 1}, headers=headers)
    assert answer.status_code == 422


@pytest.mark.parametrize(("sent", "expected"), [('"7"', 7), (' "7" ', 7), ("*", None), (None, None)])
async def test_if_match_names_a_version(client: httpx.AsyncClient, sent: str | None, expected: int | None) -> None:
    answer = await client.put("/things/1", headers={"If-Match": sent} if sent else {})
    assert answer.json() == {"expected": expected}
    assert answer.headers["etag"] == '"7"'


@pytest.mark.parametrize("sent", ["7", 'W/"7"', '"x"', '"7", "8"', '"-1"', '""'])
async def test_an_if_match_that_is_not_ours_fails(client: httpx.AsyncClient, sent: str) -> None:
    assert (await client.put("/things/1", headers={"If-Match": sent})).status_code == 412


def test_only_the_current_version_passes() -> None:
    PreconditionFailed.unless_current(None, 3)
    PreconditionFailed.unless_current(3, 3)
    with pytest.raises(PreconditionFailed):
        PreconditionFailed.unless_current(2, 3)


async def test_a_list_is_walked_to_its_end(client: httpx.AsyncClient) -> None:
    seen, after = [], None
    for _ in range(5):
        query = {"limit": "2"} | ({"after": after} if after else {})
        page = (await client.get("/things", params=query)).json()
        seen += page["items"]
        after = page["next"]
        if after is None:
            break
    assert seen == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("limit", ["0", "201", "x"])
async def test_a_page_has_bounds(client: httpx.AsyncClient, limit: str) -> None:
    assert (await client.get("/things", params={"limit": limit})).status_code == 422


def packed(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "!!!",
        "é",
        Cursor(key=1, id="a").encode() + "=",
        *map(packed, ["{}", "[1]", '[1,"a","b"]', '[1.5,"a"]', '[null,"a"]', '[true,"a"]', '[1, "a"]', "[" * 5000]),
        *map(packed, ['{"$gt":1}', '[{"$gt":""},"a"]', '[1,{"$ne":1}]']),
    ],
)
def test_a_cursor_that_is_not_ours_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        Cursor.decode(text)
    assert caught.value.code == "cursor_invalid"


@pytest.mark.parametrize("cursor", [Cursor(key=5, id="a"), Cursor(key="2026-03-02T09:00:00Z", id="居住证")])
def test_a_cursor_comes_back_as_it_went(cursor: Cursor) -> None:
    assert Cursor.decode(cursor.encode()) == cursor
