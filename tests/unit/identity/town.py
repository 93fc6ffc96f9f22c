"""A person, a program and what they are given, for tests of what ends it."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from services.identity.accounts.domain import Client, ClientWish, Person, PersonWish
from services.identity.consents.domain import Consent
from services.identity.factors.domain import Factors, Passkey
from services.identity.mandates.domain import Mandate, Terms
from services.identity.oauth import Scope
from services.identity.posts.domain import Post, Substitution
from services.identity.revocable import Revocable
from services.identity.sessions.domain import LIFE, Session, Shown
from shared.contracts.identity import PersonProven, RevocationPublished
from shared.errors import Conflict, NotFound
from shared.personal import Forgotten

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
BACK = "https://portal.example.org/back"
TODAY = NOW.date()
CITY = Post(organisation="police", division="2102", roles=["clerk"])
DISTRICT = Post(organisation="police", division="210203", roles=["clerk"])
POSTS: tuple[list[Post], ...] = (
    [],
    [CITY],
    [DISTRICT, CITY],
    [CITY.model_copy(update={"roles": ["clerk", "head"]})],
    [CITY.model_copy(update={"until": TODAY + timedelta(days=2)})],
    [CITY.model_copy(update={"since": TODAY + timedelta(days=1), "until": TODAY + timedelta(days=4)}), DISTRICT],
)
STANDING_IN = tuple(
    Substitution(
        id=f"substitution-{n}",
        organisation="police",
        division=division,
        roles=["head"],
        since=TODAY + timedelta(days=first),
        until=TODAY + timedelta(days=last),
        instead_of="person-x",
    )
    for n, (division, first, last) in enumerate([("2102", 0, 1), ("2102", 2, 3), ("210204", 1, 5), ("210204", 0, 0)])
)
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
ALL_OF_IT: list[Scope] = ["openid", "profile", "email", "services"]
AGREED: tuple[list[Scope], ...] = (["openid"], ["openid", "profile"], ["openid", "email"], ALL_OF_IT)
APPLICATION = {"kind": "application", "name": "Web", "redirect_uris": [BACK], "scopes": ALL_OF_IT}
SOMEBODY_ELSES = APPLICATION | {"asks_consent": True}
KEYS = [{"kty": "EC", "crv": "P-256", "x": letter * 43, "y": letter * 43} for letter in "ab"]
APPLICATIONS = tuple(
    ClientWish.model_validate(wish)
    for wish in (
        SOMEBODY_ELSES,
        APPLICATION,
        SOMEBODY_ELSES | {"scopes": ["openid", "profile"]},
        SOMEBODY_ELSES | {"scopes": ["openid"]},
        APPLICATION | {"scopes": ["openid"]},
        SOMEBODY_ELSES | {"jwks": KEYS},
        SOMEBODY_ELSES | {"jwks": KEYS[:1]},
    )
)


@dataclass(frozen=True)
class Given:
    """A token: what it rests on, the post that it says, and under which versions."""

    claims: Mapping[str, Any]
    says: tuple[str, frozenset[str]] | None
    addresses: frozenset[str]
    ial: int
    session: str | None
    scopes: Mapping[str, int]
    ways: frozenset[str] | None
    """The second factors that there were, where two were shown."""
    mandate: Mandate | None = None
    until: date = date.max
    scope: frozenset[str] = frozenset()
    consent: Consent | None = None
    """The person's, where the program is somebody else's."""
    keys: frozenset[str] = frozenset()


@dataclass
class Town:
    """A person, a program, sessions, what they agreed to; and what was published about them."""

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
    mandates: list[Mandate] = field(default_factory=list)
    consent: Consent | None = None
    renewed: int = 0
    lowest: dict[str, int] = field(default_factory=dict)
    given: list[Given] = field(default_factory=list)

    def publish(self) -> None:
        things: list[Revocable] = [self.person, self.client, self.factors, *self.sessions.values(), *self.mandates]
        things += [self.consent] if self.consent is not None else []
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
        return {"program": program, "password": self.person.password_hash[:1], "forgotten": self.person.forgotten_at}

    def says(self, n: int) -> tuple[str, frozenset[str]] | None:
        """The post that the next token says, with its roles; `None`: it is a person's."""
        held = self.person.held(self.now)
        post = self.person.post_for(held[n % len(held)].id if held else None, self.now)
        return (post.id, frozenset(post.roles)) if post else None

    def is_said_truly(self, said: tuple[str, frozenset[str]] | None) -> bool:
        held = {post.id: set(post.roles) for post in self.person.held(self.now)}
        return held == {} if said is None else said[1] <= held.get(said[0], set())

    def everybody_comes(self) -> None:
        """Whatever there is to be had is had: a session, a token for each post, a program's own."""
        if not any(self.is_live(id_) for id_ in self.sessions):
            self.begin(0)
        for n in range(max(1, len(self.person.held(self.now))) + 1):
            self.give(n)

    def ways(self) -> frozenset[str]:
        """All second factors there are now."""
        app = {f"app {self.factors.app.secret}"} if self.factors.app else set()
        codes = {f"codes {self.renewed}"} if self.factors.recovery else set()
        return frozenset({f"passkey {one.id}" for one in self.factors.passkeys} | app | codes)

    def is_live(self, session: str) -> bool:
        return self.sessions[session].is_live(self.person.token_version, self.factors.token_version, self.now)

    # -- acts ----------------------------------------------------------------------------------------------

    def begin(self, n: int) -> None:
        if self.person.forgotten_at is not None:  # nobody can sign in
            return
        id_ = f"session-{len(self.sessions)}"
        self.sessions[id_] = Session(
            id=id_, person=self.person.id, user_version=self.person.token_version, browser=str(n), begun_at=self.now
        )
        if n % 2:
            self.prove(len(self.sessions) - 1)
        self.give(len(self.sessions))

    def give(self, n: int) -> None:
        """A token of the program's own, or of a session that is live; to somebody else's application what the person
        agreed to, in their own name, if anything."""
        scopes, session, says, ways = {"client:web": self.client.token_version}, None, None, None
        live = [id_ for id_ in self.sessions if self.is_live(id_)]
        if live and n:
            session = live[n % len(live)]
            scopes["user:person-li-na"] = self.person.token_version
            scopes[f"session:{session}"] = self.sessions[session].token_version
            if (version := self.sessions[session].factors_version) is not None:
                scopes["factors:person-li-na"], ways = version, self.ways()
        scope, consent, mandate = frozenset(self.client.scopes), None, None
        if session is not None and self.client.asks_consent:
            consent = self.consent
            if consent is None or not consent.covers(""):
                return
            scope &= set(consent.scopes)
            scopes[f"consent:{consent.id}"] = consent.token_version
        elif session is not None:
            says = self.says(n)
            mandate = next((one for one in self.mandates if one.covers(self.now)), None) if n % 2 else None
        if mandate is not None:
            scopes[f"mandate:{mandate.id}"] = mandate.token_version
        addresses, until = frozenset(self.client.redirect_uris), mandate.terms.until if mandate else date.max
        ial = self.person.ial
        self.given.append(
            Given(
                self.facts(session), says, addresses, ial, session, scopes, ways, mandate, until, scope, consent,
                self.keys(),
            )
        )  # fmt: skip

    def keys(self) -> frozenset[str]:
        return frozenset(key.x for key in self.client.jwks)

    def revise_person(self, n: int) -> None:
        posts, hash_ = POSTS[n % len(POSTS)], "ab"[n // len(POSTS) % 2]
        wish = PersonWish(login="li.na", name=f"Li Na {n % 2}", posts=posts)
        with suppress(Forgotten):
            self.person.revise(wish, hash_, self.now)

    def stand_in(self, n: int) -> None:
        self.person.arrange(STANDING_IN[n % len(STANDING_IN)], self.now)

    def stand_in_no_more(self, n: int) -> None:
        with suppress(NotFound):
            self.person.withdraw(STANDING_IN[n % len(STANDING_IN)].id, self.now)

    def revise_client(self, n: int) -> None:
        self.client.revise(CLIENTS[n % len(CLIENTS)], "xy"[n // len(CLIENTS) % 2], self.now)

    def revise_application(self, n: int) -> None:
        """The operator narrows or widens it, and makes it somebody else's or the city's own."""
        self.client.revise(APPLICATIONS[n % len(APPLICATIONS)], None, self.now)

    def agree(self, n: int) -> None:
        """The first time, to more, or again after it was taken back."""
        scopes = AGREED[n % len(AGREED)]
        if self.consent is None:
            self.consent = Consent(
                id="consent-1", person=self.person.id, client="web", scopes=scopes, given_at=self.now
            )
        self.consent.give(scopes, self.now)

    def take_back(self, _: int) -> None:
        if self.consent is not None:
            self.consent.withdraw(self.now)

    def agree_to_less(self, n: int) -> None:
        """Which is to take it back, and to agree to something else before anybody looks."""
        self.take_back(n)
        self.agree(n)

    def end(self, n: int) -> None:
        if self.sessions:
            self.sessions[f"session-{n % len(self.sessions)}"].end(self.now)

    def rehash(self, n: int) -> None:
        if before := self.person.password_hash:  # who is forgotten has none
            self.person.rehash(before, f"{before[0]}{n}")

    def change_password(self, n: int) -> None:
        """In a session, which goes on."""
        if live := [id_ for id_ in self.sessions if self.is_live(id_)]:
            self.person.choose_password(self.person.password_hash, "cd"[n % 2], self.now)
            self.sessions[live[n % len(live)]].stay(self.person.token_version, "x")

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

    def prove_identity(self, n: int) -> None:
        """Who the person is was proven, better or worse than before: it takes nothing from anybody."""
        told = {"account": self.person.id, "ial": n % 3 + 1, "proofs": ["document"], "registration": "registration-a"}
        self.person.prove("digest", PersonProven.model_validate(told), self.now)

    def forget(self, _: int) -> None:
        with suppress(Conflict):  # an officer is not forgotten
            self.person.forget(self.now)

    def sign_out(self, _: int) -> None:
        self.person.sign_out(self.now)

    def offer(self, n: int) -> None:
        """Of ever longer mandates some are taken on, and some are the register's."""
        terms = Terms(acts=["apply"], since=NOW.date(), until=NOW.date() + timedelta(days=n), may_delegate=False)
        mandate = Mandate(
            id=f"mandate-{len(self.mandates)}", principal="person-wang", agent=self.person.id, by="person-wang",
            kind="agent", source="register" if n % 2 else "grant", terms=terms, offered_at=self.now,
        )  # fmt: skip
        if n % 3:
            mandate.accept(self.person.id, self.now)
        self.mandates.append(mandate)

    def end_mandate(self, n: int) -> None:
        if self.mandates:
            self.mandates[n % len(self.mandates)].end("register", self.now)

    def extend(self, n: int) -> None:
        if self.mandates:
            self.mandates[n % len(self.mandates)].extend(NOW.date() + timedelta(days=n), self.now)

    def sleep(self, n: int) -> None:
        """Sessions and mandates whose time is over are ended by their timers, and so are posts."""
        self.oversleep(n)
        self.person.wake(self.now)

    def oversleep(self, n: int) -> None:
        """The same, but the timer of posts is late: whatever else is done first must see to it."""
        self.now += timedelta(hours=n * 3)
        for mandate in self.mandates:
            if mandate.wake_at is not None and mandate.wake_at <= self.now:
                mandate.end("expired", self.now)
        for session in self.sessions.values():
            if self.now >= session.begun_at + LIFE:
                session.end(self.now)

    def is_due(self) -> bool:
        return self.person.wake_at is not None and self.person.wake_at <= self.now
