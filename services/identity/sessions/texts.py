"""The words of signing out."""

from collections.abc import Mapping

from shared.contracts import Text

WORDS: Mapping[str, Text] = {
    "title": Text(zh="退出登录", en="Sign out"),
    "ask": Text(zh="确定要退出登录吗？", en="Do you want to sign out?"),
    "explain": Text(
        zh="退出后，用此次登录的所有应用都会一同退出。",
        en="You will be signed out of every application that you use with this sign-in.",
    ),
    "submit": Text(zh="退出登录", en="Sign out"),
    "done": Text(zh="您已退出登录", en="You are signed out"),
    "close": Text(zh="如果这是公用电脑，请关闭浏览器。", en="If others use this computer too, close the browser."),
    "refused_title": Text(zh="无法从这里退出", en="You cannot sign out from here"),
    "unknown_client": Text(
        zh="请求退出的应用或其返回地址未登记。您仍可直接退出登录。",
        en="The application that sent you here, or its return address, is not registered. You can still sign out.",
    ),
    "footer": Text(zh="通办统一身份认证", en="Tongban identity"),
}
