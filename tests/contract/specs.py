"""The specs of all services, made from the code: `python -m tests.contract.specs` (which is `make specs`) writes them.

It refuses to write an incompatible change of a published event: publish the new shape as a type of its own.
"""

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "docs" / "specs"
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
    "operator_secret": "not used for specs",
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
        yield f"{service}.asyncapi.json", asyncapi.document(service, "0.1.0", contracts.PUBLISHES, contracts.READS)


def text(document: dict[str, Any]) -> str:
    """As it is kept in git: sorted, so that a difference is a change."""
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def breaking(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What in a service's new AsyncAPI document would break readers of the old one, or old records on the topics."""
    faults = []
    schemas_old, schemas_new = old["components"]["schemas"], new["components"]["schemas"]
    for name, channel in old["channels"].items():
        if name.endswith(".read"):
            continue
        if name not in new["channels"]:
            faults.append(f"{name} is no longer published")
        elif channel["address"] != new["channels"][name]["address"]:
            faults.append(f"{name} moved from {channel['address']} to {new['channels'][name]['address']}")
    for name, schema in schemas_old.items():
        if name in schemas_new:
            faults += [f"{name}{fault}" for fault in _breaking(schema, schemas_new[name])]
    return faults


def _breaking(old: Any, new: Any) -> Iterator[str]:
    if not isinstance(old, dict) or not isinstance(new, dict):
        return
    for name, before in old.get("properties", {}).items():
        after = new.get("properties", {}).get(name)
        if after is None:
            yield f".{name} is gone"
            continue
        if _shape(before) != _shape(after):
            yield f".{name} changed its type"
        yield from (f".{name}{fault}" for fault in _breaking(before, after))
    for name in set(new.get("required", ())) - set(old.get("required", ())):
        yield f".{name} is required now, records on the topic lack it"
    for name in set(old.get("required", ())) - set(new.get("required", ())):
        yield f".{name} may be absent now, readers rely on it"
    if added := set(map(str, new.get("enum", ()))) - set(map(str, old.get("enum", ()))):
        yield f" may be {', '.join(sorted(added))} now, readers do not know that"


def _shape(schema: dict[str, Any]) -> Any:
    """What a reader's own model would choke on when it changes; limits and texts are not part of it."""
    if "anyOf" in schema:
        return sorted(str(_shape(one)) for one in schema["anyOf"])
    kind = schema.get("$ref") or schema.get("type") or str(schema.get("const"))
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
