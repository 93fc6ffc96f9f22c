"""The words about passwords."""

from collections.abc import Mapping

from shared.contracts import Text

HINT = Text(
    zh="8 至 128 个字符，任何字符都可以；几个词连起来的密码好记又安全",
    en="8 to 128 characters of any kind. A few words in a row are easy to keep in mind and hard to guess",
)

REFUSED: Mapping[str, Text] = {
    "common": Text(
        zh="这个密码使用的人太多，很容易被猜到，请换一个",
        en="Many people use this password, so it is tried first. Choose another one",
    ),
    "guessable": Text(
        zh="密码不能只由姓名、登录名、手机号、生日或者本市、本服务的名称等组成，请换一个",
        en="This password is little more than a name, number or date that others know. Choose another one",
    ),
}
"""Why a password may not be chosen, by the fault's code."""

WORDS: Mapping[str, Text] = {
    "title": Text(zh="更改密码", en="Change your password"),
    "lead": Text(
        zh="更改后，除当前浏览器外，您在其他设备上的登录都将结束。",
        en="You will be signed out everywhere but in this browser.",
    ),
    "current": Text(zh="当前密码", en="Current password"),
    "current_wrong": Text(zh="请输入正确的当前密码", en="This is not your current password"),
    "current_too_short": Text(zh="请输入当前密码", en="Enter your current password"),
    "wait": Text(zh="尝试次数过多，请在 {seconds} 秒后再试", en="Too many attempts. Wait {seconds} s and try again"),
    "stale": Text(zh="此页面已失效，请重新填写", en="This page is no longer valid. Fill it in again"),
    "meanwhile": Text(
        zh="您的密码刚刚已在别处更改，本次更改未生效",
        en="Your password was changed elsewhere in the meantime. This change was not made",
    ),
    "unchanged": Text(
        zh="您的密码尚未更改：填写时间较长，需要重新验证身份。请再填写一次。",
        en="Your password is not changed yet: it took a while, so you had to prove who you are. Fill it in once more.",
    ),
    "new": Text(zh="新密码", en="New password"),
    "new_hint": HINT,
    "new_wrong": Text(zh="密码应为 8 至 128 个字符", en="A password has 8 to 128 characters"),
    "new_same": Text(zh="新密码与当前密码相同，请换一个", en="This is the password you have. Choose another one"),
    **{f"new_{code}": text for code, text in REFUSED.items()},
    "again": Text(zh="再次输入新密码", en="New password once more"),
    "again_wrong": Text(zh="两次输入的新密码不一致", en="This is not the same as the new password"),
    "submit": Text(zh="更改密码", en="Change the password"),
    "changed_title": Text(zh="密码已更改", en="Your password is changed"),
    "changed": Text(
        zh="您在其他设备上的登录已结束。下次请使用新密码登录。",
        en="You are signed out everywhere else. Next time, sign in with the new one.",
    ),
    "footer": Text(zh="通办统一身份认证", en="Tongban identity"),
}
