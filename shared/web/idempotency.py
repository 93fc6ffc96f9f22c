"""`Idempotency-Key`: the id of what a POST creates derives from the caller and the key, so a second POST finds it.

The command compares the body's digest with the one kept and raises `IdempotencyKeyReused` where they differ.
"""

import hashlib
import json
from typing import Annotated

from fastapi import Header
from pydantic import BaseModel

from shared.caller import Caller
from shared.ids import derived_id

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="1 to 200 visible ASCII characters, new for each thing to create",
    ),
]


def derive(prefix: str, caller: Caller, key: str) -> str:
    """The id of what this caller creates with this key."""
    return derived_id(prefix, caller.id, *([caller.actor] if caller.actor else []), key)


def body_digest(model: BaseModel) -> str:
    """SHA-256 (hex) of a body as it was understood: key order and white space do not matter."""
    canonical = json.dumps(model.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
