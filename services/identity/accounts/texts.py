"""The words of one's account page."""

from collections.abc import Mapping

from shared.contracts import Text

WORDS: Mapping[str, Text] = {
    "title": Text(zh="我的账户", en="Your account"),
    "signed_in_as": Text(zh="您已登录：", en="You are signed in as"),
    "account_number": Text(zh="账户编号：", en="Account number:"),
    "sessions_about": Text(
        zh="您在哪些设备上登录，并可从那里退出。",
        en="The browsers in which you are signed in, and signing out of them.",
    ),
    "password_about": Text(zh="更改您的登录密码。", en="Choose another one to sign in with."),
    "factors_about": Text(zh="验证器应用、通行密钥和恢复码。", en="Authenticator app, passkeys and recovery codes."),
    "mandates_about": Text(zh="谁可以代您办事，您可以代谁办事。", en="Who may act for you, and for whom you may act."),
    "consents_about": Text(
        zh="哪些应用可使用您的信息，并可收回授权。", en="Which applications know what of you, and taking it back."
    ),
    "my_data": Text(zh="我的个人信息", en="Your data"),
    "data_about": Text(
        zh="我们保存的关于您的全部信息，可查看和下载。",
        en="Everything that is kept about you, to read and to download.",
    ),
    "footer": Text(zh="通办统一身份认证", en="Tongban identity"),
}
