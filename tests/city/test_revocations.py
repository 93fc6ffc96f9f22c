"""What identity revokes is refused by every service of the running city; and what they do when they cannot know."""

import time

import httpx

from deploy.local.client import Person, Program
from shared.web.authentication import PRIVILEGED_SECONDS
from tests.city.running import RunningCity, until

PROTECTED = {"identity": "/me", "intake": "/cases", "sharing": "/exchanges", "notifications": "/messages"}
ROUNDS = 5


def ask(city: RunningCity, service: str, token: str, method: str = "GET", path: str = "") -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.request(method, f"{city.urls[service]}{path or PROTECTED[service]}", headers=headers, timeout=10)


def signed_in(city: RunningCity, login: str = "li.na") -> str:
    password = next(one["password"] for one in city.people if one["login"] == login)
    return Person(city.urls["identity"], login, password).fetch()


def operator(city: RunningCity) -> str:
    return Program(city.urls["identity"], "operator", city.city.platform.secrets["operator"]).fetch()


def test_who_signs_out_is_refused_by_every_service(city: RunningCity) -> None:
    for _ in range(ROUNDS):
        token = signed_in(city)
        assert all(ask(city, service, token).status_code != 401 for service in PROTECTED)
        mine = ask(city, "identity", token, path="/me/sessions").json()
        current = next(one["id"] for one in mine if one["current"])
        assert ask(city, "identity", token, "DELETE", f"/me/sessions/{current}").status_code == 204

        def refused(token: str = token) -> bool:
            answers = [ask(city, service, token) for service in PROTECTED]
            return all(one.status_code == 401 and one.json()["code"] == "token_revoked" for one in answers)

        until(refused, within=10, what="every service refuses the token")


def test_with_identity_away_who_is_signed_in_goes_on(city: RunningCity) -> None:
    token = signed_in(city)
    with city.frozen("identity"):
        frozen_at = time.monotonic()

        def knows_more() -> bool:
            answer = ask(city, "intake", token)
            assert answer.status_code == 200
            known_at = time.monotonic() - float(answer.headers["tongban-revocations-age"])
            return known_at > frozen_at + PRIVILEGED_SECONDS

        until(knows_more, within=30, what="intake knows what was revoked since identity is away")


def test_without_the_bus_who_may_do_much_is_refused_first_and_all_recovers(city: RunningCity) -> None:
    token, hers = operator(city), signed_in(city)

    def retry() -> httpx.Response:
        return ask(city, "intake", token, "POST", "/ops/parked/retry?topic=none&key=none")

    assert retry().status_code == 404
    with city.frozen("kafka"):

        def is_stale() -> bool:
            answer = retry()
            return answer.status_code == 503 and answer.json()["code"] == "revocations_stale"

        until(is_stale, within=30, what="the operator is refused")
        assert ask(city, "intake", hers).status_code == 200, "who reads goes on longer"
    until(lambda: retry().status_code == 404, within=30, what="the operator may act again")
