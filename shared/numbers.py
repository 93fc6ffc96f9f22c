"""Numbers whose form can be checked without asking anybody: of people (GB 11643-1999), of companies (GB 32100-2015).

A number in order exists on paper only: whose it is, its register says. The check characters find every single wrong
character and every swap of two neighbours.
"""

import re
import unicodedata
from datetime import date
from typing import Literal

NumberFault = Literal["format", "region", "birth_date", "check_character"]

_ID_NUMBER = re.compile(r"[1-9]\d{16}[\dX]", re.ASCII)
_ID_WEIGHTS = tuple(2 ** (17 - n) % 11 for n in range(17))
_ID_CHECKS = "10X98765432"
"""ISO/IEC 7064 MOD 11-2: the check character by the weighted sum of the others."""
_GROUPS = ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 83))
PROVINCES = frozenset(str(code) for first, last in _GROUPS for code in range(first, last + 1))
"""First two digits of a region (GB/T 2260), with those of Taiwan, Hong Kong and Macao on residence permits."""
LONGEST_LIFE = 150
"""Years. The standard's own example was born in 1880."""

CREDIT_CODE_LETTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""Without I, O, S, V and Z, which look like others; a character's place is its value."""
_CREDIT_CODE = re.compile(rf"[{CREDIT_CODE_LETTERS}]{{2}}\d{{6}}[{CREDIT_CODE_LETTERS}]{{10}}", re.ASCII)
_CREDIT_WEIGHTS = tuple(3**n % 31 for n in range(17))


def plain(text: str) -> str:
    """A number as it is meant, however it was typed: no spaces, capital letters, full-width ones made plain."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).upper()


def id_number_fault(number: str, today: date) -> NumberFault | None:
    """What is wrong with a resident ID number (公民身份号码): 6 digits region, 8 birth date, 3 sequence, 1 check."""
    if _ID_NUMBER.fullmatch(number) is None:
        return "format"
    if number[:2] not in PROVINCES:
        return "region"
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return "birth_date"
    if not 0 <= today.year - born.year <= LONGEST_LIFE or born > today:
        return "birth_date"
    total = sum(int(digit) * weight for digit, weight in zip(number[:17], _ID_WEIGHTS, strict=True))
    return None if number[17] == _ID_CHECKS[total % 11] else "check_character"


def credit_code_fault(code: str) -> NumberFault | None:
    """What is wrong with a unified social credit code (统一社会信用代码): authority, category, 6 digits region, 9
    characters organisation code, 1 check."""
    if _CREDIT_CODE.fullmatch(code) is None:
        return "format"
    values = [CREDIT_CODE_LETTERS.index(character) for character in code]
    total = sum(value * weight for value, weight in zip(values, _CREDIT_WEIGHTS, strict=False))
    return None if (total + values[17]) % 31 == 0 else "check_character"
