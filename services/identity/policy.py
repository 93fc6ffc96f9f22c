"""Who may do what in identity."""

from shared.caller import Caller


def may_administer(caller: Caller) -> bool:
    """Organisations and accounts are kept by an operator."""
    return caller.kind == "operator"


def signs_in(caller: Caller) -> bool:
    """People have sessions, programs have none."""
    return caller.kind in ("person", "officer")


def may_see_oneself(_caller: Caller) -> bool:
    """Everybody with an account, and nothing of anybody else's."""
    return True


def may_register_people(caller: Caller) -> bool:
    """At a window an officer sees person and document together, and answers for it by name."""
    return caller.kind == "officer" and caller.org is not None


def may_represent(caller: Caller) -> bool:
    """People represent companies. An account with a post is an officer's, who may do no business (公务员法 Art. 59)."""
    return caller.kind == "person"
