"""Who may do what in identity."""

from shared.policy import EVERYBODY, OPERATOR, PERSON, Act, officer

may_administer = Act(
    "accounts.keep", "维护机构、账户", "keep organisations and accounts, end somebody's sessions", OPERATOR
)
signs_in = Act(
    "sessions.own",
    "查看和结束自己的登录",
    "see and end one's own sessions; programs have none",
    PERSON | officer(),
)
may_see_oneself = Act("account.own", "查看自己的账户", "see one's own account and nobody else's", EVERYBODY)

ACTS = (may_administer, signs_in, may_see_oneself)
