"""Posts, substitutions, and those who hold them: their rules, pure. Days are the city's, both ends included."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.identity.revocable import Revocable
from shared.caller import Role
from shared.clock import city_date
from shared.contracts.identity import SubstitutionArranged, SubstitutionEnded
from shared.day import Day, city_midnight
from shared.divisions import and_above
from shared.errors import Conflict, Fault, NotFound

SUBSTITUTION_PATTERN = r"^substitution-[a-z0-9]+(-[a-z0-9]+)*$"
MOST = 20
"""Posts of one person, and substitutions: more is a slip."""
A_DAY = timedelta(days=1)
EVERYWHERE = "*"


class PostNotHeld(Conflict):
    """The person has no such post now."""

    code = "post_not_held"

    def __init__(self) -> None:
        super().__init__("The person does not hold this post now")


class Post(BaseModel):
    """What an officer is: the department, the division it is for, the roles there, and the days, if not for good."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    organisation: str
    division: str
    roles: list[Role] = Field(min_length=1, max_length=MOST)
    since: Day | None = None
    until: Day | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.since is not None and self.until is not None and self.until < self.since:
            raise ValueError("it would end before it begins")
        if len(set(self.roles)) < len(self.roles):
            raise ValueError("a role is there twice")
        return self

    @property
    def place(self) -> str:
        """What tells one post of a person from the others."""
        return f"{self.organisation}.{self.division}"

    def is_held(self, first: date, last: date) -> bool:
        """Whether it is held on a day from `first` to `last`."""
        return (self.since is None or self.since <= last) and not self.is_over(first)

    def is_over(self, today: date) -> bool:
        """Whether its last day is over."""
        return self.until is not None and self.until < today

    def turns(self) -> list[datetime]:
        """When it begins, and when it is over."""
        began = [city_midnight(self.since)] if self.since is not None else []
        return [*began, city_midnight(self.until + A_DAY)] if self.until is not None else began


class Standing(Post):
    """To stand in for an officer (`instead_of`) at a post of theirs, from one day to another."""

    since: Day
    until: Day
    instead_of: str = Field(max_length=64)


class Substitution(Standing):
    """A substitution as it is kept, with its id."""

    id: str = Field(pattern=SUBSTITUTION_PATTERN, max_length=80)


class Held(BaseModel):
    """A post as somebody holds it on a day, by whatever right. `id`: `<organisation>.<division>`.

    `until`: the day after which it is less or nothing. `instead_of`: for whom the holder stands in there.
    """

    id: str
    organisation: str
    division: str
    roles: list[Role]
    until: date | None
    instead_of: list[str]

    @classmethod
    def of(cls, parts: Sequence[Post]) -> "Held":
        """What several rights to one post make together."""
        ends = [part.until for part in parts if part.until is not None]
        return cls(
            id=parts[0].place,
            organisation=parts[0].organisation,
            division=parts[0].division,
            roles=sorted({role for part in parts for role in part.roles}),
            until=min(ends, default=None),
            instead_of=[part.instead_of for part in parts if isinstance(part, Standing)],
        )


class Holder(Revocable):
    """Somebody who may hold posts. A token says one of them: what makes it untrue ends the tokens that were given."""

    posts: list[Post] = Field(default_factory=list)
    substitutions: list[Substitution] = Field(default_factory=list)
    """Those that are not over."""
    listed_under: list[str] = Field(default_factory=list)
    """On which lists of officers: see `lists`."""

    @model_validator(mode="before")
    @classmethod
    def _one_post(cls, document: Any) -> Any:
        """Documents from before there could be several hold one `post` without roles; all officers decided cases."""
        if isinstance(document, dict) and "posts" not in document and document.get("post"):
            return document | {"posts": [{**document["post"], "roles": ["clerk"]}]}
        return document

    def held(self, now: datetime) -> list[Held]:
        """The posts that are held at that moment: one's own in the order they were given, then those one stands in at.
        Several rights to one post are one post."""
        today, parts = city_date(now), dict[str, list[Post]]()
        for part in self._rights():
            if part.is_held(today, today):
                parts.setdefault(part.place, []).append(part)
        return [Held.of(found) for found in parts.values()]

    def post_for(self, wanted: str | None, now: datetime) -> Held | None:
        """The post a token is to say: the one that was asked for by its id, else the first; `None`: a person without.

        Raises `PostNotHeld` where the one that was asked for is not held now.
        """
        held = self.held(now)
        if wanted is None:
            return held[0] if held else None
        if (found := next((post for post in held if post.id == wanted), None)) is None:
            raise PostNotHeld
        return found

    def kind(self, now: datetime) -> Literal["person", "officer"]:
        """What tokens say that are given now."""
        return "officer" if self.held(now) else "person"

    def arrange(self, substitution: Substitution, now: datetime) -> None:
        """Stand in for somebody, or other than so far; the same one again changes nothing. Raises `Conflict`."""
        kept = [one for one in self.substitutions if one.id != substitution.id]
        if substitution in self.substitutions:
            return
        if len(kept) == MOST:
            raise Conflict(f"Somebody stands in for others {MOST} times at the most", code="too_many_substitutions")
        told = substitution.model_dump(exclude={"id"})
        self.record(SubstitutionArranged(substitution=substitution.id, account=self.id, **told), now)
        self._end_tokens_if(self._hold(self.posts, [*kept, substitution], now), now)

    def withdraw(self, id_: str, now: datetime) -> None:
        """Stand in no more. Raises `NotFound`."""
        kept = [one for one in self.substitutions if one.id != id_]
        if len(kept) == len(self.substitutions):
            raise NotFound("There is no such substitution")
        self.record(SubstitutionEnded(substitution=id_, account=self.id, reason="withdrawn"), now)
        self._end_tokens_if(self._hold(self.posts, kept, now), now)

    def wake(self, now: datetime) -> None:
        """A day has begun on which something is held, or is not any more."""
        if self.wake_at is not None and self.wake_at <= now:
            self._end_tokens_if(self._hold(self.posts, self.substitutions, now), now)

    def sign_out(self, now: datetime) -> None:
        """End all sessions and tokens."""
        self.revoke(f"user:{self.id}", now)

    def _end_tokens_if(self, untrue: bool, now: datetime) -> None:
        if untrue:
            self.sign_out(now)

    def _rights(self) -> list[Post]:
        return [*self.posts, *self.substitutions]

    def _hold(self, posts: Sequence[Post], substitutions: Sequence[Substitution], now: datetime) -> bool:
        """Hold these from now on; whether what a token says that was given may be untrue now."""
        today = city_date(now)
        # Since the day before a turn that is due, nobody has looked.
        seen = city_date(self.wake_at) - A_DAY if self.wake_at is not None and self.wake_at <= now else today
        before = [right for right in self._rights() if right.is_held(seen, today)]
        # On a day between without a post, tokens were given that say nothing of any.
        turns = {day for right in before for day in map(city_date, right.turns()) if seen < day <= today}
        was_officer = all(any(right.is_held(day, day) for right in before) for day in {seen, *turns})
        self.posts, self.substitutions = list(posts), self._running(posts, substitutions, now)
        self.listed_under = sorted({place for right in self._rights() for place in lists(right)})
        self.wake_at = min((turn for right in self._rights() for turn in right.turns() if turn > now), default=None)
        held = {post.id: set(post.roles) for post in self.held(now)}
        less = any(not set(right.roles) <= held.get(right.place, set()) for right in before)
        return less or (bool(held) and not was_officer)

    def _running(
        self, posts: Sequence[Post], substitutions: Sequence[Substitution], now: datetime
    ) -> list[Substitution]:
        """The substitutions that go on. Who has no post with a department any more stands in for nobody there."""
        today, kept = city_date(now), []
        for one in substitutions:
            stays = any(post.organisation == one.organisation and not post.is_over(today) for post in posts)
            if stays and not one.is_over(today):
                kept.append(one)
                continue
            reason: Literal["over", "left"] = "over" if one.is_over(today) else "left"
            self.record(SubstitutionEnded(substitution=one.id, account=self.id, reason=reason), now)
        return kept


def lists(post: Post) -> list[str]:
    """The lists of officers that somebody is on by a post: all, those of each division that it lies in."""
    return [EVERYWHERE, *(f"{post.organisation}.{division}" for division in and_above(post.division))]


def doubles(posts: Sequence[Post]) -> list[Fault]:
    """A fault for each post that is there a second time."""
    places = [post.place for post in posts]
    return [Fault(f"/posts/{n}", "duplicate", "is there twice") for n, one in enumerate(places) if one in places[:n]]


def substitution_faults(wish: Standing, substitute: Holder, holder: Holder | None, today: date) -> list[Fault]:
    """Everything wrong with one person standing in for another, who holds the post by their own right or not."""
    faults = []
    if wish.is_over(today):
        faults.append(Fault("/until", "over", "its last day is over"))
    if not _works_for(substitute.posts, wish.organisation, today):
        faults.append(Fault("", "not_a_colleague", "only an officer of the same organisation stands in"))
    if holder is not None and holder.id == substitute.id:
        faults.append(Fault("/instead_of", "oneself", "nobody stands in for themselves"))
    elif holder is None or not _has(holder.posts, wish):
        faults.append(Fault("/instead_of", "not_held", "does not hold that post with these roles on all these days"))
    return faults


def _works_for(posts: Iterable[Post], organisation: str, today: date) -> bool:
    return any(post.organisation == organisation and not post.is_over(today) for post in posts)


def _has(posts: Iterable[Post], wish: Standing) -> bool:
    return any(
        post.place == wish.place
        and set(wish.roles) <= set(post.roles)
        and (post.since is None or post.since <= wish.since)
        and (post.until is None or wish.until <= post.until)
        for post in posts
    )
