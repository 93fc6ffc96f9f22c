"""Who may do and see what in notifications: a person what concerns them, an operator ids and times."""

from services.notifications.messages.domain import Message
from shared.caller import Caller
from shared.policy import OPERATOR, PERSON, Act

may_keep_templates = Act("templates.keep", "维护通知模板", "keep the templates", OPERATOR)
may_look = Act(
    "messages.look",
    "查看通知（本人的；运营人员仅见编号和时间）",
    "see messages: one's own",
    PERSON | OPERATOR,
)
may_retry = Act("messages.retry", "重发已放弃的通知", "send a message again that was given up", OPERATOR)

ACTS = (may_keep_templates, may_look, may_retry)


def sees_all(caller: Caller) -> bool:
    """Operators follow messages of any person; they see no address and no text."""
    return OPERATOR(caller)


def sees(caller: Caller, message: Message) -> bool:
    """Whether the caller may see that this message is there."""
    return sees_all(caller) or (PERSON(caller) and message.person == caller.id)
