"""The supervisor (supervisord, PyPI): its generated configuration, its start, and asking it things."""

import http.client
import os
import shlex
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, cast

from deploy.local.processes import MARK
from deploy.local.programs import Program, full_environment, outer_environment
from deploy.local.settings import HOST, ROOT, Settings
from deploy.local.trouble import Trouble

CONFIG = "supervisord.conf"
USER = "tongban"
STOP_S = 20
RUNNING = "RUNNING"


@dataclass(frozen=True)
class ProcessState:
    """What the supervisor says of one program. `state` is its word: RUNNING, STARTING, BACKOFF, STOPPED, …"""

    name: str
    group: str
    state: str
    pid: int | None
    up_s: int
    log: Path


class Supervisor:
    """A running supervisord, spoken to over its XML-RPC interface."""

    def __init__(self, settings: Settings, password: str) -> None:
        self._settings = settings
        url = f"http://{USER}:{password}@{HOST}:{settings.supervisor_port}/RPC2"
        self._rpc = cast(Any, xmlrpc.client.ServerProxy(url, allow_none=True)).supervisor

    def alive(self) -> bool:
        """Whether the supervisor of this very state folder answers."""
        try:
            return bool(self._rpc.getIdentification() == str(self._settings.state))
        except (OSError, xmlrpc.client.Error, http.client.HTTPException):
            return False

    def start(self, programs: Sequence[Program], password: str) -> None:
        """Write the configuration and start supervisord with the platform's programs. Raises Trouble."""
        path = _write(self._settings, programs, password)
        environment = outer_environment() | {MARK: "supervisor", "TONGBAN_STATE": str(self._settings.state)}
        line = [sys.executable, "-W", "ignore", "-m", "supervisor.supervisord", "-c", str(path)]
        done = subprocess.run(  # noqa: S603 - becomes a daemon by itself
            line, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, start_new_session=True
        )
        until = time.monotonic() + 10
        while not self.alive():
            if done.returncode or time.monotonic() > until:
                raise Trouble(f"The supervisor does not start: {(done.stderr or done.stdout).strip()[-300:]}")
            time.sleep(0.02)

    def processes(self) -> list[ProcessState]:
        return [
            ProcessState(
                one["name"],
                one["group"],
                one["statename"],
                one["pid"] or None,
                one["now"] - one["start"] if one["pid"] else 0,
                Path(one["stdout_logfile"]),
            )
            for one in self._rpc.getAllProcessInfo()
        ]

    def run(self, group: str) -> None:
        """Start what is not running in the group; returns at once."""
        self._rpc.startProcessGroup(group, False)

    def stop(self, *names: str) -> None:
        """Stop programs and wait until they are gone."""
        for one in self.processes():
            if one.name in names and one.state in ("STARTING", RUNNING, "BACKOFF"):
                self._rpc.stopProcess(f"{one.group}:{one.name}", True)

    def start_again(self, *names: str) -> None:
        """Start programs that were stopped; returns at once."""
        for one in self.processes():
            if one.name in names:
                self._rpc.startProcess(f"{one.group}:{one.name}", False)

    def shut_down(self) -> None:
        self._rpc.shutdown()


def _write(settings: Settings, programs: Sequence[Program], password: str) -> Path:
    sections = [_daemon(settings, password)]
    for priority, (group, members) in enumerate(groupby(programs, lambda program: program.group), start=1):
        named = list(members)
        sections.append(
            _section(f"group:{group}", programs=",".join(program.name for program in named), priority=priority)
        )
        sections += [_program(program, settings) for program in named]
    path = settings.state / CONFIG
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write("\n".join(sections))
    return path


def _daemon(settings: Settings, password: str) -> str:
    state = settings.state
    return "\n".join(
        [
            _section(
                "supervisord",
                logfile=_text(state / "log" / "supervisor.log"),
                logfile_maxbytes="5MB",
                logfile_backups=1,
                pidfile=_text(state / "supervisord.pid"),
                childlogdir=_text(state / "log"),
                identifier=_text(state),
                umask="077",
            ),
            _section("inet_http_server", port=f"{HOST}:{settings.supervisor_port}", username=USER, password=password),
            _section(
                "rpcinterface:supervisor",
                **{"supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"},
            ),
        ]
    )


def _program(program: Program, settings: Settings) -> str:
    environment = full_environment(program, settings.state)
    return _section(
        f"program:{program.name}",
        command=_text(shlex.join(program.command)),
        directory=_text(ROOT),
        environment=",".join(f"{name}={_quoted(value)}" for name, value in environment.items()),
        # The platform starts at once; members when topics and rights are there.
        autostart=str(program.group == "platform").lower(),
        autorestart="true",
        startsecs=1,
        startretries=1_000_000,  # never gives up; waits a second longer after each failed start
        stopwaitsecs=STOP_S,
        killasgroup="true",
        redirect_stderr="true",
        stdout_logfile=_text(settings.state / "log" / f"{program.name}.log"),
        stdout_logfile_maxbytes="20MB",
        stdout_logfile_backups=1,
    )


def _section(title: str, /, **entries: object) -> str:
    return "\n".join([f"[{title}]", *(f"{name} = {value}" for name, value in entries.items()), ""])


def _text(value: object) -> str:
    """The supervisor expands `%(name)s`."""
    return str(value).replace("%", "%%")


def _quoted(value: str) -> str:
    escaped = _text(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def states_by_name(processes: Iterable[ProcessState]) -> dict[str, ProcessState]:
    return {process.name: process for process in processes}
