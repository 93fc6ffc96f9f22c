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
