"""The words of the sign-in pages."""

from collections.abc import Mapping

from shared.contracts import Text

WORDS: Mapping[str, Text] = {
    "title": Text(zh="登录", en="Sign in"),
    "continue_to": Text(zh="登录后继续使用", en="to continue to"),
    "login": Text(zh="登录名", en="Login name"),
    "password": Text(zh="密码", en="Password"),
    "submit": Text(zh="登录", en="Sign in"),
    "login_missing": Text(zh="请输入登录名", en="Enter your login name"),
    "password_missing": Text(zh="请输入密码", en="Enter your password"),
    "wrong": Text(zh="登录名或密码不正确", en="The login name or password is not right"),
    "wait": Text(zh="尝试次数过多，请在 {seconds} 秒后重试", en="Too many attempts. Try again in {seconds} seconds"),
    "refused_title": Text(zh="无法登录", en="You cannot sign in from here"),
    "unknown_client": Text(
        zh="请求登录的应用或其返回地址未登记。请回到该应用重试，或联系其提供方。",
        en="The application that sent you here, or its return address, is not registered. "
        "Go back to it and try again, or tell whoever provides it.",
    ),
    "stale": Text(
        zh="此登录页面已失效。请回到刚才的应用，重新开始登录。",
        en="This sign-in page is no longer valid. Go back to the application and start again.",
    ),
    "footer": Text(
        zh="请核对地址栏中的网址后再输入密码。", en="Check the address in your browser before you enter your password."
    ),
}
