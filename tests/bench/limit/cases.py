"""What a case of the limit's intake is: a document, and how answers and a decision change it."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from tests.bench.limit import wire
from tests.bench.limit.reading import Heard

EVENTS = "intake.events"
CITY_TIME = timezone(timedelta(hours=8))
NOTICE_DAYS = 5
ID_NUMBER = re.compile(r"[1-9][0-9]{16}[0-9X]")
LENGTHS = {"name": (1, 60), "registered_residence": (2, 200), "address": (2, 200)}


class Days:
    """The working-day calendar."""

    def __init__(self, holidays: Any, workdays: Any) -> None:
        self._holidays, self._workdays = set(holidays), set(workdays)

    def after(self, day: date, count: int) -> date:
        """The working day on which a term ends."""
        while count > 0:
            day += timedelta(days=1)
            text = day.isoformat()
            count -= text not in self._holidays and (day.weekday() < 5 or text in self._workdays)
        return day


def checked_form(form: dict[str, Any]) -> None:
    """The residence permit's form, as its schema says; raises `ValueError`."""
    if set(form) != {"name", "id_number", "registered_residence", "address", "resident_since", "ground"}:
        raise ValueError
    for name, (least, most) in LENGTHS.items():
        if not isinstance(form[name], str) or not least <= len(form[name]) <= most:
            raise ValueError
    if not ID_NUMBER.fullmatch(form["id_number"]) or form["ground"] not in ("employment", "housing", "study"):
        raise ValueError
    date.fromisoformat(form["resident_since"])


def new_case(
    id_: str,
    caller: str,
    application: dict[str, Any],
    digest: str,
    guide: dict[str, Any],
    files: dict[str, Any],
    number: str,
    days: Days,
) -> wire.Document:
    """The document of a new case, with its first entries."""
    given = {one["material"]: files[one["file"]] for one in application["materials"]}
    materials = [_material(material, given.get(material["code"])) for material in guide["materials"]]
    if any(material["state"] == "missing" for material in materials):
        raise ValueError
    trace, now = wire.trace(), datetime.now(UTC)
    today = now.astimezone(CITY_TIME).date()
    about = {"case": id_, "number": number, "item": guide["code"], "department": guide["department"]}
    about |= {"applicant": caller, "agent": None, "mandate": None}
    submitted = about | {"division": application["division"], "submitted_at": wire.stamp(now)}
    entries = [wire.entry("tongban.intake.case-submitted.v1", EVENTS, submitted, now, trace)]
    for material in materials:
        if material["wish"] is not None:
            wish = {"case": id_, "item": guide["code"], "material": material["code"], "consumer": guide["department"]}
            wish |= {**material["wish"], "subject": caller}
            entries.append(wire.entry("tongban.intake.material-wished.v1", EVENTS, wish, now, trace))
    wake = datetime.combine(days.after(today, NOTICE_DAYS) + timedelta(days=1), datetime.min.time(), CITY_TIME)
    state = {
        **{name: value for name, value in about.items() if name != "case"},
        "division": application["division"],
        "places": [application["division"][:n] for n in range(len(application["division"]) + 1)],
        "form": application["form"],
        "materials": materials,
        "legal_days": guide["legal_days"],
        "promised_days": guide["promised_days"],
        "body_sha256": digest,
        "state": "submitted",
        "submitted_at": now,
        "sort_key": f"{now:%Y%m%dT%H%M%S.%fZ}/{id_}",
        "receipt": None,
        "decision": None,
        "too_early": [],
        "wake_at": wake.astimezone(UTC),
    }
    return wire.born(id_, state, entries, {})


def _material(guide: dict[str, Any], file: dict[str, Any] | None) -> dict[str, Any]:
    found = {"code": guide["code"], "required": guide["required"], "media_types": guide["media_types"]}
    found |= {"wish": guide["shared"], "state": "missing", "ground": None, "file": None, "data": None, "exchange": None}
    if file is not None:
        attached = {"file": file["_id"], "sha256": file["sha256"], "media_type": file["media_type"]}
        found |= {"state": "there", "file": attached | {"size": file["size"]}}
    elif guide["shared"] is not None:
        found["state"] = "wished"
    return found


def accepted(
    case: wire.Document, state: wire.Document, entries: list[wire.Document], event: Heard, days: Days, now: datetime
) -> None:
    """An answer came; when it was the last one, the case is accepted and handed over."""
    answer, id_ = event.data, case["_id"]
    material = next(one for one in case["materials"] if one["code"] == answer["material"])
    if material["state"] != "wished":
        return
    material |= {"state": "there", "exchange": answer["exchange"], "data": answer["data"]}
    state["materials"] = case["materials"]
    came = {"case": id_, "material": material["code"], "source": "shared", "agent": None}
    came["exchange"] = answer["exchange"]
    entries.append(wire.entry("tongban.intake.material-received.v1", EVENTS, came, now, event.trace))
    if any(one["state"] == "wished" for one in case["materials"]):
        return
    today = now.astimezone(CITY_TIME).date()
    receipt = {"accepted_on": today.isoformat()}
    receipt["legal_due"] = days.after(today, case["legal_days"]).isoformat()
    receipt["promised_due"] = days.after(today, case["promised_days"]).isoformat()
    state |= {"state": "accepted", "wake_at": None, "receipt": receipt | {"deemed": False}}
    case["state"] = "accepted"
    about = {"case": id_, "number": case["number"], "item": case["item"], "applicant": case["applicant"]}
    told = about | receipt | {"agent": case["agent"], "department": case["department"], "deemed": False}
    entries.append(wire.entry("tongban.intake.case-accepted.v1", EVENTS, told, now, event.trace))
    work = about | receipt | {"division": case["division"], "form": case["form"]}
    work["materials"] = [_package(one) for one in case["materials"] if one["state"] == "there"]
    topic = f"intake.to.{case['department']}"
    entries.append(wire.entry("tongban.intake.case-assigned.v1", topic, work, now, event.trace, personal=True))


def _package(material: dict[str, Any]) -> dict[str, Any]:
    source = "shared" if material["file"] is None else "applicant"
    return {"code": material["code"], "source": source, "file": material["file"], "data": material["data"]}


def decided(
    case: wire.Document, state: wire.Document, entries: list[wire.Document], event: Heard, now: datetime
) -> None:
    """The department's decision, which closes the case."""
    said, id_ = event.data, case["_id"]
    if event.topic != f"{wire.PREFIX}{case['department']}.out" or case["state"] != "accepted":
        return
    today = now.astimezone(CITY_TIME).date().isoformat()
    decision = {"outcome": said["outcome"], "reason": said["reason"], "officer": None, "decided_at": now}
    state |= {"state": "completed", "decision": decision}
    case["state"] = "completed"
    told = {name: case[name] for name in ("number", "item", "department", "applicant", "agent")}
    told |= {"case": id_, "outcome": said["outcome"], "decided_on": today}
    entries.append(wire.entry("tongban.intake.case-decided.v1", EVENTS, told, now, event.trace))
    closed = {"case": id_, "number": case["number"], "completed_on": today}
    entries.append(wire.entry("tongban.intake.case-completed.v1", EVENTS, closed, now, event.trace))


def view(case: wire.Document) -> dict[str, Any]:
    """A case as its applicant gets it back."""
    materials = [
        {
            "code": one["code"],
            "state": one["state"],
            "source": "shared" if one["wish"] and not one["file"] else "applicant",
            "ground": one["ground"],
        }
        for one in case["materials"]
    ]
    contents = [
        {"code": one["code"], "file": one["file"], "data": one["data"]}
        for one in case["materials"]
        if one["state"] == "there"
    ]
    shown = {"case": case["_id"]} | {n: case[n] for n in ("number", "item", "department", "division", "state")}
    shown |= {"submitted_at": wire.stamp(case["submitted_at"]), "receipt": case["receipt"], "outcome": None}
    return shown | {"materials": materials, "form": case["form"], "agent": None, "contents": contents, "decision": None}
