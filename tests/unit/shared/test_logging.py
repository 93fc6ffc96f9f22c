"""Log lines: shape and redaction."""

import errno
import io
import json
import logging
from typing import Any

import pytest
import structlog
from pydantic import BaseModel, SecretStr

from shared import logging as our_logging
from shared import telemetry

CANARY = "canary-7f3a"


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


@pytest.mark.parametrize(
    "key",
    [
        *("password", "client_secret", "accessToken", "refreshTokens", "Authorization", "code_verifier"),
        *("mail", "phone", "name", "name_zh", "home-address", "login", "form", "data"),
    ],
)
def test_sensitive_values_never_reach_the_log(capsys: pytest.CaptureFixture[str], key: str) -> None:
    our_logging.configure("identity")
    log = structlog.get_logger("test")
    log.info("happened", **{key: CANARY})
    log.info("happened", deep={"rows": [{"fine": 1, key: {"inner": CANARY}}]})
    logging.getLogger("kafka").warning("happened", extra={"deep": {key: CANARY}})
    with structlog.contextvars.bound_contextvars(**{key: CANARY}):
        log.info("happened")
    written = lines(capsys)
    assert len(written) == 4
    assert CANARY not in json.dumps(written)
    assert written[1]["deep"]["rows"][0]["fine"] == 1


class Application(BaseModel):
    """Something personal."""

    birthday: str


def test_of_objects_only_the_class_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    our_logging.configure("identity")
    structlog.get_logger("test").info("happened", what=Application(birthday=CANARY), key=SecretStr(CANARY))
    (line,) = lines(capsys)
    assert line["what"] == "<Application>"
    assert CANARY not in json.dumps(line)


def test_standard_loggers_come_out_in_the_same_shape(capsys: pytest.CaptureFixture[str]) -> None:
    our_logging.configure("intake")
    with telemetry.bind("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"):
        logging.getLogger("uvicorn.error").info("Started %s", "well", extra={"topic": "intake.events"})
    (line,) = lines(capsys)
    assert line["event"] == "Started well"
    assert line["service"] == "intake"
    assert line["level"] == "info"
    assert line["topic"] == "intake.events"
    assert line["trace"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert line["time"].endswith("Z")


def test_a_traceback_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    our_logging.configure("intake")
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        structlog.get_logger("test").exception("failed")
    (line,) = lines(capsys)
    assert "RuntimeError: broken" in line["exception"]


def _closed() -> io.StringIO:
    file = io.StringIO()
    file.close()
    return file


class _FullDisk(io.StringIO):
    """Under a file that the log goes to."""

    def write(self, line: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", line)


def test_a_full_disk_under_the_log_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    our_logging.configure("intake")
    monkeypatch.setattr("sys.stderr", _FullDisk())
    for level in ("debug", "info", "warning", "error", "critical", "exception"):
        getattr(structlog.get_logger("test"), level)("said to nobody")


@pytest.mark.parametrize("under", [None, pytest.param(_closed(), id="closed")])
def test_where_there_is_nothing_to_write_to_nobody_is_stopped(
    monkeypatch: pytest.MonkeyPatch, under: io.StringIO | None
) -> None:
    our_logging.configure("intake")
    monkeypatch.setattr("sys.stderr", under)
    structlog.get_logger("test").info("said to nobody")


def test_of_a_line_that_cannot_be_written_it_is_told_that_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    our_logging.configure("intake")
    rows: list[object] = []
    rows.append(rows)
    structlog.get_logger("test").info("happened", rows=rows)
    assert lines(capsys) == [{"event": "logging.unwritable", "of": "happened", "error": "RecursionError"}]


def test_the_level_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    our_logging.configure("intake", "WARNING")
    structlog.get_logger("test").info("quiet")
    logging.getLogger("test").info("quiet")
    assert lines(capsys) == []
