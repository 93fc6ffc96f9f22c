"""The words of the sign-in pages."""

from typing import Literal

from shared.contracts import Text

Language = Literal["zh", "en"]

_WORDS = {
    "lang": Text(zh="zh-CN", en="en"),
    "skip": Text(zh="跳到正文", en="Skip to main content"),
    "brand": Text(zh="政务服务", en="city services"),
    "title": Text(zh="登录", en="Sign in"),
    "error_prefix": Text(zh="错误：", en="Error: "),
    "continue_to": Text(zh="登录后继续使用", en="to continue to"),
    "login": Text(zh="登录名", en="Login name"),
    "password": Text(zh="密码", en="Password"),
    "submit": Text(zh="登录", en="Sign in"),
    "other": Text(zh="English", en="中文"),
    "other_lang": Text(zh="en", en="zh-CN"),
    "summary": Text(zh="请更正以下内容", en="There is a problem"),
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


def words(language: Language) -> dict[str, str]:
    """All words in one language."""
    return {key: text.within(language) for key, text in _WORDS.items()}


def preferred(wanted: str, accepted: str) -> Language:
    """The language of `ui_locales` where it names one of ours, else of `Accept-Language`; Chinese by default."""
    for text in (wanted.split(), accepted.split(",")):
        for tag in text:
            language = tag.strip()[:2].lower()
            if language == "zh":
                return "zh"
            if language == "en":
                return "en"
    return "zh"
