"""What identity does about each event it hears."""

from functools import partial

from services.identity.audit import commands as audit
from services.identity.desk import Desk
from shared.contracts import identity
from shared.messaging.lane import Handlers


def table(desk: Desk) -> Handlers:
    """Event type → function."""
    return {identity.ActNoted: partial(audit.keep, desk)}
