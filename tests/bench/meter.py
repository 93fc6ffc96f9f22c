"""What a stretch of work costs: CPU seconds and memory of each process, and how disturbed the machine was."""

import os
import platform
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import psutil

from deploy.local import kafka

PACKAGES = ("aiokafka", "fastapi", "faststream", "httptools", "motor", "pydantic", "pymongo", "uvicorn", "uvloop")


def machine() -> dict[str, str]:
    """What was measured on: processor, cores, memory, kernel, versions."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = next((line.partition(":")[2].strip() for line in info.splitlines() if "model name" in line), "")
    said = subprocess.run([shutil.which("java") or "java", "-version"], capture_output=True, text=True, check=False)
    return {
        "processor": model or platform.processor() or platform.machine(),
        "cores": str(psutil.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "broker": f"Kafka {kafka.VERSION}",
        "store": f"secantusdb {version('secantusdb')}",
        "java": (said.stderr.splitlines() or [""])[0],
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
    }


@dataclass(frozen=True)
class Usage:
    """One stretch. `cpu`: seconds by process; `rss`: bytes at its end; `steal`: share of the machine's time that
    the hypervisor gave to others; `busy`: share of it that anybody used."""

    seconds: float
    cpu: Mapping[str, float]
    rss: Mapping[str, int]
    steal: float
    busy: float
    load: float

    def cpu_ms_each(self, count: int) -> dict[str, float]:
        """CPU milliseconds of each process for one of `count` things."""
        return {name: seconds * 1000 / max(1, count) for name, seconds in self.cpu.items()}


@dataclass
class Meter:
    """Reads the processes at the start (`Meter(pids)`) and at the end (`usage()`)."""

    pids: Mapping[str, int]
    _began: float = field(default_factory=time.monotonic)
    _cpu: dict[str, float] = field(default_factory=dict)
    _times: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        self._cpu = {name: _cpu_of(pid) for name, pid in self.pids.items()}
        self._times = _machine_times()

    def usage(self) -> Usage:
        """What was used since the start. A process that ended meanwhile counts nothing."""
        seconds = time.monotonic() - self._began
        all_, stolen, idle = (now - then for now, then in zip(_machine_times(), self._times, strict=True))
        return Usage(
            seconds=seconds,
            cpu={name: max(0.0, _cpu_of(pid) - self._cpu[name]) for name, pid in self.pids.items()},
            rss={name: rss_of(pid) for name, pid in self.pids.items()},
            steal=stolen / all_ if all_ else 0.0,
            busy=1 - idle / all_ if all_ else 0.0,
            load=os.getloadavg()[0],
        )


def _cpu_of(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def rss_of(pid: int) -> int:
    """Resident bytes of a process; 0 when it is gone."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def _machine_times() -> tuple[float, float, float]:
    """All, stolen and idle CPU seconds of the machine since it started."""
    times = psutil.cpu_times()
    return sum(times), getattr(times, "steal", 0.0), times.idle + getattr(times, "iowait", 0.0)
