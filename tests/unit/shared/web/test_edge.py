"""What every answer has: trace, headers, log line, metrics, health, docs."""

import asyncio
import json
import re
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from shared.web.app import ServiceApp
from shared.web.readiness import Readiness

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def test_a_trace_goes_through(client: httpx.AsyncClient) -> None:
    answer = await client.get("/things", headers={"traceparent": PARENT})
    assert answer.headers["traceparent"].split("-")[1] == PARENT.split("-")[1]
    assert answer.headers["traceparent"] != PARENT


async def test_requests_without_a_trace_do_not_share_one(client: httpx.AsyncClient) -> None:
    traces = {(await client.get("/things")).headers["traceparent"] for _ in range(3)}
    assert len(traces) == 3


async def test_the_log_line_has_the_template_and_nothing_of_the_path_or_query(client: httpx.AsyncClient) -> None:
    with capture_logs() as written:
        await client.put("/things/canary?q=canary", headers={"X-Thing": "canary"}, content=b"canary")
        await client.get("/canary")
    assert [(line["method"], line["route"], line["status"]) for line in written if line["event"] == "request"] == [
        ("PUT", "/things/{id}", 200),
        ("GET", "unmatched", 404),
    ]
    assert "canary" not in json.dumps(written, default=str)


async def test_security_headers_are_on_every_answer(client: httpx.AsyncClient) -> None:
    for path in ("/things", "/nothing", "/docs", "/things/broken/bug"):
        headers = (await client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["cache-control"] == "no-store"
    assert "style-src 'self'" in (await client.get("/docs")).headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/things", "/nothing", "/docs", "/things/broken/bug"])
async def test_no_answer_loads_plugins_or_moves_its_own_addresses(client: httpx.AsyncClient, path: str) -> None:
    policy = (await client.get(path)).headers["content-security-policy"]
    assert {"object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"} <= set(policy.split("; "))


async def test_where_there_is_https_browsers_are_told_to_stay_with_it(
    app: ServiceApp, client: httpx.AsyncClient
) -> None:
    app.https_only = True
    for path in ("/things", "/nothing", "/docs", "/things/broken/bug", "/assets/tongban.css", "/healthz"):
        told = (await client.get(path)).headers["strict-transport-security"]
        assert told == "max-age=31536000; includeSubDomains", path


async def test_where_there_is_none_they_are_told_nothing_of_it(client: httpx.AsyncClient) -> None:
    assert "strict-transport-security" not in (await client.get("/things")).headers


async def test_nobody_is_sent_to_the_host_that_a_request_names(client: httpx.AsyncClient) -> None:
    answer = await client.get("/things/", headers={"Host": "evil.example.org"})
    assert (answer.status_code, answer.headers.get("location")) == (404, None)


async def test_no_other_origin_reads_an_answer(client: httpx.AsyncClient) -> None:
    asked = {"Origin": "https://evil.example.org", "Access-Control-Request-Method": "PUT"}
    for method, path in (("GET", "/things"), ("OPTIONS", "/things"), ("GET", "/docs"), ("GET", "/nothing")):
        told = (await client.request(method, path, headers=asked)).headers
        assert not [name for name in told if name.startswith("access-control-")], path


async def test_a_request_is_not_said_back(client: httpx.AsyncClient) -> None:
    for path in ("/things", "/docs", "/nothing"):
        answer = await client.request("TRACE", path, headers={"X-Canary": "canary"})
        assert answer.status_code in (404, 405)
        assert "canary" not in answer.text


async def test_what_is_text_says_in_which_letters(client: httpx.AsyncClient) -> None:
    for path in ("/docs", "/assets/tongban.css", "/assets/tongban.svg", "/metrics"):
        assert "charset=utf-8" in (await client.get(path)).headers["content-type"], path


async def test_requests_are_measured_by_route(client: httpx.AsyncClient) -> None:
    await client.put("/things/1")
    await client.get("/nothing")
    metrics = (await client.get("/metrics")).text
    assert 'tongban_http_request_seconds_count{method="PUT",route="/things/{id}",status="200"} 1.0' in metrics
    assert 'route="unmatched"' in metrics
    assert "process_resident_memory_bytes" in metrics


async def test_readiness_names_what_is_missing_without_secrets(client: httpx.AsyncClient, readiness: Readiness) -> None:
    async def fine() -> None:
        return None

    async def behind() -> str:
        return "not caught up yet"

    async def broken() -> None:
        raise ConnectionError("mongodb://user:canary@host")

    async def parked() -> int:
        return 3

    readiness.add("store", fine)
    readiness.count_parked(parked)
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "checks": {"store": "ok"}, "parked": 3})
    readiness.add("tables", behind)
    readiness.add("broker", broken)
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"store": "ok", "tables": "not caught up yet", "broker": "ConnectionError"}
    assert (await client.get("/healthz")).status_code == 200


async def test_a_check_that_hangs_does_not_hang_readiness(
    readiness: Readiness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.web.readiness.CHECK_TIMEOUT_S", 0.01)

    async def hangs() -> None:
        await asyncio.Event().wait()

    readiness.add("store", hangs)
    assert (await readiness.report()).checks == {"store": "does not answer"}


async def test_the_docs_need_no_other_host(client: httpx.AsyncClient) -> None:
    page = (await client.get("/docs")).text
    assert "/things/{id}" in page
    assert "Make a thing" in page
    assert not re.search(r"(src|href)=.?(https?:)?//", page)
    assert (await client.get("/assets/tongban.css")).headers["content-type"].startswith("text/css")
    assert (await client.get("/asyncapi.json")).json() == {"asyncapi": "3.0.0"}


async def test_openapi_tells_of_problems(client: httpx.AsyncClient) -> None:
    document: dict[str, Any] = (await client.get("/openapi.json")).json()
    default = document["paths"]["/things"]["post"]["responses"]["default"]
    assert default["content"]["application/problem+json"]["schema"]["$ref"] == "#/components/schemas/Problem"
    schemas = document["components"]["schemas"]
    assert schemas["Problem"]["properties"]["faults"]["items"]["$ref"] == "#/components/schemas/ProblemFault"
    assert "HTTPValidationError" not in json.dumps(document)
