"""The words of the page on which somebody picks what to act as."""

from collections.abc import Mapping

from shared.contracts import Text

WORDS: Mapping[str, Text] = {
    "title": Text(zh="选择办理身份", en="What do you act as?"),
    "continue_to": Text(zh="登录后继续使用", en="to continue to"),
    "oneself": Text(zh="本人：{name}", en="Yourself: {name}"),
    "post": Text(zh="{organisation}（{division}）工作人员", en="At your post: {organisation} ({division})"),
    "mandate": Text(zh="代理：{name}", en="For somebody else: {name}"),
    "submit": Text(zh="继续", en="Continue"),
    "missing": Text(zh="请选择一项；您可能已不再具有刚才的身份", en="Choose one of these, as you can act now"),
    "again": Text(zh="以其他账户登录", en="Sign in as somebody else"),
    "refused_title": Text(zh="无法继续", en="This cannot go on"),
    "stale": Text(
        zh="页面已失效，请回到应用重新登录。",
        en="This page is no longer valid. Please go back to the application and sign in again.",
    ),
    "footer": Text(zh="通办统一身份认证", en="Tongban identity"),
}
