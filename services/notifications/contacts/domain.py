"""How a person is reached."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Contact(BaseModel):
    """A row of the read model. Personal: it never goes into an event or a log."""

    model_config = ConfigDict(frozen=True)

    name: str
    mail: str | None = None
    phone: str | None = None
    language: Literal["zh", "en"] = "zh"
