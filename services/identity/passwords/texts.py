"""The words about passwords."""

from collections.abc import Mapping

from shared.contracts import Text

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
