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
        en="You can take this back at any time under “My account”; it ends at once.",
    ),
    "agree": Text(zh="同意", en="Agree"),
    "decline": Text(zh="不同意", en="Decline"),
    "footer": Text(zh="通办统一身份认证", en="Tongban identity"),
}
