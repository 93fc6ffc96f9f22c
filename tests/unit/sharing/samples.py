"""What the unit tests of sharing begin with."""

from datetime import UTC, date, datetime
from typing import Any

from services.sharing.exchanges.domain import Exchange, of_wish
from services.sharing.grants.domain import Grant, State, Terms
from shared.contracts.identity import OrganisationPublished
from shared.contracts.intake import ItemPublished, MaterialGuide, MaterialWished, SharedSource
from shared.contracts.registry import Text
from shared.contracts.sharing import DataField, ResourcePublished

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
FIELDS = ["status", "employer", "months_paid"]


def text(words: str) -> Text:
    return Text(zh=words, en=words)


def organisation(**changes: Any) -> OrganisationPublished:
    told = {"code": "hrss", "name": text("hrss"), "division": "2102", "matters": []}
    return OrganisationPublished.model_validate(told | {"resources": ["hrss.social-insurance"]} | changes)


def offer(**changes: Any) -> ResourcePublished:
    told = {
        "code": "hrss.social-insurance",
        "name": text("社会保险缴纳记录"),
        "owner": "hrss",
        "sharing": "conditional",
        "condition": text("仅限本事项使用"),
        "fields": [DataField(name=name, title=text(name)) for name in [*FIELDS, "wage"]],
        "update_cycle": "month",
        "answer_within": 60.0,
    }
    return ResourcePublished.model_validate(told | changes)


def item(**changes: Any) -> ItemPublished:
    source = SharedSource(resource="hrss.social-insurance", fields=FIELDS, purpose="residence-permit")
    told = {
        "code": "residence-permit",
        "name": text("居住证申领"),
        "department": "police",
        "kind": "confirmation",
        "basis": [],
        "conditions": [],
        "process": [],
        "fee": text("免费"),
        "visits": 0,
        "form": {"type": "object"},
        "materials": [MaterialGuide(code="social-insurance", name=text("社保"), shared=source)],
        "legal_days": 15,
        "promised_days": 5,
    }
    return ItemPublished.model_validate(told | changes)


def terms(**changes: Any) -> Terms:
    told = {
        "resource": "hrss.social-insurance",
        "fields": FIELDS,
        "purpose": "residence-permit",
        "basis": "居住证暂行条例 Art. 9",
        "valid_from": date(2026, 1, 1),
        "valid_until": date(2026, 12, 31),
    }
    return Terms.model_validate(told | changes)


def grant(state: State = "granted", *, id_: str = "grant-a", **changes: Any) -> Grant:
    """A grant in any state, with nothing left to publish."""
    made = Grant(id=id_, consumer="police", owner="hrss", terms=terms(**changes), requested_at=NOW)
    made.request(offer(), NOW)
    if state == "refused":
        made.refuse("officer-a", "政务数据共享条例", NOW)
    elif state != "requested":
        made.give("officer-a", NOW)
    if state == "revoked":
        made.revoke("officer-a", "misuse", NOW)
    elif state == "expired":
        made.wake(NOW)
    made.take_recorded()
    return made


def wish(**changes: Any) -> MaterialWished:
    told = {
        "case": "case-a",
        "item": "residence-permit",
        "material": "social-insurance",
        "consumer": "police",
        "resource": "hrss.social-insurance",
        "fields": FIELDS,
        "purpose": "residence-permit",
        "subject": "person-li-na",
    }
    return MaterialWished.model_validate(told | changes)


def asked(**changes: Any) -> Exchange:
    """An exchange whose question is with the owner, with nothing left to publish."""
    exchange = of_wish("case-a:2", wish(**changes), offer(), NOW)
    exchange.ask(grant(), offer(), NOW)
    exchange.take_recorded()
    return exchange
