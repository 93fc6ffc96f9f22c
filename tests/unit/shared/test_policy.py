"""Rules and their reasons."""

from datetime import date

import pytest

from shared.caller import Caller
from shared.policy import EVERYBODY, OPERATOR, PERSON, SYSTEM, Act, Rule, at_post, covers, officer, standing

LI = Caller("person-li", "person", None, None, "web")
CLERK = Caller("person-liu", "officer", "police", "210203", "web", "session-1", frozenset({"clerk"}))
BOTH = Caller("person-wu", "officer", "police", "2102", "web", "session-2", frozenset({"clerk", "head"}))
NEWER = Caller("person-wang", "officer", "police", "2102", "web", "session-3", frozenset({"a-role-of-2030"}))
SYSTEM_OF_POLICE = Caller("police-system", "department", "police", None, "police-system")
STRAY_SYSTEM = Caller("stray", "department", None, None, "stray")
STRAY_OFFICER = Caller("person-x", "officer", None, None, "web", "session-4", frozenset({"head"}))
RUNS_IT = Caller("operator", "operator", None, None, "operator")
ALL = (LI, CLERK, BOTH, NEWER, SYSTEM_OF_POLICE, STRAY_SYSTEM, STRAY_OFFICER, RUNS_IT)


@pytest.mark.parametrize(
    ("rule", "lets_in"),
    [
        (EVERYBODY, set(ALL)),
        (PERSON, {LI}),
        (OPERATOR, {RUNS_IT}),
        (SYSTEM, {SYSTEM_OF_POLICE}),
        (officer(), {CLERK, BOTH, NEWER}),
        (officer("head"), {BOTH}),
        (officer("head", "clerk"), {CLERK, BOTH}),
        (officer("steward"), set()),
        (officer("head") | PERSON | OPERATOR, {BOTH, LI, RUNS_IT}),
    ],
)
def test_a_rule_lets_in_whom_it_names_and_nobody_else(rule: Rule, lets_in: set[Caller]) -> None:
    assert {caller for caller in ALL if rule(caller)} == lets_in


@pytest.mark.parametrize(
    ("caller", "organisation", "division", "yes"),
    [
        (CLERK, "police", "210203", True),
        (CLERK, "police", "210203001", True),
        (CLERK, "police", "2102", False),
        (CLERK, "police", "210204", False),
        (CLERK, "hrss", "210203", False),
        (SYSTEM_OF_POLICE, "police", "210203", True),
        (LI, "police", "210203", False),
        (RUNS_IT, "police", "210203", False),
    ],
)
def test_a_place_covers_itself_and_all_below_it(caller: Caller, organisation: str, division: str, yes: bool) -> None:
    assert covers(caller, organisation, division) is yes


def test_a_right_says_whom_the_act_is_for_and_what_one_is() -> None:
    act = Act("cases.decide", "作出决定", "decide", OPERATOR | officer("clerk", "head"))
    no, yes = act.explained(LI, standing(LI)), act.explained(BOTH, standing(BOTH))
    assert (no.act, no.allowed, yes.allowed) == ("cases.decide", False, True)
    whom = "this is for an operator of the network or an officer with the role clerk or head"
    assert no.why.en == f"No: {whom}; you came as a person, in your own name."
    assert yes.why.en == f"Yes: {whom}; you hold the post police.2102 with the roles clerk, head."
    assert no.why.zh == "不可以：此操作面向网络运营人员或角色为经办人或负责人的工作人员；您以个人身份登录。"
    assert standing(SYSTEM_OF_POLICE).en == "you are a system of police"
    assert standing(NEWER).zh == "您担任 police.2102 岗位，角色：a-role-of-2030"


def test_a_post_says_until_when_and_for_whom() -> None:
    told = at_post("police.2102", [], date(2026, 12, 31), ["person-zhang", "person-wu"])
    held = "you hold the post police.2102 without any role until 2026-12-31"
    assert told.en == f"{held}, standing in for person-zhang and person-wu"
    assert told.zh == "您担任 police.2102 岗位，角色：无，至 2026-12-31，代 person-zhang、person-wu"
