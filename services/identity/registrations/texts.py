"""The words of the registration pages."""

from collections.abc import Mapping

from services.identity.passwords.texts import HINT, REFUSED
from services.identity.texts import Language
from shared.contracts import Text

WORDS: Mapping[str, Text] = {
    "footer": Text(
        zh="请核对地址栏中的网址后再填写个人信息。",
        en="Check the address in your browser before you enter your details.",
    ),
    # the form
    "title": Text(zh="实名注册", en="Register"),
    "lead": Text(
        zh="请填写居民身份证信息，并从以下方式中任选两项核验。各项信息由登记部门核对，只答复是否一致。",
        en="You need your identity card and two of the proofs below. The offices that keep the registers check them, "
        "and tell us only whether they are right.",
    ),
    "who": Text(zh="身份信息", en="Who you are"),
    "name": Text(zh="姓名", en="Name"),
    "name_hint": Text(zh="与居民身份证一致", en="As on your identity card"),
    "id_number": Text(zh="公民身份号码", en="Citizen identity number"),
    "id_number_hint": Text(zh="18 位", en="18 characters"),
    "proofs": Text(zh="核验方式（至少两项）", en="Proofs (at least two)"),
    "proofs_hint": Text(zh="不使用的项目请留空。", en="Leave empty what you do not want to use."),
    "social-security-card": Text(zh="社会保障卡卡号", en="Social security card number"),
    "housing-fund": Text(zh="住房公积金个人账号", en="Housing fund account number"),
    "driving-licence": Text(zh="驾驶证档案编号", en="Driving licence file number"),
    "bank-card": Text(zh="银行卡卡号", en="Bank card number"),
    "send_code": Text(zh="向我发送验证码（手机核验）", en="Send me a code (proof by phone)"),
    "send_code_hint": Text(
        zh="需填写手机号和电子邮箱。本示例城市没有短信，验证码发送到电子邮箱；其他项目核验通过后发送。",
        en="Needs your phone number and mail address. This sample city sends no text messages: the code comes by mail, "
        "once the other proofs are confirmed.",
    ),
    "account": Text(zh="账号", en="Your account"),
    "mail": Text(zh="电子邮箱（选填）", en="Mail address (optional)"),
    "mail_hint": Text(zh="办理进度将通知到此邮箱", en="News about your applications goes there"),
    "phone": Text(zh="手机号（选填）", en="Phone number (optional)"),
    "login": Text(zh="登录名", en="Login name"),
    "login_hint": Text(zh="2 至 63 个小写字母、数字、点或连字符", en="2 to 63 small letters, digits, dots or hyphens"),
    "password": Text(zh="密码", en="Password"),
    "password_hint": HINT,
    "submit": Text(zh="提交核验", en="Check and register"),
    # how it stands
    "progress_title": Text(zh="核验进度", en="How your registration stands"),
    "proof": Text(zh="核验项目", en="Proof"),
    "stands": Text(zh="结果", en="Result"),
    "kind_id-card": Text(zh="居民身份证", en="Identity card"),
    "kind_social-security-card": Text(zh="社会保障卡", en="Social security card"),
    "kind_housing-fund": Text(zh="住房公积金账户", en="Housing fund account"),
    "kind_driving-licence": Text(zh="机动车驾驶证", en="Driving licence"),
    "kind_bank-card": Text(zh="银行卡", en="Bank card"),
    "kind_phone": Text(zh="手机验证码", en="Code to the phone"),
    "state_chosen": Text(zh="尚未开始", en="Not begun"),
    "state_asked": Text(zh="等待答复", en="Waiting for an answer"),
    "state_confirmed": Text(zh="已核验", en="Confirmed"),
    "state_refused": Text(zh="未通过", en="Not confirmed"),
    "waiting": Text(
        zh="正在等待登记部门答复，通常只需几秒。本页不会自动刷新。",
        en="We are waiting for the offices' answers, a few seconds as a rule. This page does not renew itself.",
    ),
    "look_again": Text(zh="查看最新结果", en="See how it stands now"),
    "code_sent": Text(
        zh="验证码已发送到您的电子邮箱，十分钟内有效。",
        en="A code is on its way to your mail address. It works for ten minutes.",
    ),
    "code": Text(zh="验证码", en="Code"),
    "code_hint": Text(zh="6 位数字", en="6 digits"),
    "go_on": Text(zh="继续", en="Continue"),
    "login_wanted": Text(
        zh="身份核验已完成，但该登录名已被使用，请另选一个。",
        en="All is confirmed. Somebody else has the login name you chose: choose another one.",
    ),
    "opened": Text(
        zh="注册完成。您现在可以登录，登录名为：", en="You are registered and can sign in. Your login name is"
    ),
    "known": Text(
        zh="您已有账号，无需再次注册。请使用原账号登录，登录名为：",
        en="You have an account already and need no other. Sign in with it. Your login name is",
    ),
    "refused": Text(
        zh="未能完成核验，账号没有开通，所填信息已删除。请核对后重新注册，或携带身份证件到窗口办理。",
        en="Not everything was confirmed, so no account was opened, and what you entered is deleted. Check your "
        "details and register again, or come to a window with your identity card.",
    ),
    "expired": Text(
        zh="本次注册已超时，所填信息已删除。请重新注册。",
        en="This registration took too long, and what you entered is deleted. Register again.",
    ),
    "anew": Text(zh="放弃本次注册，重新填写", en="Begin anew with other details"),
    "again": Text(zh="重新注册", en="Register again"),
    "sign_in": Text(zh="登录", en="Sign in"),
}

# By field and code; else by field. A text says what to do, and never repeats what was typed.
_WRONG = {
    "form_stale": Text(zh="页面已失效，请再次提交。", en="The page was open too long or is not ours: send it again"),
    "form_too_many_attempts": Text(
        zh="提交次数过多，请稍后再试，或到窗口办理。", en="Too many registrations: try again later, or come to a window"
    ),
    "name": Text(zh="请输入姓名", en="Enter your name"),
    "id_number": Text(zh="请输入 18 位公民身份号码", en="Enter your identity number: 18 characters"),
    "id_number_region": Text(
        zh="公民身份号码前两位不是有效的地区代码", en="The identity number begins with no region there is"
    ),
    "id_number_birth_date": Text(
        zh="公民身份号码中的出生日期有误", en="The identity number holds no possible date of birth"
    ),
    "id_number_check_character": Text(
        zh="公民身份号码有误，请核对是否输错或颠倒", en="The identity number has a wrong digit, or two changed places"
    ),
    "proofs": Text(zh="请至少选择两项核验方式", en="Choose at least two proofs"),
    "social_security_card": Text(
        zh="社会保障卡卡号应为 4 至 40 位字母或数字", en="A social security card number has 4 to 40 letters and digits"
    ),
    "housing_fund": Text(
        zh="住房公积金账号应为 4 至 40 位字母或数字", en="A housing fund account number has 4 to 40 letters and digits"
    ),
    "driving_licence": Text(
        zh="驾驶证档案编号应为 4 至 40 位字母或数字", en="A driving licence file number has 4 to 40 letters and digits"
    ),
    "bank_card": Text(zh="本市暂不能核验银行卡", en="Bank cards cannot be checked in this city"),
    "mail": Text(zh="请输入有效的电子邮箱", en="Enter a mail address like name@example.org"),
    "mail_missing": Text(zh="接收验证码需填写电子邮箱", en="Enter your mail address: the code is sent there"),
    "phone": Text(zh="请输入有效的手机号", en="Enter a phone number, in digits"),
    "phone_missing": Text(zh="手机核验需填写手机号", en="Enter your phone number to prove yourself by phone"),
    "login": Text(
        zh="登录名应为 2 至 63 个小写字母、数字、点或连字符",
        en="A login name has 2 to 63 small letters, digits, dots or hyphens",
    ),
    "password": Text(zh="密码应为 8 至 128 个字符", en="A password has 8 to 128 characters"),
    **{f"password_{code}": text for code, text in REFUSED.items()},
    "code": Text(zh="验证码不正确，请核对后重新输入", en="The code is not right: look at it again"),
}

_GROUNDS = {
    "no-match": Text(zh="与登记信息不一致", en="not as the register has it"),
    "no-record": Text(zh="与登记信息不一致", en="not as the register has it"),
    "code-wrong": Text(zh="验证码多次输入错误", en="the code was wrong too often"),
    "code-expired": Text(zh="验证码已过期", en="the code was too old"),
}
_UNANSWERED = Text(zh="暂时无法核验，请稍后再试", en="could not be checked now, try again later")


def wrong_text(language: Language, field: str, code: str) -> str:
    """What to say of a field with a fault of this code."""
    return (_WRONG.get(f"{field}_{code}") or _WRONG[field]).within(language)


def ground_text(language: Language, ground: str | None) -> str:
    """Why a proof is not confirmed; empty where there is no ground."""
    return _GROUNDS.get(ground, _UNANSWERED).within(language) if ground is not None else ""
