"""Settings come from environment variables `TONGBAN_*`; everything missing or wrong is named at once, at start.

What is secret may lie in files instead, one each, named as its variable, in the folder that `TONGBAN_SECRETS` names:
environments are inherited, and shown by many a tool.
"""

import os
import re
import socket
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AnyHttpUrl,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared import crashpoint, tls

PREFIX = "TONGBAN_"
THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})


class SettingsError(Exception):
    """Missing or wrong settings: one line each, by the variable's name, never with a value."""


class ServiceSettings(BaseSettings):
    """What each service needs to run. A service extends it and sets `service`, its member name."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, hide_input_in_errors=True)
    service: ClassVar[str]

    city: str = Field(default="dalian", pattern=r"^[a-z][a-z0-9-]{1,31}$")
    instance: str = ""
    http_host: str = "127.0.0.1"
    http_port: int = Field(ge=1, le=65535)
    http_in_progress: int = Field(default=64, ge=1, le=10_000)
    """Requests worked on at once, at most; more are refused (503), and fewer are taken while answers take long."""
    http_behind_seconds: float = Field(default=3.0, gt=0, le=3600)
    """While events wait longer than this for our lane, requests that would bring new work are refused (503)."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    issuer: str
    state: Path = Path(".tongban")
    crash_at: str = ""
    """For tests only: where this process kills itself (`shared.crashpoint`)."""

    kafka_bootstrap: str = Field(pattern=r"^[^:,\s]+:\d+(,[^:,\s]+:\d+)*$")
    kafka_security_protocol: Literal["SASL_PLAINTEXT", "SASL_SSL"] = "SASL_PLAINTEXT"
    kafka_sasl_mechanism: Literal["SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_username: str
    kafka_password: SecretStr
    kafka_ca_file: Path | None = None
    """With SASL_SSL: who may vouch for the broker, and nobody else; without a file, whom the machine trusts."""
    kafka_session_seconds: float = Field(default=2.0, ge=1.5, le=60)
    """So long the others leave a silent reader its partitions; the broker's `group.min.session.timeout.ms` is below."""

    mongo_uri: SecretStr
    mongo_database: str = ""

    @field_validator("issuer")
    @classmethod
    def _issuer_is_a_url(cls, value: str) -> str:
        """Kept as text: `iss` is compared character by character, and a URL type would add a slash."""
        AnyHttpUrl(value)
        if re.search(r"[?#]|/$", value):
            raise ValueError("no query, no fragment, no slash at the end")
        if not value.startswith("https:") and urlsplit(value).hostname not in THIS_MACHINE:
            raise ValueError("https, unless it is this machine: passwords and tokens go there")
        return value

    @field_validator("kafka_ca_file")
    @classmethod
    def _ca_file_is_used(cls, value: Path | None, others: ValidationInfo) -> Path | None:
        if value is not None and others.data.get("kafka_security_protocol") == "SASL_PLAINTEXT":
            raise ValueError("with SASL_SSL only: in clear text nobody is proven")
        return certificates(value)

    @field_validator("crash_at")
    @classmethod
    def _crash_at_is_a_point(cls, value: str, others: ValidationInfo) -> str:
        if value:
            crashpoint.parse(value)
            if urlsplit(others.data.get("issuer", "")).hostname not in THIS_MACHINE:
                raise ValueError("for tests on this machine only")
        return value

    @model_validator(mode="before")
    @classmethod
    def _defaults_that_depend(cls, values: Any) -> Any:
        named = dict(values)
        named.setdefault("instance", f"{socket.gethostname()}:{named.get('http_port')}")
        named.setdefault("mongo_database", f"tongban_{cls.service}")
        return named


def certificates(file: Path | None) -> Path | None:
    """The file, if certificates can be read from it. Raises `ValueError`."""
    try:
        tls.context(file)
    except OSError:
        raise ValueError("no certificates can be read from it") from None
    return file


Settings = TypeVar("Settings", bound=ServiceSettings)


def load(cls: type[Settings]) -> Settings:
    """Read the settings from the environment, and from the files in `TONGBAN_SECRETS`.

    Raises `SettingsError` naming every variable that is missing or wrong; the caller prints it and exits with 2.
    """
    folder = os.environ.get(f"{PREFIX}SECRETS", "")
    if folder and not Path(folder).is_dir():
        raise SettingsError(f"{PREFIX}SECRETS: there is no such folder")
    try:
        return cls(_secrets_dir=folder or None)
    except ValidationError as error:
        lines = [_line(str(fault["loc"][0]), fault["type"], fault["msg"]) for fault in error.errors()]
    raise SettingsError("\n".join(sorted(lines)))


def _line(field: str, kind: str, message: str) -> str:
    return f"{PREFIX}{field.upper()}: {'is missing' if kind == 'missing' else message}"
