"""Processes of one city, found by the mark each carries in its environment, so that none is ever left behind."""

import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from deploy.local.settings import HOST
from deploy.local.trouble import Trouble

MARK = "TONGBAN_PROCESS"
"""Together with TONGBAN_STATE: a process the city started. The state alone may stand in anybody's shell."""


def of_city(state: Path) -> Iterator[psutil.Process]:
    """Every living process that the city of this state folder started."""
    for process in psutil.process_iter():
        try:
            environment = process.environ()
            if environment.get("TONGBAN_STATE") == str(state) and MARK in environment:
                yield process
        except psutil.Error:  # gone meanwhile, a zombie, or another user's
            continue


def end(processes: Iterable[psutil.Process], grace_s: float = 15.0) -> list[psutil.Process]:
    """TERM, then KILL what has not gone in time. Returns what is still alive, which should be nothing."""
    asked = list(processes)
    for process in asked:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(asked, timeout=grace_s)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    return psutil.wait_procs(alive, timeout=5.0)[1]


def check_ports(ports: Mapping[str, int]) -> None:
    """Raises Trouble naming every port that is taken, by whom, and which variable changes it."""
    taken = [name for name, port in ports.items() if not _free(port)]
    if taken:
        raise Trouble(*(_taken(name, ports[name]) for name in taken))


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _taken(name: str, port: int) -> str:
    who = ""
    with suppress(psutil.Error):  # other users' sockets may not be seen
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
                who = f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return f"port {port} for {name} is taken{who}: stop that, or set TONGBAN_{name.upper()}_PORT to a free one"
