"""The specs of all services, made from the code: `python -m tests.contract.specs` (which is `make specs`) writes them.

It refuses to write an incompatible change of a published event: publish the new shape as a type of its own.
"""

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from deploy.kafka.declared import load
from shared.contracts.department import OUT
from shared.contracts.registry import EventModel, registered

FOLDER = Path(__file__).parents[2] / "docs" / "specs"
VERSION = "0.1.0"
SERVICES = ("identity", "intake", "notifications", "sharing")
_SETTINGS = {
    "http_port": 8100,
    "issuer": "http://127.0.0.1:8101",
    "kafka_bootstrap": "127.0.0.1:9092",
    "kafka_username": "specs",
    "kafka_password": "-",
    "mongo_uri": "mongodb://127.0.0.1:27017",
    "files_url": "memory:///",
    "smtp_host": "127.0.0.1",
    "smtp_port": 1025,
    "mail_from": "tongban@example.org",
    "key_passphrase": "not used for specs",
    "lookup_key": "not used for specs, and long enough",
    "operator_secret": "not used for specs",
    "master_key_file": Path("not-used-for-specs"),
}


def app_of(service: str) -> Any:
    """The service's app, not connected to anything."""
    settings_module = import_module(f"services.{service}.settings")
    settings_class = getattr(settings_module, f"{service.capitalize()}Settings")
    wanted = {name: value for name, value in _SETTINGS.items() if name in settings_class.model_fields}
    return import_module(f"services.{service}.app").build_app(settings_class.model_validate(wanted))


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    """File name and document of every spec."""
    from shared.messaging import asyncapi  # noqa: PLC0415 - slow to import, wanted here only

    for service in SERVICES:
        yield f"{service}.openapi.json", app_of(service).openapi()
        contracts = import_module(f"services.{service}.contracts")
        yield f"{service}.asyncapi.json", asyncapi.document(service, VERSION, contracts.PUBLISHES, contracts.READS)
    said, heard = _of_departments()
    yield "department.asyncapi.json", asyncapi.document("department", VERSION, said, heard)


def _of_departments() -> tuple[list[type[EventModel]], list[type[EventModel]]]:
    """What any department may say, and what it may hear, as the broker's rights have it."""
    one = "police"
    declared = load([one])
    readable = {topic.name for topic in declared.topics if one in declared.readers_of(topic)}
    types = [model for _, model in sorted(registered().items())]
    said = [model for model in types if model.topic == OUT]
    return said, [model for model in types if model.topic.format(department=one, member=one) in readable]


def text(document: dict[str, Any]) -> str:
    """As it is kept in git: sorted, so that a difference is a change."""
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def breaking(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What in a new AsyncAPI document would break readers of the old one's events, or old records on the topics."""
    faults = []
    for type_, channel in old["channels"].items():
        if type_.endswith(".read"):  # its writer's document tells
            continue
        if type_ not in new["channels"]:
            faults.append(f"{type_} is no longer published")
            continue
        now = new["channels"][type_]
        if channel["address"] != now["address"]:
            faults.append(f"{type_} moved from {channel['address']} to {now['address']}")
        faults += [type_ + fault for fault in _breaking(_payload(old, channel), _payload(new, now))]
    return faults


def _payload(document: dict[str, Any], channel: dict[str, Any]) -> Any:
    """The schema of the channel's message with every reference filled in: what classes are called is our business."""

    def filled(part: Any) -> Any:
        if isinstance(part, list):
            return [filled(one) for one in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            found: Any = document
            for name in part["$ref"].removeprefix("#/").split("/"):
                found = found[name]
            return filled(found)
        return {name: filled(one) for name, one in part.items()}

    (message,) = channel["messages"].values()
    return filled(message)["payload"]


def _breaking(old: Any, new: Any) -> Iterator[str]:
    for name, before in old.get("properties", {}).items():
        after = new.get("properties", {}).get(name)
        if after is None:
            yield f".{name} is gone"
        elif _shape(before) != _shape(after):
            yield f".{name} changed its type"
        else:
            yield from (f".{name}{fault}" for fault in _breaking(before, after))
    if isinstance(old.get("items"), dict):
        yield from (f"[]{fault}" for fault in _breaking(old["items"], new["items"]))
    for before, after in zip(_choices(old), _choices(new), strict=True):
        yield from _breaking(before, after)
    for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
        yield f".{name} is required now, records on the topic lack it"
    for name in sorted(set(old.get("required", ())) - set(new.get("required", ()))):
        yield f".{name} may be absent now, readers rely on it"
    if added := set(map(str, new.get("enum", ()))) - set(map(str, old.get("enum", ()))):
        yield f" may be {', '.join(sorted(added))} now, readers do not know that"


def _choices(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(schema.get("anyOf", ()), key=lambda one: str(_shape(one)))


def _shape(schema: dict[str, Any]) -> Any:
    """What a reader's own model would choke on when it changes; limits and texts are not part of it."""
    if "anyOf" in schema:
        return sorted(str(_shape(one)) for one in schema["anyOf"])
    kind = schema.get("type") or str(schema.get("const"))
    return [kind, schema.get("format"), _shape(schema["items"]) if isinstance(schema.get("items"), dict) else None]


def main() -> int:
    """Write all specs; 1 when an event changed incompatibly, and nothing is written."""
    made = dict(documents())
    faults = [
        f"{name}: {fault}"
        for name, document in made.items()
        if name.endswith(".asyncapi.json") and (FOLDER / name).exists()
        for fault in breaking(json.loads((FOLDER / name).read_text()), document)
    ]
    if faults:
        sys.stderr.write("Not written. Publish these as new versions beside the old ones:\n" + "\n".join(faults) + "\n")
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, document in made.items():
        (FOLDER / name).write_text(text(document))
    sys.stdout.write(f"{len(made)} specs written to docs/specs\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
