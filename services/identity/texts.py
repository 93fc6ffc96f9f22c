"""The words that all pages of identity share, and the language a reader gets."""

from collections.abc import Mapping
from typing import Literal, get_args

from shared.contracts import Text

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

FRAME: Mapping[str, Text] = {
    "lang": Text(zh="zh-CN", en="en"),
    "skip": Text(zh="跳到正文", en="Skip to main content"),
    "brand": Text(zh="政务服务", en="city services"),
    "other": Text(zh="English", en="中文"),
    "other_lang": Text(zh="en", en="zh-CN"),
    "error_prefix": Text(zh="错误：", en="Error: "),
    "account": Text(zh="我的账户", en="Your account"),
    "my_sessions": Text(zh="登录设备", en="Where you are signed in"),
    "my_factors": Text(zh="登录验证", en="How you prove who you are"),
    "my_password": Text(zh="密码", en="Password"),
    "my_mandates": Text(zh="我的委托", en="Mandates"),
    "my_consents": Text(zh="授权的应用", en="Applications you let in"),
    "sign_out": Text(zh="退出登录", en="Sign out"),
    "back": Text(zh="返回", en="Back"),
    "summary": Text(zh="请更正以下内容", en="There is a problem"),
}


def words(language: Language, own: Mapping[str, Text]) -> dict[str, str]:
    """All words of a page in one language: the frame's and its own."""
    return {key: text.within(language) for key, text in {**FRAME, **own}.items()}


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
