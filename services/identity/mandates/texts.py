"""The words of one's mandates."""

from collections.abc import Mapping

from shared.contracts import Text

WORDS: Mapping[str, Text] = {
    "title": Text(zh="我的委托", en="My mandates"),
    "lead": Text(
        zh="您可以请他人代办政务服务事项，也可以代他人或企业办理。双方都可随时结束，结束立即生效。",
        en="Others can act for you, and you for others and companies. Either side ends it at any time, at once.",
    ),
    "mine": Text(zh="我代他人办理", en="You act for"),
    "others": Text(zh="他人代我办理", en="Who acts for you"),
    "none": Text(zh="没有委托。", en="There are none."),
    "apply": Text(zh="申请办理", en="apply"),
    "see": Text(zh="查看进度和结果", en="see cases and what came of them"),
    "supply": Text(zh="补交材料", en="supply what is missing"),
    "all_items": Text(zh="全部事项", en="all services"),
    "until": Text(zh="至 {day}", en="until {day}"),
    "no_end": Text(zh="无期限", en="without an end"),
    "most": Text(zh="最多 {n} 件", en="{n} cases at most"),
    "handed_on": Text(zh="可转委托一次", en="may be handed on once"),
    "offered": Text(zh="待接受", en="not agreed yet"),
    "live": Text(zh="有效", en="in force"),
    "ended": Text(zh="已结束", en="ended"),
    "register": Text(zh="依登记信息", en="by a register"),
    "accept": Text(zh="接受", en="Agree"),
    "decline": Text(zh="不接受", en="Decline"),
    "give_up": Text(zh="不再代办", en="Give up"),
    "take_back": Text(zh="收回委托", en="Take back"),
    "new": Text(zh="请他人代办", en="Let somebody act for you"),
    "agent": Text(zh="对方的账户编号", en="Their account number"),
    "agent_hint": Text(
        zh="以 person- 开头，对方可在“我的账户”中看到。请仔细核对：为保护他人，此处不提示账户是否存在",
        en="It begins with person-, and they find it under “Your account”. Check it well: to protect others you are "
        "not told here whether there is such an account",
    ),
    "waits": Text(
        zh="等待对方接受，30 天无人接受则失效。对方没有看到时，请核对账户编号。",
        en="It waits for their answer, for 30 days at most. If they do not see it, check the account number.",
    ),
    "acts": Text(zh="可以做什么", en="What they may do"),
    "last_day": Text(zh="截止日期", en="Last day"),
    "last_day_hint": Text(zh="例如 2027-03-31，最长三年", en="For example 2027-03-31, three years at most"),
    "offer": Text(zh="发出委托", en="Offer the mandate"),
    "agent_wrong": Text(
        zh="请输入他人的账户编号，以 person- 开头", en="Enter somebody else's account number; it begins with person-"
    ),
    "too_many": Text(
        zh="今天发出的委托太多，请在 {hours} 小时后重试",
        en="You have offered many mandates today. You can offer more in {hours} hours",
    ),
    "acts_wrong": Text(zh="请至少选择一项", en="Choose one at least"),
    "last_day_wrong": Text(
        zh="请输入今天之后、三年以内的日期，例如 2027-03-31", en="Enter a day within three years, like 2027-03-31"
    ),
    "stale": Text(zh="页面已失效，请重试", en="The page was too old. Please try again"),
    "footer": Text(zh="通办统一身份认证", en="Tongban identity"),
}
