"""Who may do and see what in sharing: by person, by organisation and role; never by "is staff"."""

from services.sharing.exchanges.domain import Exchange
from services.sharing.grants.domain import Grant
from shared.caller import Caller
from shared.policy import EVERYBODY, OPERATOR, PERSON, SYSTEM, Act, officer

# A department's own system, or the officer who keeps its data. Departments ask for grants; operators do not.
DEPARTMENT = SYSTEM | officer("steward")

# The catalogue holds no data, only what there is.
may_read_catalogue = Act("catalogue.read", "查看数据资源目录", "read the catalogue", EVERYBODY)
may_publish = Act(
    "catalogue.publish",
    "发布本部门的数据资源",
    "publish one's department's resources",
    OPERATOR | DEPARTMENT,
)
may_ask_for_grants = Act("grants.request", "为本部门申请数据授权", "ask for grants", DEPARTMENT)
# Operators load what the city has agreed (`deploy/city`).
may_declare_grants = Act("grants.declare", "登记全市已商定的授权", "declare the city's grants", OPERATOR)
# They also help owners who cannot act themselves.
may_answer_for_grants = Act(
    "grants.answer",
    "查看、同意、拒绝、撤回涉及本部门的授权",
    "see and answer the grants that concern one's department",
    OPERATOR | DEPARTMENT,
)
may_ask_about_exchanges = Act(
    "exchanges.see",
    "查看谁调取了数据（本人、本部门）",
    "see who saw which data: one's own, one's department's",
    PERSON | OPERATOR | DEPARTMENT,
)

ACTS = (
    may_read_catalogue, may_publish, may_ask_for_grants, may_declare_grants, may_answer_for_grants,
    may_ask_about_exchanges,
)  # fmt: skip


def party_of(caller: Caller) -> str | None:
    """Whose grants and exchanges the caller sees in lists; `None`: an operator, everybody's."""
    return None if OPERATOR(caller) else caller.org


def acts_for(caller: Caller, org: str) -> bool:
    """Whether the caller may act for that organisation."""
    return OPERATOR(caller) or (DEPARTMENT(caller) and caller.org == org)


def may_see_grant(caller: Caller, grant: Grant) -> bool:
    """Those who share: the consumer and the owner."""
    return acts_for(caller, grant.consumer) or acts_for(caller, grant.owner)


def may_see_exchange(caller: Caller, exchange: Exchange) -> bool:
    """The person whose data it is, the department that asked, the one that was asked."""
    if PERSON(caller):
        return exchange.subject == caller.id
    return any(acts_for(caller, org) for org in exchange.parties)
