"""Who may do what in identity."""

from shared.caller import Caller
from shared.policy import EVERYBODY, OPERATOR, PERSON, Act, covers, officer

may_administer = Act(
    "accounts.keep", "维护机构、账户", "keep organisations and accounts, end somebody's sessions", OPERATOR
)
may_keep_substitutes = Act(
    "substitutions.keep",
    "查看工作人员并安排代岗",
    "see officers and say who stands in for whom; a head in the own place",
    OPERATOR | officer("head"),
)
signs_in = Act(
    "sessions.own",
    "查看和结束自己的登录",
    "see and end one's own sessions; programs have none",
    (PERSON | officer()).directly,
)
# At a window an officer sees person and document together, and answers for it by name.
may_register_people = Act(
    "people.register",
    "在窗口为到场的人办理实名登记",
    "register people who are there in person",
    officer("clerk", "head"),
)
# An account with a post is an officer's, who may do no business (公务员法 Art. 59).
may_represent = Act("companies.represent", "代表企业", "represent companies", PERSON.directly)
may_be_told_of = Act("userinfo.read", "告知应用登录者是谁", "tell an application who has signed in", PERSON | officer())
may_keep_mandates = Act(
    "mandates.keep", "委托他人代办、接受或结束委托", "let others act for oneself, agree to act for them, end it",
    (PERSON | officer()).directly,
)  # fmt: skip
may_keep_consents = Act(
    "consents.own",
    "查看和撤回对应用的授权",
    "see which applications know what, and take it back",
    (PERSON | officer()).directly,
)
may_keep_factors = Act(
    "factors.own",
    "查看和移除自己的第二种登录验证方式",
    "see and take away what one proves with beside the password",
    (PERSON | officer()).directly,
)
may_change_password = Act("password.own", "更改自己的密码", "change one's own password", (PERSON | officer()).directly)
may_see_oneself = Act("account.own", "查看自己的账户", "see one's own account and nobody else's", EVERYBODY)

ACTS = (
    may_administer, may_keep_substitutes, signs_in, may_be_told_of, may_keep_mandates, may_keep_consents,
    may_keep_factors, may_change_password, may_register_people, may_represent, may_see_oneself,
)  # fmt: skip


def keeps_substitutes_at(caller: Caller, organisation: str, division: str) -> bool:
    """Whether the caller may say who stands in at a post: an operator anywhere, a head where they are the head."""
    return OPERATOR(caller) or (may_keep_substitutes(caller) and covers(caller, organisation, division))
