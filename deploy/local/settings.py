"""Where the embedded city lives: its ports, its state folder, and what it takes from outside."""

import os
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from deploy.local.trouble import Trouble

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
SERVICES = ("identity", "intake", "sharing", "notifications")

Port = Annotated[int, Field(ge=1024, le=65535)]


class Settings(BaseSettings):
    """Read from `TONGBAN_*`. Nothing listens anywhere but on 127.0.0.1."""

    model_config = SettingsConfigDict(env_prefix="TONGBAN_", env_ignore_empty=True, frozen=True, extra="ignore")

    state: Path = ROOT / ".tongban"
    cache: Path | None = None
    """The broker's jars; default `<state>/cache`."""

    identity_port: Port = 8101
    intake_port: Port = 8102
    sharing_port: Port = 8103
    notifications_port: Port = 8104
    mailbox_port: Port = 8025
    smtp_port: Port = 1025
    kafka_port: Port = 9092
    kafka_controller_port: Port = 9093
    store_port: Port = 27017
    supervisor_port: Port = 9001

    mongo_uri: SecretStr | None = None
    """A store from outside instead of the embedded one."""
    kafka_bootstrap: str | None = None
    kafka_admin_password: SecretStr | None = None
    """With `kafka_bootstrap`: a broker from outside, where the super user is `admin`. The bootstrap address alone
    is not taken: `tongban env` puts it into shells."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @model_validator(mode="after")
    def _ports_differ(self) -> Self:
        users: dict[int, list[str]] = {}
        for name, port in self.ports.items():
            users.setdefault(port, []).append(f"TONGBAN_{name.upper()}_PORT")
        if clashes := [f"{' and '.join(names)} are all {port}" for port, names in users.items() if len(names) > 1]:
            raise ValueError("; ".join(clashes))
        return self

    @property
    def ports(self) -> dict[str, int]:
        """Port by name, as in `TONGBAN_<NAME>_PORT`."""
        named = {name.removesuffix("_port"): getattr(self, name) for name in type(self).model_fields}
        return {name: port for name, port in named.items() if f"{name}_port" in type(self).model_fields}

    @property
    def outside_broker(self) -> bool:
        return self.kafka_bootstrap is not None and self.kafka_admin_password is not None

    @property
    def urls(self) -> dict[str, str]:
        """Base URL by service, and of the mailbox page."""
        return {name: f"http://{HOST}:{self.ports[name]}" for name in (*SERVICES, "mailbox")}

    @property
    def cache_folder(self) -> Path:
        return self.cache or self.state / "cache"


def load() -> Settings:
    """Settings from the environment, paths made absolute. Raises Trouble naming every fault at once."""
    try:
        settings = Settings()
    except ValidationError as error:
        raise Trouble(*(_line(fault["loc"], fault["msg"]) for fault in error.errors())) from None
    cache = settings.cache and settings.cache.absolute()
    return settings.model_copy(update={"state": settings.state.absolute(), "cache": cache})


def _line(location: tuple[int | str, ...], message: str) -> str:
    name = f"TONGBAN_{str(location[0]).upper()}: " if location else ""
    given = os.environ.get(name.removesuffix(": "), "")
    return f"{name}{message.removeprefix('Value error, ')}" + (f" (is {given!r})" if given else "")


def make_folder(path: Path) -> Path:
    """Make a private folder. Raises Trouble when it cannot be written."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = path / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise Trouble(f"{path} cannot be written ({error.strerror}): make it writable or set TONGBAN_STATE") from None
    return path
