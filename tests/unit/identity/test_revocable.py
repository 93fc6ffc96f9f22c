"""Whatever a token says that is no longer so, it is refused: after any acts in any order."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.identity.accounts.domain import Client, ClientWish, Person, PersonWish, Post
from services.identity.factors.domain import Factors, Passkey
from services.identity.revocable import Revocable
from services.identity.sessions.domain import LIFE, Session, Shown
from shared.contracts.identity import RevocationPublished

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
BACK = "https://portal.example.org/back"
POSTS = (None, Post(organisation="police", division="2102"), Post(organisation="police", division="210203"))
CLIENTS = tuple(
    ClientWish.model_validate(wish)
    for wish in (
        {"kind": "application", "name": "Web", "redirect_uris": [BACK]},
        {"kind": "application", "name": "Web", "redirect_uris": [BACK, BACK + "/2"]},
        {"kind": "department", "name": "System", "organisation": "police"},
        {"kind": "department", "name": "System", "organisation": "police", "division": "2102"},
        {"kind": "department", "name": "System", "organisation": "hrss"},
        {"kind": "operator", "name": "System"},
    )
)


@dataclass(frozen=True)
class Given:
    """A token: what it rests on, and under which versions."""

    claims: Mapping[str, Any]
    addresses: frozenset[str]
    session: str | None
    scopes: Mapping[str, int]
    ways: frozenset[str] | None
    """The second factors that there were, where two were shown."""


@dataclass
class Town:
    """A person, a program, sessions; and what was published about them."""

    now: datetime = NOW
    person: Person = field(
        default_factory=lambda: Person(id="person-li-na", login="li.na", password_hash="a", name="Li Na")
    )
    client: Client = field(
        default_factory=lambda: Client(
            id="client-web", code="web", kind="application", name="Web", redirect_uris=[BACK]
        )
    )
    factors: Factors = field(default_factory=lambda: Factors(id="factors-1", person="person-li-na"))
    sessions: dict[str, Session] = field(default_factory=dict)
    renewed: int = 0
    lowest: dict[str, int] = field(default_factory=dict)
    given: list[Given] = field(default_factory=list)

    def publish(self) -> None:
        things: list[Revocable] = [self.person, self.client, self.factors, *self.sessions.values()]
        for thing in things:
            for entry in thing.recorded:
                if entry["type"] == RevocationPublished.type:
                    scope, lowest = entry["data"]["scope"], entry["data"]["lowest"]
                    assert lowest > self.lowest.get(scope, 0), "a version only ever rises"
                    self.lowest[scope] = lowest
            thing.take_recorded()

    def facts(self, session: str | None) -> dict[str, Any]:
        """All that a token given now would say or rest on."""
        client = self.client
        program = (client.kind, client.secret_hash, client.organisation, client.division)
        if session is None:
            return {"program": program}
        return {"program": program, "post": self.person.post, "password": self.person.password_hash[0]}

    def ways(self) -> frozenset[str]:
        """All second factors there are now."""
        app = {f"app {self.factors.app.secret}"} if self.factors.app else set()
        codes = {f"codes {self.renewed}"} if self.factors.recovery else set()
        return frozenset({f"passkey {one.id}" for one in self.factors.passkeys} | app | codes)

    def is_live(self, session: str) -> bool:
        return self.sessions[session].is_live(self.person.token_version, self.factors.token_version, self.now)

    # -- acts ----------------------------------------------------------------------------------------------

    def begin(self, n: int) -> None:
        id_ = f"session-{len(self.sessions)}"
        self.sessions[id_] = Session(
            id=id_, person=self.person.id, user_version=self.person.token_version, browser=str(n), begun_at=self.now
        )
        if n % 2:
            self.prove(len(self.sessions) - 1)
        self.give(len(self.sessions) - 1)

    def give(self, n: int) -> None:
        """A token of the program's own, or of a session that is live."""
        scopes, session, ways = {"client:web": self.client.token_version}, None, None
        live = [id_ for id_ in self.sessions if self.is_live(id_)]
        if live and n:
            session = live[n % len(live)]
            scopes["user:person-li-na"] = self.person.token_version
            scopes[f"session:{session}"] = self.sessions[session].token_version
            if (version := self.sessions[session].factors_version) is not None:
                scopes["factors:person-li-na"], ways = version, self.ways()
        self.given.append(Given(self.facts(session), frozenset(self.client.redirect_uris), session, scopes, ways))

    def revise_person(self, n: int) -> None:
        post, hash_ = POSTS[n % 3], "ab"[n // 3 % 2]
        wish = PersonWish(login="li.na", name=f"Li Na {n % 2}", post=post)
        self.person.revise(wish, hash_, self.now)

    def revise_client(self, n: int) -> None:
        self.client.revise(CLIENTS[n % len(CLIENTS)], "xy"[n // len(CLIENTS) % 2], self.now)

    def end(self, n: int) -> None:
        if self.sessions:
            self.sessions[f"session-{n % len(self.sessions)}"].end(self.now)

    def rehash(self, n: int) -> None:
        self.person.rehash(self.person.password_hash, f"{self.person.password_hash[0]}{n}")

    def prove(self, n: int) -> None:
        """With a second factor where there is one, else with the password alone."""
        if self.sessions and self.is_live(id_ := f"session-{n % len(self.sessions)}"):
            version = self.factors.token_version if self.factors.are_there else None
            self.sessions[id_].prove(Shown(factors_version=version), "x", self.now)

    def add_factor(self, n: int) -> None:
        if is_first := not self.factors.are_there:
            self.renewed += 1
        if n % 3 == 0:
            self.factors.add_app(f"secret {n}", n, self.now)
        elif f"passkey {n}" not in self.ways():
            self.factors.add_passkey(
                Passkey(id=str(n), public_key="x", counter=0, is_synced=True, name="x", added_at=self.now)
            )
        if is_first:
            self.factors.renew_recovery(["x"], self.now)

    def take_factor(self, n: int) -> None:
        """Maybe in a session, which goes on."""
        before = self.factors.token_version
        if n % 3 == 0 and self.factors.app:
            self.factors.remove_app(self.now)
        elif n % 3 == 1 and self.factors.passkeys:
            self.factors.remove_passkey(self.factors.passkeys[0].id, self.now)
        elif n == 11:
            self.factors.clear(self.now)
        elif self.factors.are_there:
            self.renewed += 1
            self.factors.renew_recovery(["x"], self.now)
        if self.sessions and self.factors.token_version != before:
            self.sessions[f"session-{n % len(self.sessions)}"].keep(self.factors.token_version)

    def sign_out(self, _: int) -> None:
        self.person.sign_out(self.now)

    def sleep(self, n: int) -> None:
        """Sessions whose time is over are ended by their timers."""
        self.now += timedelta(hours=n)
        for session in self.sessions.values():
            if self.now >= session.begun_at + LIFE:
                session.end(self.now)


ACTS: tuple[Callable[[Town, int], None], ...] = (
    Town.begin,
    Town.give,
    Town.revise_person,
    Town.revise_client,
    Town.rehash,
    Town.prove,
    Town.add_factor,
    Town.take_factor,
    Town.end,
    Town.sign_out,
    Town.sleep,
)


# There are an app and a passkey, a session of two factors and one of a password.
BEFORE = ((Town.add_factor, 0), (Town.add_factor, 1), (Town.begin, 1), (Town.begin, 2))


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 11)), max_size=25))
def test_no_token_outlives_what_it_says(acts: list[tuple[Callable[[Town, int], None], int]]) -> None:
    town = Town()
    for act, n in [*BEFORE, *acts]:
        act(town, n)
        town.publish()
        for token in town.given:
            if any(version < town.lowest.get(scope, 0) for scope, version in token.scopes.items()):
                continue
            assert token.claims == town.facts(token.session)
            assert token.addresses <= set(town.client.redirect_uris)
            assert token.session is None or town.is_live(token.session)
            if token.session is not None and token.ways is not None:
                assert token.ways <= town.ways()
                assert town.sessions[token.session].acr == "aal2"
