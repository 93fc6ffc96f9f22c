"""The words of the page with one's own data."""

from collections.abc import Mapping

from shared.contracts import Text

WORDS: Mapping[str, Text] = {
    "title": Text(zh="我的个人信息", en="Your data"),
    "intro": Text(
        zh="这是统一身份服务保存的关于您的全部信息。办件由受理服务和主管部门保存，不在此列。",
        en="This is everything that the identity service keeps about you. Your cases are kept by the service that took "
        "them in and by the departments; they are not on this page.",
    ),
    "as_of": Text(zh="截至", en="As of"),
    "download": Text(zh="下载（JSON）", en="Download it all (JSON)"),
    "details": Text(zh="账户", en="Account"),
    "sessions": Text(zh="登录记录", en="Where you are and were signed in"),
    "sessions_kept": Text(
        zh="登录结束后，记录再保留三十天。", en="A sign-in is shown here for thirty days after it has ended."
    ),
    "history": Text(zh="账户历史", en="What happened to your account"),
    "withheld": Text(zh="未显示的内容", en="Kept and not shown"),
    "password_hash": Text(
        zh="您密码的校验值。任何人都无法由它得出密码，但可以用它试猜，因此不显示。",
        en="A check value of your password. Nobody can read the password from it, but could try guesses on it.",
    ),
    "rights": Text(
        zh="信息有误，请向受理窗口申请更正。要求删除账户，也请到窗口办理（个人信息保护法第四十五条至第四十七条）。",
        en="If something is wrong, any service window corrects it. A window also deletes your account if you ask for "
        "that (Personal Information Protection Law, Articles 45 to 47).",
    ),
    "mandates": Text(zh="委托", en="Mandates"),
    "consents": Text(zh="对应用的授权", en="What you let applications know"),
    "factors": Text(zh="登录验证方式", en="What you prove with beside the password"),
    "app_since": Text(zh="验证器应用", en="Authenticator app"),
    "passkeys": Text(zh="通行密钥", en="Passkeys"),
    "recovery_codes": Text(zh="剩余恢复码", en="Recovery codes left"),
    "app_secret": Text(
        zh="验证器应用的密钥。得到它的人可以生成您的验证码，因此不显示。",
        en="The secret of your authenticator app. Who has it can make your codes.",
    ),
    "recovery_digests": Text(
        zh="恢复码的校验值。我们不保存恢复码本身。",
        en="Check values of your recovery codes. The codes themselves are not kept.",
    ),
    "none": Text(zh="无", en="none"),
    "browser": Text(zh="浏览器", en="Browser"),
    "begun": Text(zh="登录", en="Signed in"),
    "until": Text(zh="有效至", en="Until"),
    "ended": Text(zh="结束", en="Ended"),
    "here": Text(zh="当前浏览器", en="this browser"),
    "time": Text(zh="时间", en="Time"),
    "what": Text(zh="事项", en="What"),
    "where": Text(zh="发布到", en="Told on"),
    "content": Text(zh="内容", en="What was said"),
    "gone": Text(zh="内容已删除，仅保留校验值", en="deleted; only its digest is kept"),
    "footer": Text(zh="通办统一身份认证", en="Tongban identity"),
}
_FIELDS = {
    "login": Text(zh="登录名", en="Login name"),
    "name": Text(zh="姓名", en="Name"),
    "mail": Text(zh="电子邮箱", en="Mail address"),
    "phone": Text(zh="电话", en="Phone"),
    "language": Text(zh="语言", en="Language"),
    "post": Text(zh="职务", en="Post"),
    "posts": Text(zh="职务", en="Posts"),
    "substitutions": Text(zh="代行职务", en="Whom you stand in for"),
    "listed_under": Text(zh="所在名册", en="On which lists of officers"),
    "ial": Text(zh="身份核验等级", en="How surely you are proven"),
    "number": Text(zh="证件号码（仅存校验值）", en="Identity number, as a check value"),
    "person": Text(zh="本人", en="Person"),
    "client": Text(zh="应用", en="Application"),
    "scopes": Text(zh="授权内容", en="What it may"),
    "given_at": Text(zh="授权时间", en="Agreed on"),
    "withdrawn_at": Text(zh="撤回时间", en="Taken back on"),
    "principal": Text(zh="委托人", en="For whom"),
    "agent": Text(zh="受托人", en="Who acts"),
    "kind": Text(zh="类型", en="Kind"),
    "source": Text(zh="来源", en="By what"),
    "terms": Text(zh="范围", en="Terms"),
    "acts": Text(zh="可办事项", en="What they may do"),
    "items": Text(zh="服务事项", en="Services"),
    "since": Text(zh="自", en="From"),
    "until": Text(zh="至", en="Until"),
    "offered_at": Text(zh="提出时间", en="Offered on"),
    "accepted_at": Text(zh="同意时间", en="Agreed on"),
    "ended_at": Text(zh="结束时间", en="Ended on"),
    "organisation": Text(zh="部门", en="Department"),
    "division": Text(zh="行政区划", en="Division"),
    "token_version": Text(zh="凭证版本", en="Version of your tokens"),
    "forgotten_at": Text(zh="删除时间", en="Deleted on"),
    "tongban.identity.account-opened.v1": Text(zh="账户已开立", en="Your account was opened"),
    "tongban.identity.contact-published.v1": Text(
        zh="联系方式已告知通知服务", en="Your contact data was told to the notification service"
    ),
    "tongban.identity.revocation-published.v1": Text(zh="登录已失效", en="Sign-ins were ended"),
    "tongban.identity.act-noted.v1": Text(zh="操作已记录", en="It was noted who did what"),
    "tongban.identity.person-proven.v1": Text(zh="身份已核验", en="It was proven who you are"),
    "tongban.identity.credential-changed.v1": Text(zh="登录方式已更改", en="What you sign in with was changed"),
    "tongban.identity.substitution-arranged.v1": Text(zh="代行职务已安排", en="You were to stand in for somebody"),
    "tongban.identity.substitution-ended.v1": Text(zh="代行职务已结束", en="You stand in for somebody no more"),
}


def label(name: str, language: str) -> str:
    """What a field or an event type is called; its own name where nobody has given it another one yet."""
    return _FIELDS[name].within(language) if name in _FIELDS else name.replace("_", " ")
