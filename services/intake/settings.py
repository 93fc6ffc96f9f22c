"""What intake needs beyond every service's settings."""

from typing import ClassVar

from pydantic import Field

from shared.settings import ServiceSettings


class IntakeSettings(ServiceSettings):
    """`files_url`: any object store that obstore knows, e.g. `file:///var/lib/tongban/files` or `s3://bucket`."""

    service: ClassVar[str] = "intake"

    files_url: str = Field(pattern=r"^(file|s3|gs|az|memory)://")
    file_limit: int = Field(default=20 * 1024 * 1024, ge=1024)
