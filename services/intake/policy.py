"""Who may do and see what in intake: by person, by department and division, by role; never by "is staff"."""

from services.intake.cases.domain import Case
from shared.caller import Caller
from shared.policy import OPERATOR, PERSON, SYSTEM, Act, covers, officer

HANDLERS = officer("clerk", "head")

# For oneself, or for whom one acts: each route says by which powers a mandate opens it.
may_apply = Act("cases.apply", "申请办理事项、补交材料", "apply for a service, supply material", PERSON)
may_look = Act(
    "cases.look",
    "查询办件进度（本人、本部门辖区内）",
    "look up cases: one's own, one's department's within the division",
    PERSON | HANDLERS | SYSTEM | OPERATOR,
)
# The content of a case concerns its applicant and those who handle it, not the operators of the network.
may_read_cases = Act(
    "cases.read",
    "查看办件内容（本人、本部门辖区内）",
    "read cases: one's own, one's department's within the division",
    PERSON | HANDLERS | SYSTEM,
)
# A department's own system decides too: it says so on its topic.
may_decide = Act(
    "cases.decide",
    "对本部门辖区内的办件作出决定",
    "decide one's department's cases within the division",
    officer("clerk"),
)
may_publish = Act(
    "items.publish",
    "发布本部门的办事指南",
    "publish one's department's guides",
    OPERATOR | SYSTEM | officer("head"),
)
may_set_rules = Act("rules.set", "维护时限规则和工作日历", "set limits of law and the calendar", OPERATOR)

ACTS = (may_apply, may_look, may_read_cases, may_decide, may_publish, may_set_rules)


def may_publish_for(caller: Caller, department: str) -> bool:
    """Whether this caller may publish an item of that department."""
    return OPERATOR(caller) or (may_publish(caller) and caller.org == department)


def sees(caller: Caller, case: Case) -> bool:
    """Whether the caller may see the content of a case: its applicant, or those who handle it."""
    if PERSON(caller):
        return case.applicant == caller.id and caller.may_handle(case.item)
    if SYSTEM(caller):
        return caller.org == case.department
    return HANDLERS(caller) and covers(caller, case.department, case.division)


def sees_progress(caller: Caller, case: Case) -> bool:
    """Whether the caller may see how far a case is: an operator too, who sees ids and times only."""
    return OPERATOR(caller) or sees(caller, case)
