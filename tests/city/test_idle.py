"""Each service idles below 3 % of a core and 120 MB, also after it has worked."""

import time
from collections.abc import Mapping

import psutil
import pytest

from tests.city.running import PDF, RunningCity

SERVICES = ("identity", "intake", "sharing", "notifications")
CPU_LIMIT, RSS_LIMIT = 3.0, 120_000_000
WINDOW_SECONDS, WINDOWS = 10.0, 3


@pytest.fixture(scope="module")
def worked(city: RunningCity) -> RunningCity:
    """Ten sign-ins, three uploads of 10 MB, ten cases; then nothing more."""
    for _ in range(10):
        city.person().get("intake", "/cases")
    for n in range(3):
        city.upload("identity-card", content=PDF + bytes([n]) * 10_000_000)
    cases = [city.apply()["case"] for _ in range(10)]
    for case in cases:
        city.told(case, "case-accepted", "case-decided")
    return city


@pytest.fixture(scope="module")
def processes(worked: RunningCity) -> Mapping[str, psutil.Process]:
    return {service: psutil.Process(worked.pid(service)) for service in SERVICES}


@pytest.fixture(scope="module")
def windows(processes: Mapping[str, psutil.Process]) -> Mapping[str, list[float]]:
    """Percent of a core in each window, all services watched at once; a noisy box gets three."""
    used: dict[str, list[float]] = {service: [] for service in processes}
    while any(min(taken, default=100.0) >= CPU_LIMIT for taken in used.values()) and len(used["intake"]) < WINDOWS:
        for process in processes.values():
            process.cpu_percent()  # from here to its next call
        time.sleep(WINDOW_SECONDS)  # the window itself, nothing is waited for
        for service, process in processes.items():
            used[service].append(process.cpu_percent())
    return used


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_idles_on_little_cpu(windows: Mapping[str, list[float]], service: str) -> None:
    assert min(windows[service]) < CPU_LIMIT, f"{service} used {windows[service]} % of a core"


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_idles_in_little_memory(processes: Mapping[str, psutil.Process], service: str) -> None:
    rss = processes[service].memory_info().rss
    assert rss < RSS_LIMIT, f"{service} has {rss / 1e6:.0f} MB"
