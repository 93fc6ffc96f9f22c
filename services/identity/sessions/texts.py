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
    "sessions_title": Text(zh="登录设备", en="Where you are signed in"),
    "sessions_lead": Text(
        zh="如果其中有您不认识的，请从那里退出：可能有人知道了您的密码。",
        en="If you do not know one of these, sign out there: somebody may know your password.",
    ),
    "here": Text(zh="当前浏览器", en="this browser"),
    "some_browser": Text(zh="未知浏览器", en="some browser"),
    "since": Text(zh="登录于 {time}", en="Signed in on {time}"),
    "aal1": Text(zh="一种验证方式", en="with one way of proof"),
    "aal2": Text(zh="两种验证方式", en="with two ways of proof"),
    "end": Text(zh="从这里退出", en="Sign out there"),
    "end_here": Text(zh="从当前浏览器退出", en="Sign out here"),
    "everywhere": Text(zh="从所有设备退出", en="Sign out everywhere"),
    "everywhere_explain": Text(
        zh="所有设备上的登录都将结束，包括当前浏览器。", en="You will be signed out on all devices, here too."
    ),
    "footer": Text(zh="通办统一身份认证", en="Tongban identity"),
}
