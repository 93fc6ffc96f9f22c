"""Rules that can say why: whom an act is for, and in words why a caller may or may not do it. Pure.

A service's `policy.py` is a table of acts made of these, and functions beside it for what depends on the thing itself.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from pydantic import BaseModel

from shared.caller import Caller, Role
from shared.contracts import Text

ROLES: Mapping[Role, Text] = {
    "clerk": Text(zh="经办人", en="clerk"),
    "head": Text(zh="负责人", en="head"),
    "steward": Text(zh="数据管理员", en="data steward"),
}


@dataclass(frozen=True, slots=True)
class Party:
    """Some callers, and how they are called."""

    name: Text
    has: Callable[[Caller], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """Whom something is for: any of these parties."""

    parties: tuple[Party, ...]

    def __call__(self, caller: Caller) -> bool:
        return any(party.has(caller) for party in self.parties)

    def __or__(self, other: "Rule") -> "Rule":
        return Rule((*self.parties, *other.parties))

    @property
    def directly(self) -> "Rule":
        """The same callers, at the city's own applications only: what one has somebody else's application do goes as
        far as the city's services, and not to what would let in others or outlast the consent."""
        return Rule(tuple(_directly(party) for party in self.parties))

    @property
    def whom(self) -> Text:
        """The parties' names."""
        names = [party.name for party in self.parties]
        return Text(zh="或".join(name.zh for name in names), en=" or ".join(name.en for name in names))


def _directly(party: Party) -> Party:
    name = Text(zh=f"{party.name.zh}（经本市自有应用）", en=f"{party.name.en} at an application of the city's own")
    return Party(name, lambda caller: party.has(caller) and not caller.by_consent)


def _kind(kind: str, zh: str, en: str) -> Rule:
    return Rule((Party(Text(zh=zh, en=en), lambda caller: caller.kind == kind),))


EVERYBODY = Rule((Party(Text(zh="所有账户", en="everybody with an account"), lambda _: True),))
PERSON = _kind("person", "以个人身份登录的人", "a person in their own name")
OPERATOR = _kind("operator", "网络运营人员", "an operator of the network")
SYSTEM = Rule((
    Party(
        Text(zh="部门自有系统", en="a department's own system"),
        lambda caller: caller.kind == "department" and caller.org is not None,
    ),
))  # fmt: skip


def officer(*roles: Role) -> Rule:
    """Officers: with one of these roles at the post that they came with, or, without roles here, all of them."""
    name = Text(zh="工作人员", en="an officer")
    if roles:
        zh, en = "或".join(ROLES[role].zh for role in roles), " or ".join(roles)
        name = Text(zh=f"角色为{zh}的工作人员", en=f"an officer with the role {en}")

    def has(caller: Caller) -> bool:
        fits = not roles or not caller.roles.isdisjoint(roles)
        return caller.kind == "officer" and caller.org is not None and fits

    return Rule((Party(name, has),))


def covers(caller: Caller, organisation: str, division: str) -> bool:
    """Whether the caller works for the organisation in a division that holds the given one (codes nest by prefix)."""
    return caller.org == organisation and (caller.division is None or division.startswith(caller.division))


class Right(BaseModel):
    """Whether one may do something, and why."""

    act: str
    name: Text
    allowed: bool
    why: Text


@dataclass(frozen=True, slots=True)
class Act:
    """Something that callers do, by a code that is stable. Called with one, it says whether that one may."""

    code: str
    zh: str
    en: str
    rule: Rule

    def __call__(self, caller: Caller) -> bool:
        return self.rule(caller)

    def explained(self, caller: Caller, standing: Text) -> Right:
        """The caller's right, in words. `standing`: what the caller is, see below."""
        allowed, whom = self(caller), self.rule.whom
        zh, en = ("可以", "Yes") if allowed else ("不可以", "No")
        why = Text(zh=f"{zh}：此操作面向{whom.zh}；{standing.zh}。", en=f"{en}: this is for {whom.en}; {standing.en}.")
        return Right(act=self.code, name=Text(zh=self.zh, en=self.en), allowed=allowed, why=why)


def standing(caller: Caller) -> Text:
    """What a caller is, as far as the token says."""
    match caller.kind:
        case "officer":
            return at_post(f"{caller.org}.{caller.division}", caller.roles)
        case "department":
            return Text(zh=f"您是 {caller.org} 的系统", en=f"you are a system of {caller.org}")
        case "operator":
            return Text(zh="您是网络运营人员", en="you are an operator of the network")
    return Text(zh="您以个人身份登录", en="you came as a person, in your own name")


def at_post(post: str, roles: Iterable[str], until: date | None = None, instead_of: Iterable[str] = ()) -> Text:
    """What an officer is: by which post (`<organisation>.<division>`), with which roles, until which day, for whom."""
    named, others = sorted(roles), list(instead_of)
    in_chinese = {str(role): text.zh for role, text in ROLES.items()}
    known = "、".join(in_chinese.get(role, role) for role in named) or "无"
    held = f"with the role{'s' if len(named) > 1 else ''} {', '.join(named)}" if named else "without any role"
    zh, en = f"您担任 {post} 岗位，角色：{known}", f"you hold the post {post} {held}"
    if until is not None:
        zh, en = f"{zh}，至 {until}", f"{en} until {until}"
    if others:
        zh, en = f"{zh}，代 {'、'.join(others)}", f"{en}, standing in for {' and '.join(others)}"
    return Text(zh=zh, en=en)
