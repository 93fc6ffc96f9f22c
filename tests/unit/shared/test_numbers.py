"""Numbers of people and companies: the standards' own examples, and what their check characters promise."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.numbers import CREDIT_CODE_LETTERS, PROVINCES, credit_code_fault, id_number_fault, plain

TODAY = date(2026, 3, 2)
ID_LETTERS = "0123456789X"


def id_check(body: str) -> str:
    """ISO/IEC 7064 MOD 11-2 as the standard describes it for one digit after the other, without weights."""
    rest = 0
    for digit in body:
        rest = (rest + int(digit)) * 2 % 11
    return ID_LETTERS[(12 - rest) % 11]


def credit_check(body: str) -> str:
    """The character that makes the whole a multiple of 31, found by trying."""
    total = sum(CREDIT_CODE_LETTERS.index(one) * pow(3, n, 31) for n, one in enumerate(body))
    (fitting,) = [one for n, one in enumerate(CREDIT_CODE_LETTERS) if (total + n) % 31 == 0]
    return fitting


@st.composite
def id_numbers(draw: Any) -> str:
    region = draw(st.sampled_from(sorted(PROVINCES))) + f"{draw(st.integers(0, 9999)):04}"
    born = draw(st.dates(date(1880, 1, 1), TODAY))
    body = f"{region}{born:%Y%m%d}{draw(st.integers(0, 999)):03}"
    return body + id_check(body)


@st.composite
def credit_codes(draw: Any) -> str:
    letters = st.sampled_from(CREDIT_CODE_LETTERS)
    head = "".join(draw(st.lists(letters, min_size=2, max_size=2)))
    body = f"{head}{draw(st.integers(0, 999999)):06}" + "".join(draw(st.lists(letters, min_size=9, max_size=9)))
    return body + credit_check(body)


# GB 11643-1999 prints the first two, GB 32100-2015 the other one.
@pytest.mark.parametrize("number", ["11010519491231002X", "440524188001010014"])
def test_the_standards_id_numbers_are_right(number: str) -> None:
    assert id_number_fault(number, TODAY) is None
    assert id_check(number[:17]) == number[17]


def test_the_standards_credit_code_is_right() -> None:
    assert credit_code_fault("91350100M000100Y43") is None
    assert credit_check("91350100M000100Y4") == "3"


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        ("", "format"),
        ("1101051949123100", "format"),
        ("110105491231002", "format"),  # the fifteen digits of before 1999
        ("11010519491231002x", "format"),
        ("11010519491231002X\n", "format"),
        ("１1010519491231002X", "format"),
        ("X1010519491231002X", "format"),
        ("01010519491231002X", "format"),
        ("99010519491231002X", "region"),
        ("11010519490231002X", "birth_date"),
        ("11010519491331002X", "birth_date"),
        ("11010520260303002X", "birth_date"),
        ("11010518751231002X", "birth_date"),
        ("110105194912310021", "check_character"),
    ],
)
def test_what_is_wrong_with_an_id_number_is_named(number: str, fault: str) -> None:
    assert id_number_fault(number, TODAY) == fault


@pytest.mark.parametrize("day", ["20260302", "18760302"])
def test_who_is_born_today_or_lives_long_has_a_number(day: str) -> None:
    body = f"110105{day}002"
    assert id_number_fault(body + id_check(body), TODAY) is None


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("", "format"),
        ("91350100M000100Y4", "format"),
        ("91350100M000100Y433", "format"),
        ("9135O100M000100Y43", "format"),
        ("91350100I000100Y43", "format"),
        ("91350100m000100Y43", "format"),
        ("91350100M000100Y42", "check_character"),
    ],
)
def test_what_is_wrong_with_a_credit_code_is_named(code: str, fault: str) -> None:
    assert credit_code_fault(code) == fault


@given(id_numbers())
def test_an_id_number_with_its_check_character_is_right(number: str) -> None:
    assert id_number_fault(number, TODAY) is None


@given(credit_codes())
def test_a_credit_code_with_its_check_character_is_right(code: str) -> None:
    assert credit_code_fault(code) is None


@given(id_numbers(), st.integers(0, 17), st.sampled_from(ID_LETTERS))
def test_one_wrong_character_of_an_id_number_is_found(number: str, place: int, other: str) -> None:
    wrong = number[:place] + other + number[place + 1 :]
    assert wrong == number or id_number_fault(wrong, TODAY) is not None


@given(id_numbers(), st.integers(0, 16))
def test_two_swapped_neighbours_of_an_id_number_are_found(number: str, place: int) -> None:
    wrong = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    assert wrong == number or id_number_fault(wrong, TODAY) is not None


@given(credit_codes(), st.integers(0, 17), st.sampled_from(CREDIT_CODE_LETTERS))
def test_one_wrong_character_of_a_credit_code_is_found(code: str, place: int, other: str) -> None:
    wrong = code[:place] + other + code[place + 1 :]
    assert wrong == code or credit_code_fault(wrong) is not None


@given(credit_codes(), st.integers(0, 16))
def test_two_swapped_neighbours_of_a_credit_code_are_found(code: str, place: int) -> None:
    wrong = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
    assert wrong == code or credit_code_fault(wrong) is not None


@pytest.mark.parametrize(
    "typed", ["11010519491231002x", " 110105 19491231 002X ", "１１０１０５１９４９１２３１００２Ｘ"]
)
def test_a_number_is_understood_however_it_was_typed(typed: str) -> None:
    assert plain(typed) == "11010519491231002X"
