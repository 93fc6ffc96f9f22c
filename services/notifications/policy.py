"""Who may do and see what in notifications: a person what concerns them, an operator ids and times."""

from services.notifications.messages.domain import Message
from shared.caller import Caller


def may_keep_templates(caller: Caller) -> bool:
    """Operators load the templates."""
    return caller.kind == "operator"


def may_look(caller: Caller) -> bool:
    """People and operators may ask; what they see is decided message by message."""
    return caller.kind in ("person", "operator")


def may_retry(caller: Caller) -> bool:
    """A message that was given up is sent again by an operator."""
    return caller.kind == "operator"


def sees_all(caller: Caller) -> bool:
    """Operators follow messages of any person; they see no address and no text."""
    return caller.kind == "operator"


def sees(caller: Caller, message: Message) -> bool:
    """Whether the caller may see that this message is there."""
    return sees_all(caller) or (caller.kind == "person" and message.person == caller.id)
