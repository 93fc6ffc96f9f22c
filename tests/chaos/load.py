"""The load as the conductor holds it: the driver's process, its rate, and what its log says so far."""

import json
import subprocess
import sys
from collections import Counter
from typing import Any

from deploy.local.settings import ROOT
from tests.chaos.city import ChaosCity
from tests.city.running import until


class Load:
    """Starts with no load at all; `rate` sets it. The log is `<state>/driver.log`."""

    def __init__(self, city: ChaosCity, login: str = "li.na") -> None:
        self.log = city.city.settings.state / "driver.log"
        self.log.touch()
        self._seen, self._offset = Seen(), 0
        orders = {
            "log": str(self.log),
            "intake": [city.urls["intake"]],
            "identity": city.urls["identity"],
            "store": city.city.platform.store.uri,
            "login": login,
            "password": next(one["password"] for one in city.people if one["login"] == login),
            "application": city.application,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.driver"], cwd=ROOT, stdin=subprocess.PIPE, text=True
        )
        self._say(orders)

    def rate(self, cases_a_second: float) -> None:
        """From now on."""
        self._say({"rate": cases_a_second})

    def through(self, *intake: str) -> None:
        """From now on requests go to these addresses of intake, in turn."""
        self._say({"intake": intake})

    def _say(self, order: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        assert self._process.poll() is None, "the driver has ended"
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def look(self) -> "Seen":
        """What the log says so far."""
        with self.log.open("rb") as file:
            file.seek(self._offset)
            while (line := file.readline()).endswith(b"\n"):
                self._offset += len(line)
                self._seen.take(json.loads(line))
        return self._seen

    def acknowledged_after(self, moment: float, within: float = 60.0) -> float:
        """Wait for an acknowledgement of a request that began after the moment; when it came."""

        def seen() -> float | None:
            new = (at for begun, at in reversed(self.look().acknowledged) if begun >= moment)
            return min(new, default=None)

        return until(seen, within=within, what="an application is acknowledged")

    def drain(self, within: float = 120.0) -> None:
        """No new applications; wait until each one under way is acknowledged."""
        self.rate(0)
        until(lambda: not self.look().open, within=within, what="every application is acknowledged")

    def end(self) -> None:
        """End the driver."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)


class Seen:
    """The driver's log, summed up."""

    def __init__(self) -> None:
        self.acknowledged: list[tuple[float, float]] = []
        """When the request began that was acknowledged, and when it was."""
        self.open: set[str] = set()
        self.failed: Counter[int | None] = Counter()
        self.supplied = 0

    def take(self, line: dict[str, Any]) -> None:
        match line["kind"]:
            case "try":
                self.open.add(line["key"])
            case "acknowledged":
                self.open.discard(line["key"])
                self.acknowledged.append((line["begun"], line["at"]))
            case "refused":
                self.open.discard(line["key"])
            case "failed":
                self.failed[line["status"]] += 1
            case "supplied":
                self.supplied += line["status"] == 200
