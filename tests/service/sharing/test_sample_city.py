"""The sample city's files fit sharing and each other: what its items wish for is offered, and granted as told."""

import json
from pathlib import Path
from typing import Any

import yaml

from shared.contracts.intake import ItemPublished
from shared.contracts.sharing import AnswerRefused
from tests.service.sharing.conftest import SharingTown, admit

CITY = Path(__file__).parents[3] / "deploy" / "city"


def rows(name: str) -> list[dict[str, Any]]:
    """The rows of a file as JSON has them: YAML's dates become text."""
    found: list[dict[str, Any]] = yaml.safe_load((CITY / f"{name}.yaml").read_text())[name]
    return [dict(json.loads(json.dumps(row, default=str))) for row in found]


async def test_residence_permit_is_covered_and_unemployment_is_not(bare: SharingTown) -> None:
    for department in rows("departments"):
        await admit(bare.bus, department["code"], department["resources"], sequence=2)
    items = [ItemPublished.model_validate_json(json.dumps(row)) for row in rows("items")]
    for item in items:
        key = f"item-{item.code}"
        await bare.bus.say("intake.items", item, key=key, id_=f"{key}:2", ce_sequence="2")
    await bare.bus.settle()
    for resource in rows("resources"):
        await bare.put(f"/resources/{resource['code']}", resource)
    for grant in rows("grants"):
        loaded = await bare.put(f"/grants/{grant.pop('id')}", grant)
        assert loaded.json()["state"] == "granted"
    wished = [(item, material) for item in items for material in item.materials if material.shared is not None]
    for item, material in wished:
        assert material.shared is not None
        told: dict[str, Any] = {"item": item.code, "material": material.code, "consumer": item.department}
        await bare.wish(**told, **material.shared.model_dump())
    assert {q["purpose"] for q in bare.questions()} == {"residence-permit"}
    assert len(bare.questions()) == 2
    assert [e["ground"] for e in bare.told(AnswerRefused)] == ["no-grant"] * (len(wished) - 2)
