"""Somebody who registers, and the registers' owners behind sharing, both played by the test."""

import secrets
from dataclasses import dataclass, field
from typing import Any

import httpx

from shared.contracts.identity import ActNoted, CodeIssued, ProofWished
from shared.contracts.sharing import AnswerDelivered, AnswerRefused
from tests.service.identity.conftest import Identity

ID_NUMBER = "210299199003074025"
PASSWORD = "canary-password-of-zhou-ting"
ZHOU_TING: dict[str, Any] = {
    "name": "canary-周婷",
    "id_number": ID_NUMBER,
    "proofs": [
        {"kind": "social-security-card", "number": "canary-D21029937"},
        {"kind": "driving-licence", "number": "210200123456"},
    ],
    "login": "zhou.ting",
    "password": PASSWORD,
    "mail": "canary-zhou.ting@example.org",
    "phone": "13900001111",
    "language": "zh",
}
BY_CODE = ZHOU_TING | {"proofs": [ZHOU_TING["proofs"][0], {"kind": "phone"}]}


@dataclass
class Registers:
    """What sharing hands over: an answer to each wish, once."""

    city: Identity
    answered: int = field(default=0)

    def wishes(self) -> list[dict[str, Any]]:
        return self.city.bus.said(ProofWished, topic="identity.to.sharing")

    async def answer(self, matches: bool = True, **by_proof: bool | str) -> None:
        """Answer all that is wished for; `by_proof`: another answer, or the ground on which there is none."""
        await self.city.bus.settle()
        for wish in self.wishes()[self.answered :]:
            self.answered += 1
            await self.say(wish, by_proof.get(wish["proof"].replace("-", "_"), matches))
        await self.city.bus.settle()

    async def say(self, wish: dict[str, Any], answer: bool | str, *, times: int = 1) -> None:
        exchange = f"exchange-{self.answered:026}"
        told = {"exchange": exchange, "case": wish["about"], "material": wish["proof"]}
        event: AnswerDelivered | AnswerRefused
        if isinstance(answer, str):
            event = AnswerRefused(**told, ground=answer)
        else:
            data, now = {"matches": answer}, self.city.clock.now()
            event = AnswerDelivered(**told, owner="police", data=data, sha256="0" * 64, answered_at=now)
        for _ in range(times):
            await self.city.bus.say("sharing.to.identity", event, key=exchange, id_=f"{exchange}:1", ce_sequence="1")
            await self.city.bus.settle()

    def code(self) -> str:
        """The last code that was sent."""
        return str(self.city.bus.said(CodeIssued, topic="identity.to.notifications")[-1]["code"])


async def begin(city: Identity, key: str | None = None, **changes: Any) -> httpx.Response:
    """Register by the API."""
    headers = {"Idempotency-Key": key or secrets.token_urlsafe(16)}
    return await city.http.post("/registrations", json=ZHOU_TING | changes, headers=headers)


async def look(city: Identity, begun: httpx.Response) -> dict[str, Any]:
    """How it stands."""
    known = begun.json()
    headers = {"Registration-Secret": known["secret"]}
    answer = await city.http.get(f"/registrations/{known['registration']}", headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def step(city: Identity, begun: httpx.Response, field_: str, value: str) -> httpx.Response:
    """Type a code or another login name."""
    known = begun.json()
    headers = {"Registration-Secret": known["secret"]}
    return await city.http.post(
        f"/registrations/{known['registration']}/{field_}", json={field_: value}, headers=headers
    )


async def registered(city: Identity, registers: Registers, **changes: Any) -> str:
    """Somebody who has proven who they are; the account's id."""
    begun = await begin(city, **changes)
    assert begun.status_code == 201, begun.text
    await registers.answer()
    found = await look(city, begun)
    assert found["state"] == "opened"
    return str(found["account"])


def states(view: dict[str, Any]) -> dict[str, str]:
    return {proof["kind"]: proof["state"] for proof in view["proofs"]}


async def signs_in(city: Identity, login: str, password: str = PASSWORD) -> bool:
    answer = await city.submit(await city.form(), login=login, password=password)
    return answer.status_code == 303


async def went_on(city: Identity) -> list[str]:
    """What was noted of how registrations went on."""
    await city.bus.settle()
    return [one["ground"] for one in city.bus.said(ActNoted) if one["act"] == "registration-went-on"]
