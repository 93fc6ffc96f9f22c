"""More than a process can work on is refused at once."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.types import Message, Receive, Scope, Send

from shared.settings import SettingsError, load
from shared.testing.waiting import eventually
from shared.web.admission import FEWER, Admission
from shared.web.app import ServiceApp
from tests.unit.shared.test_settings import GOOD, WaterworksSettings
from tests.unit.shared.web.conftest import Crowd

THING = {"label": "valve", "size": 1}


async def _full(client: httpx.AsyncClient, crowd: Crowd) -> list[asyncio.Task[httpx.Response]]:
    """Two requests are inside: as many as are worked on at once."""
    inside = [asyncio.create_task(client.post("/things/slow", json=THING)) for _ in range(2)]
    await eventually(lambda: _inside(crowd, 2), every=0.001)
    return inside


async def _inside(crowd: Crowd, count: int) -> bool:
    return crowd.inside == count


async def _let_go(crowd: Crowd, inside: list[asyncio.Task[httpx.Response]]) -> list[int]:
    crowd.go.set()
    return [answer.status_code for answer in await asyncio.gather(*inside)]


async def test_one_too_many_is_refused_and_told_when_to_come_again(client: httpx.AsyncClient, crowd: Crowd) -> None:
    inside = await _full(client, crowd)
    refused = await client.post("/things/slow", json=THING)
    assert refused.status_code == 503
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "overloaded"
    assert 1 <= int(refused.headers["retry-after"]) <= 3
    assert refused.headers["traceparent"]
    assert await _let_go(crowd, inside) == [200, 200]
    assert (await client.post("/things/slow", json=THING)).status_code == 200


async def test_reading_too_much_at_once_is_refused_too(client: httpx.AsyncClient, crowd: Crowd) -> None:
    inside = await _full(client, crowd)
    assert (await client.get("/things")).status_code == 503
    await _let_go(crowd, inside)


async def test_probes_are_always_answered(client: httpx.AsyncClient, crowd: Crowd) -> None:
    inside = await _full(client, crowd)
    crowd.behind = 60.0
    for path in ("/healthz", "/readyz", "/metrics"):
        assert (await client.get(path)).status_code == 200
    await _let_go(crowd, inside)


async def test_new_work_is_refused_while_old_work_waits_and_reading_goes_on(
    client: httpx.AsyncClient, crowd: Crowd
) -> None:
    crowd.behind = 5.1
    crowd.go.set()
    refused = await client.post("/things/slow", json=THING)
    assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
    assert (await client.get("/things")).status_code == 200
    crowd.behind = 4.9
    assert (await client.post("/things/slow", json=THING)).status_code == 200


async def test_a_request_that_fails_gives_its_place_back(client: httpx.AsyncClient, crowd: Crowd) -> None:
    for _ in range(5):
        assert (await client.post("/things/slow", json={"label": 1})).status_code == 422
        assert (await client.get("/things/broken/bug")).status_code == 500
        assert (await client.get("/nothing")).status_code == 404


async def test_what_was_refused_is_counted(client: httpx.AsyncClient, crowd: Crowd) -> None:
    inside = await _full(client, crowd)
    assert "tongban_http_in_progress 2.0" in (await client.get("/metrics")).text
    await client.get("/things")
    await _let_go(crowd, inside)
    crowd.behind = 60.0
    await client.post("/things/slow", json=THING)
    metrics = (await client.get("/metrics")).text
    assert 'tongban_http_refused_total{reason="busy"} 1.0' in metrics
    assert 'tongban_http_refused_total{reason="behind"} 1.0' in metrics
    assert "tongban_http_in_progress 0.0" in metrics


async def test_a_body_that_is_still_coming_takes_no_place(
    app: ServiceApp, client: httpx.AsyncClient, crowd: Crowd
) -> None:
    """Otherwise a few slow uploads would keep everybody out."""
    coming, come = asyncio.Event(), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b'{"label": "valve",'
        coming.set()
        await come.wait()
        yield b'"size": 1}'

    crowd.go.set()
    chunks = body()
    statuses: list[int] = []

    async def receive() -> Message:
        chunk = await anext(chunks, None)
        return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    uploads = [asyncio.create_task(app(_scope(), receive, send))]
    await coming.wait()
    assert "tongban_http_in_progress 0.0" in (await client.get("/metrics")).text
    come.set()
    await asyncio.gather(*uploads)
    assert statuses == [200]


def _scope() -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/things/slow",
        "raw_path": b"/things/slow",
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "state": {},
    }


async def test_openapi_tells_of_it_at_every_operation(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    for operations in document["paths"].values():
        for operation in operations.values():
            assert "503" in operation["responses"]
    told = document["paths"]["/things"]["post"]["responses"]["503"]
    assert told["headers"]["Retry-After"]["schema"] == {"type": "integer"}
    assert list(told["content"]) == ["application/problem+json"]


@pytest.mark.parametrize("wrong", ["0", "-1", "many"])
def test_the_settings_are_checked(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(f"TONGBAN_{name}", value)
    monkeypatch.setenv("TONGBAN_HTTP_IN_PROGRESS", wrong)
    monkeypatch.setenv("TONGBAN_HTTP_BEHIND_SECONDS", wrong)
    with pytest.raises(SettingsError) as caught:
        load(WaterworksSettings)
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "TONGBAN_HTTP_BEHIND_SECONDS",
        "TONGBAN_HTTP_IN_PROGRESS",
    ]


async def _answered(admission: Admission, times: int, *, at_once: int = 1) -> None:
    """Requests to a route that answers at once, some of them at the same time."""
    together = asyncio.Barrier(at_once)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await together.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    gate = admission.around(app, CollectorRegistry())

    async def nothing(_: Message) -> None:
        return None

    for _ in range(times):
        await asyncio.gather(*(gate({**_scope(), "method": "GET"}, _no_body, nothing) for _ in range(at_once)))


async def _no_body() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def test_slow_answers_make_fewer_places_and_quick_ones_under_load_more(monkeypatch: pytest.MonkeyPatch) -> None:
    admission = Admission(8)
    monkeypatch.setattr("shared.web.admission.LONG_SECONDS", -1.0)
    await _answered(admission, 1)
    assert 6 < admission.places < 8
    await _answered(admission, 100)
    assert admission.places == 4, "never fewer"
    monkeypatch.setattr("shared.web.admission.LONG_SECONDS", 60.0)
    await _answered(admission, 100)
    assert admission.places == 4, "one at a time says nothing about four"
    await _answered(admission, 100, at_once=4)
    assert 4 < admission.places <= 8


async def test_what_was_learnt_in_a_bad_moment_is_forgotten_when_it_is_calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by the bench: after an overload four places were left for seventeen seconds, and some of few refused."""
    admission, now = Admission(64), [0.0]
    monkeypatch.setattr("shared.web.admission.time", SimpleNamespace(monotonic=lambda: now[0]))
    admission.places = 4.0

    async def calm(seconds: float, at_once: int) -> float:
        for _ in range(int(seconds / 0.25)):
            now[0] += 0.25
            await _answered(admission, 1, at_once=at_once)
        return admission.places

    assert await calm(10.0, 3) == 4.0, "three of four at once are no calm"
    assert await calm(2.0, 1) < 7, "not at once"
    assert await calm(8.0, 1) > 16
    assert await calm(60.0, 1) == 64


async def test_one_hiccup_is_one_reason_to_take_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by the bench: one of half a second, of thirty requests at once, left four places of sixty-four."""
    admission, passed = Admission(64), iter(range(1000))
    now = 0.0

    def monotonic() -> float:  # the first thirty readings are those of the requests' begin
        return now if next(passed) < 30 else now + 0.6

    monkeypatch.setattr("shared.web.admission.time", SimpleNamespace(monotonic=monotonic))
    await _answered(admission, 1, at_once=30)
    assert admission.places == 64 * FEWER
