"""The words of asking for consent."""

from collections.abc import Mapping

from shared.contracts import Text

WORDS: Mapping[str, Text] = {
    "title": Text(zh="授权确认", en="Your consent"),
    "asks": Text(zh="“{client}”请求：", en="{client} asks to:"),
    "openid": Text(zh="知道是您本人登录", en="know that it is you who signs in"),
    "profile": Text(zh="知道您的姓名和使用的语言", en="know your name and language"),
    "email": Text(zh="知道您的电子邮箱", en="know your mail address"),
    "phone": Text(zh="知道您的电话号码", en="know your phone number"),
    "services": Text(zh="代您使用本市的政务服务", en="use the city's services for you"),
    "offline_access": Text(zh="在您保持登录期间持续使用以上内容", en="go on as long as you stay signed in"),
    "explain": Text(
        zh="您可以随时在“我的账户”中撤回授权，撤回立即生效。",
        en="You can take this back at any time under “Your account”; it ends at once.",
    ),
    "agree": Text(zh="同意", en="Agree"),
    "decline": Text(zh="不同意", en="Decline"),
    "mine_title": Text(zh="授权的应用", en="Applications you let in"),
    "mine_lead": Text(
        zh="以下应用可使用您的信息。收回授权立即生效，并使该应用退出登录。",
        en="These applications may know this of you. Taking it back works at once and ends what they hold.",
    ),
    "none": Text(zh="没有授权任何应用。", en="There are none."),
    "given": Text(zh="授权于 {day}", en="since {day}"),
    "withdraw": Text(zh="收回授权", en="Take back"),
    "refused_title": Text(zh="无法继续", en="This cannot go on"),
    "stale": Text(
        zh="页面已失效，请回到应用重新登录。",
        en="This page is no longer valid. Please go back to the application and sign in again.",
    ),
    "footer": Text(zh="通办统一身份认证", en="Tongban identity"),
}
