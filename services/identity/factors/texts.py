"""The words of the pages about factors."""

from collections.abc import Mapping

from shared.contracts import Text

WORDS: Mapping[str, Text] = {
    "title": Text(zh="登录验证", en="How you prove who you are"),
    "lead": Text(
        zh="除密码外再加一种验证方式：即使别人知道了您的密码，也无法登录。",
        en="With a second way beside the password, nobody signs in as you who only knows your password.",
    ),
    "needed": Text(
        zh="您要使用的服务需要第二种验证方式。请在此设置一种，然后继续。",
        en="What you want to use needs a second way. Set one up here, then go on.",
    ),
    "without": Text(zh="不设置，返回", en="Go back without one"),
    "app": Text(zh="验证器应用", en="Authenticator app"),
    "app_about": Text(
        zh="手机上的应用，每 30 秒显示一个新的六位验证码。",
        en="An app on your phone that shows a new code of six digits every 30 seconds.",
    ),
    "app_since": Text(zh="添加于 {day}", en="Added on {day}"),
    "app_add": Text(zh="添加验证器应用", en="Add an authenticator app"),
    "app_replace": Text(zh="更换为其他应用", en="Use another app"),
    "remove_app": Text(zh="移除验证器应用", en="Remove the authenticator app"),
    "passkeys": Text(zh="通行密钥", en="Passkeys"),
    "passkeys_about": Text(
        zh="用设备的指纹、面容或锁屏密码登录：无需记住密码，也不会被假网站骗走。",
        en="Sign in with the fingerprint, face or PIN of a device: without a password, and no false site can take it.",
    ),
    "passkeys_none": Text(zh="还没有通行密钥。", en="There are none yet."),
    "passkeys_nowhere": Text(
        zh="此地址是 IP 地址，浏览器不支持在此使用通行密钥。",
        en="This site is reached at an IP address, where browsers make no passkeys.",
    ),
    "passkey_added": Text(zh="添加于 {day}", en="Added on {day}"),
    "passkey_used": Text(zh="上次使用 {day}", en="last used on {day}"),
    "passkey_add": Text(zh="添加通行密钥", en="Add a passkey"),
    "passkey_remove": Text(zh="移除", en="Remove"),
    "passkey_remove_which": Text(zh="通行密钥“{name}”", en="the passkey “{name}”"),
    "recovery": Text(zh="恢复码", en="Recovery codes"),
    "recovery_about": Text(
        zh="手机或设备丢失时使用。剩余 {left} 个。", en="For when you lose your phone or device. {left} are left."
    ),
    "recovery_renew": Text(zh="生成新的恢复码", en="Make new recovery codes"),
    "recovery_ask": Text(zh="要生成新的恢复码吗？", en="Do you want new recovery codes?"),
    "recovery_explain": Text(
        zh="旧的恢复码将失效；其他设备上的登录也将结束。",
        en="The old ones will not work any more, and you will be signed out on your other devices.",
    ),
    "codes_title": Text(zh="请保存您的恢复码", en="Keep your recovery codes"),
    "codes_lead": Text(
        zh="它们只显示这一次。请抄写或打印，存放在安全的地方。每个只能使用一次。",
        en="They are shown this once. Write them down or print them, and keep them in a safe place. Each works once.",
    ),
    "codes_done": Text(zh="我已保存，继续", en="I have kept them, go on"),
    "others": Text(
        zh="如果怀疑有人用过您的账户，请查看登录设备。", en="If somebody else may have used your account, look at"
    ),
    "app_title": Text(zh="添加验证器应用", en="Add an authenticator app"),
    "app_scan": Text(
        zh="1. 在手机上打开验证器应用，扫描此二维码。",
        en="1. Open the authenticator app on your phone and scan this picture.",
    ),
    "app_picture": Text(
        zh="验证器应用用的二维码；下方有相同内容的文字", en="QR code for the app; the text below says the same"
    ),
    "app_type": Text(zh="或手动输入此密钥：", en="Or type this key into the app:"),
    "app_confirm": Text(zh="2. 输入应用显示的验证码", en="2. Enter the code that the app shows"),
    "code": Text(zh="验证码", en="Code"),
    "code_hint": Text(zh="六位数字", en="Six digits"),
    "code_missing": Text(zh="请输入验证码", en="Enter the code"),
    "wrong_code": Text(
        zh="验证码不正确。请检查手机时间是否准确，并输入新的验证码",
        en="The code is not right. See that your phone's clock is right, and enter a new one",
    ),
    "submit": Text(zh="继续", en="Continue"),
    "passkey_title": Text(zh="添加通行密钥", en="Add a passkey"),
    "passkey_lead": Text(
        zh="给它起个名字，以便以后认出是哪台设备；然后按浏览器的提示操作。",
        en="Name it, so that you know later which device it is on; then do what your browser says.",
    ),
    "name": Text(zh="名称", en="Name"),
    "name_hint": Text(zh="例如“我的手机”", en="Such as “my phone”"),
    "name_missing": Text(zh="请输入 1 至 50 个字的名称", en="Enter a name of 1 to 50 characters"),
    "passkey_submit": Text(zh="添加", en="Add"),
    "passkey_unable": Text(
        zh="此浏览器不支持通行密钥，或未启用脚本。您可以改用验证器应用。",
        en="This browser knows no passkeys, or scripts are off. Use an authenticator app instead.",
    ),
    "passkey_failed": Text(
        zh="没有创建通行密钥。请重试，或改用验证器应用。",
        en="No passkey was made. Try again, or use an authenticator app.",
    ),
    "wrong_passkey": Text(zh="无法使用这个通行密钥，请重试", en="This passkey cannot be used. Try again"),
    "passkey_known": Text(zh="这个通行密钥已添加过", en="This passkey is there already"),
    "too_many_passkeys": Text(
        zh="最多可有 10 个通行密钥，请先移除一个", en="Ten passkeys are the most. Remove one first"
    ),
    "form_used": Text(
        zh="此页面已使用过。如未看到恢复码，请生成新的恢复码。",
        en="This page was used before. If you have not seen your recovery codes, make new ones.",
    ),
    "stale": Text(zh="此页面已失效，请重试。", en="This page is no longer valid. Try again."),
    "remove_ask": Text(zh="要移除吗？", en="Do you want to remove it?"),
    "remove_app_explain": Text(
        zh="以后不能再用验证器应用登录；其他设备上的登录将结束。",
        en="You cannot sign in with the app any more, and you will be signed out on your other devices.",
    ),
    "remove_passkey_explain": Text(
        zh="以后不能再用“{name}”登录；其他设备上的登录将结束。",
        en="You cannot sign in with “{name}” any more, and you will be signed out on your other devices.",
    ),
    "remove_submit": Text(zh="移除", en="Remove"),
    "footer": Text(zh="通办统一身份认证", en="Tongban identity"),
}
