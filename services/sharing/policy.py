"""Who may do and see what in sharing: by person and by organisation, never by "is staff"."""

from services.sharing.exchanges.domain import Exchange
from services.sharing.grants.domain import Grant
from shared.caller import Caller


def may_read_catalogue(_: Caller) -> bool:
    """The catalogue holds no data, only what there is: anybody signed in may read it."""
    return True


def speaks_for_department(caller: Caller) -> bool:
    """A department's own system, or one of its officers. Departments ask for grants; operators do not."""
    return caller.kind in ("officer", "department") and caller.org is not None


def is_operator(caller: Caller) -> bool:
    """Operators load what the city has agreed (`deploy/city`) and help owners who cannot act themselves."""
    return caller.kind == "operator"


def is_department_or_operator(caller: Caller) -> bool:
    """Whom the catalogue's upkeep and the grants concern."""
    return is_operator(caller) or speaks_for_department(caller)


def acts_for(caller: Caller, org: str) -> bool:
    """Whether the caller may act for that organisation."""
    return is_operator(caller) or (speaks_for_department(caller) and caller.org == org)


def may_see_grant(caller: Caller, grant: Grant) -> bool:
    """Those who share: the consumer and the owner."""
    return acts_for(caller, grant.consumer) or acts_for(caller, grant.owner)


def may_ask_about_exchanges(caller: Caller) -> bool:
    """A person about the own data, a department about what it shares, an operator about a case."""
    return caller.kind == "person" or is_department_or_operator(caller)


def may_see_exchange(caller: Caller, exchange: Exchange) -> bool:
    """The person whose data it is, the department that asked, the one that was asked."""
    if caller.kind == "person":
        return exchange.subject == caller.id
    return any(acts_for(caller, org) for org in exchange.parties)
