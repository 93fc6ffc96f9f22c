"""Who may do and see what in intake: by person, by department and division, never by "is staff"."""

from services.intake.cases.domain import Case
from shared.caller import Caller


def may_apply(caller: Caller) -> bool:
    """People apply, for themselves or for whom they act; each route says by which acts a mandate opens it."""
    return caller.kind == "person"


def may_look(caller: Caller) -> bool:
    """Anybody with an account may ask; what they see is decided case by case."""
    return caller.kind in ("person", "officer", "department", "operator")


def may_read_cases(caller: Caller) -> bool:
    """The content of a case concerns its applicant and its department, not the operators of the network."""
    return caller.kind in ("person", "officer", "department")


def may_decide(caller: Caller) -> bool:
    """Officers decide through the API; a department's own system says so on its topic."""
    return caller.kind == "officer" and caller.org is not None


def may_publish(caller: Caller) -> bool:
    """A department publishes its guides, an operator any."""
    return caller.kind == "operator" or (caller.kind in ("officer", "department") and caller.org is not None)


def may_publish_for(caller: Caller, department: str) -> bool:
    """Whether this caller may publish an item of that department."""
    return caller.kind == "operator" or caller.org == department


def may_set_rules(caller: Caller) -> bool:
    """Rules of law and the calendar are loaded by an operator."""
    return caller.kind == "operator"


def covers(caller: Caller, department: str, division: str) -> bool:
    """Whether the caller works for the department in a division that holds the given one (codes nest by prefix)."""
    return caller.org == department and (caller.division is None or division.startswith(caller.division))


def sees(caller: Caller, case: Case) -> bool:
    """Whether the caller may see the content of a case: its applicant, or those who handle it."""
    if caller.kind == "person":
        return case.applicant == caller.id and caller.may_handle(case.item)
    if caller.kind == "department":
        return caller.org == case.department
    return caller.kind == "officer" and covers(caller, case.department, case.division)


def sees_progress(caller: Caller, case: Case) -> bool:
    """Whether the caller may see how far a case is: an operator too, who sees ids and times only."""
    return caller.kind == "operator" or sees(caller, case)
