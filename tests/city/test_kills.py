"""kill -9 of every process at random moments of the journey: the case completes, each mail is there once."""

import random
import threading
import time
from collections import Counter

import pytest

from tests.city.running import RunningCity, until

SEED = 20261122
KILLS = 3
VICTIMS = ("identity", "intake", "sharing", "notifications", "kafka", "store", "hrss", "housing", "police")


@pytest.mark.parametrize("victim", VICTIMS)
def test_the_case_completes_whatever_is_killed(city: RunningCity, victim: str) -> None:
    dice = random.Random(f"{SEED}-{victim}")
    for _ in range(KILLS):
        moment = dice.uniform(0.0, 0.8)
        killer = threading.Timer(moment, city.kill, [victim])
        killer.start()
        case = city.apply()["case"]
        killer.join()
        shown = complete(city, case, victim, moment)
        assert shown, f"{victim} killed after {moment:.3f} s (seed {SEED})"
        each_mail_once(city, case)
    until(city.all_running, within=60, what="everything is back")


def complete(city: RunningCity, case: str, victim: str, moment: float) -> bool:
    """Follow the case to its end; when an owner was dead for too long she is asked, and gives the material herself."""
    deadline = time.monotonic() + 60
    last: Exception | None = None
    while time.monotonic() < deadline:
        try:
            found = city.case(case)
            if found["state"] == "supplement":
                for material in found["materials"]:
                    if material["state"] == "missing":
                        given = city.upload(material["code"], content=f"%PDF-1.7 {case}".encode())
                        city.li_na.ask("intake", "POST", f"/cases/{case}/materials", json=given)
            if found["state"] == "completed":
                return True
        except Exception as exc:  # noqa: BLE001 - whoever is dead just now answers nobody
            last = exc
        time.sleep(0.1)
    raise AssertionError(f"{case} is not completed; {victim} was killed after {moment:.3f} s; last: {last!r}")


def each_mail_once(city: RunningCity, case: str) -> None:
    """Accepted and decided, one message each. A copy beyond the first is only where it was counted as a repeat."""
    messages = city.told(case, "case-accepted", "case-decided", within=60)
    assert Counter(m["template"] for m in messages if m["template"] != "supplement-requested") == {
        "case-accepted": 1,
        "case-decided": 1,
    }
    copies = {mail["message_id"]: mail["copies"] for mail in city.mails()}
    for message in messages:
        (found,) = [n for id_, n in copies.items() if message["id"] in id_]
        assert found <= 1 + message["repeats"], (
            f"{message['id']} came {found} times, {message['repeats']} repeats counted"
        )
