"""The words of the sign-in pages."""

from collections.abc import Mapping

from shared.contracts import Text

WORDS: Mapping[str, Text] = {
    "title": Text(zh="登录", en="Sign in"),
    "continue_to": Text(zh="登录后继续使用", en="to continue to"),
    "own": Text(zh="您的账户", en="your account"),
    "login": Text(zh="登录名", en="Login name"),
    "password": Text(zh="密码", en="Password"),
    "submit": Text(zh="登录", en="Sign in"),
    "login_missing": Text(zh="请输入登录名", en="Enter your login name"),
    "password_missing": Text(zh="请输入密码", en="Enter your password"),
    "wrong": Text(zh="登录名或密码不正确", en="The login name or password is not right"),
    "wait": Text(zh="尝试次数过多，请在 {seconds} 秒后重试", en="Too many attempts. Wait {seconds} s and try again"),
    "or": Text(zh="或使用通行密钥", en="Or use a passkey"),
    "passkey_hint": Text(
        zh="用设备的指纹、面容或锁屏密码登录，无需登录名和密码。",
        en="Sign in with the fingerprint, face or PIN of your device, without login name and password.",
    ),
    "passkey_submit": Text(zh="使用通行密钥登录", en="Sign in with a passkey"),
    "passkey_unable": Text(
        zh="此浏览器不支持通行密钥，或未启用脚本。请用登录名和密码登录。",
        en="This browser knows no passkeys, or scripts are off. Sign in with your login name and password.",
    ),
    "passkey_failed": Text(
        zh="没有收到通行密钥的回应。请重试，或用其他方式登录。",
        en="No passkey answered. Try again, or sign in another way.",
    ),
    "wrong_passkey": Text(
        zh="这个通行密钥在此无效。请用其他方式登录。", en="This passkey is not valid here. Sign in another way."
    ),
    "second_title": Text(zh="第二步验证", en="Confirm that it is you"),
    "code": Text(zh="验证器应用中的验证码", en="Code from your authenticator app"),
    "code_hint": Text(zh="六位数字，每个验证码只能使用一次", en="Six digits. Each code works once"),
    "code_missing": Text(zh="请输入验证码", en="Enter the code"),
    "wrong_code": Text(
        zh="验证码不正确或已使用过。请等待下一个验证码", en="The code is not right, or was used. Wait for the next one"
    ),
    "code_submit": Text(zh="继续", en="Continue"),
    "second_passkey_hint": Text(
        zh="用设备的指纹、面容或锁屏密码确认。", en="Confirm with the fingerprint, face or PIN of your device."
    ),
    "second_passkey_submit": Text(zh="使用通行密钥", en="Use a passkey"),
    "second_passkey_unable": Text(
        zh="此浏览器不支持通行密钥，或未启用脚本。请启用脚本，或使用恢复码。",
        en="This browser knows no passkeys, or scripts are off. Switch scripts on, or use a recovery code.",
    ),
    "recovery_title": Text(zh="无法使用上述方式？", en="You cannot do this?"),
    "recovery": Text(zh="恢复码", en="Recovery code"),
    "recovery_hint": Text(
        zh="设置验证方式时保存的 25 位代码，每个只能使用一次",
        en="One of the codes of 25 characters that you kept. Each works once",
    ),
    "wrong_recovery": Text(zh="恢复码不正确或已使用过", en="The recovery code is not right, or was used"),
    "recovery_submit": Text(zh="使用恢复码", en="Use the recovery code"),
    "again": Text(zh="以其他身份登录", en="Sign in as somebody else"),
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
