"""Errors on the wire."""

import logging
from collections.abc import AsyncIterator

import httpx
import pytest

from shared.web.edge import API_CSP
from tests.unit.shared.web.conftest import Signer


@pytest.fixture
def signer_token(signer: Signer) -> str:
    return signer.token()


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ("conflict", 409, "thing_finished"),
        ("invalid", 422, "invalid"),
        ("reused", 422, "idempotency_key_reused"),
        ("store", 503, "unavailable"),
        ("contention", 503, "unavailable"),
        ("bug", 500, "unexpected"),
    ],
)
async def test_every_error_is_a_problem_with_a_stable_code(
    client: httpx.AsyncClient, how: str, status: int, code: str
) -> None:
    answer = await client.get(f"/things/broken/{how}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == code
    assert problem["status"] == status
    assert problem["type"] == f"urn:tongban:problem:{code}"
    assert problem["trace"] in answer.headers["traceparent"]
    assert "canary" not in answer.text


async def test_a_domain_error_names_its_faults(client: httpx.AsyncClient) -> None:
    answer = await client.get("/things/broken/invalid")
    assert answer.json()["faults"] == [
        {"where": "body", "pointer": "/form/size", "code": "too_big", "detail": "is too big"}
    ]


async def test_a_store_that_is_away_asks_to_come_again(client: httpx.AsyncClient) -> None:
    assert int((await client.get("/things/broken/store")).headers["retry-after"]) > 0


async def test_an_unexpected_error_is_found_by_its_incident(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.ERROR):
        incident = (await client.get("/things/broken/bug")).json()["incident"]
    written = capsys.readouterr()
    assert incident in caplog.text + written.out + written.err


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("GET", "/nothing", 404, "not_found"), ("DELETE", "/things", 405, "method_not_allowed")],
)
async def test_what_the_framework_refuses_is_a_problem_too(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_every_fault_of_a_request_is_named_at_once(client: httpx.AsyncClient, signer_token: str) -> None:
    headers = [(b"Authorization", f"Bearer {signer_token}".encode()), (b"Idempotency-Key", "é".encode())]
    answer = await client.post("/things", json={"size": "canary"}, headers=headers)
    assert answer.status_code == 422
    faults = {(fault["where"], fault["pointer"], fault["code"]) for fault in answer.json()["faults"]}
    assert faults == {
        ("body", "/label", "missing"),
        ("body", "/size", "int_parsing"),
        ("header", "/Idempotency-Key", "string_pattern_mismatch"),
    }
    assert "canary" not in answer.text


async def test_what_is_not_json_is_one_fault(client: httpx.AsyncClient) -> None:
    headers = {"content-type": "application/json"}
    answer = await client.post("/things/upload", content=b'{"label": "canary"', headers=headers)
    assert [fault["code"] for fault in answer.json()["faults"]] == ["json_invalid"]
    assert "canary" not in answer.text


async def test_a_body_over_the_limit_is_refused_before_it_is_read(client: httpx.AsyncClient) -> None:
    answer = await client.put("/things/1", content=b"x" * (1024 * 1024 + 1))
    assert answer.status_code == 413
    assert answer.json()["code"] == "content_too_large"
    assert answer.headers["content-security-policy"] == API_CSP


async def test_a_body_that_lies_about_its_length_is_cut_off(client: httpx.AsyncClient, signer_token: str) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 100_000

    headers = {"Authorization": f"Bearer {signer_token}", "content-type": "application/json", "Idempotency-Key": "k"}
    answer = await client.post("/things", content=chunks(), headers=headers)
    assert answer.status_code == 413


async def test_a_route_for_uploads_has_its_own_limit(client: httpx.AsyncClient) -> None:
    answer = await client.post("/things/upload", json={"label": "x" * 2_000_000, "size": 1})
    assert answer.status_code == 200
    answer = await client.post("/things/upload", json={"label": "x" * 3_000_000, "size": 1})
    assert answer.status_code == 413
