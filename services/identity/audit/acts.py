"""Every kind of act that identity notes: one function each, which says exactly what is in the record.

To add one, add a function here, and call it where the act is done: with `noting` in the change of an aggregate, with
`record` on a new one, or, where nothing changes, with `desk.audit.sheets`.
"""

from collections.abc import Sequence
from functools import partial

from shared.audit.actors import of_service
from shared.audit.sheets import Limit
from shared.contracts.acts import Actor
from shared.contracts.identity import ActNoted

IDENTITY = of_service("identity")
"""Identity itself, by its clock or its settings."""
SEVERAL = "several"
REFUSALS = Limit(free=10, seconds=60, places=50)
PROGRAMS = Limit(free=1, seconds=3600, places=10_000)

_refused = partial(ActNoted, result="refused")

# -- people come and go ----------------------------------------------------------------------------------------


def signed_in(by: Actor, session: str) -> ActNoted:
    """A person began a session."""
    return ActNoted(act="signed-in", by=by, on=session)


def sign_in_refused(by: Actor, whom: str, ground: str) -> ActNoted:
    """Somebody could not sign in. `whom`: the account they tried, or a digest of a name that is none."""
    return _refused(act="sign-in-refused", by=by, on=whom, ground=ground)


def signed_out(by: Actor, session: str) -> ActNoted:
    """A person left, in the browser."""
    return ActNoted(act="signed-out", by=by, on=session)


def session_ended(by: Actor, session: str, ground: str) -> ActNoted:
    """A session is over: `by-hand`, `signed-in-again`, `account-changed`, `everywhere`, `over`."""
    return ActNoted(act="session-ended", by=by, on=session, ground=ground)


def signed_out_everywhere(by: Actor, person: str) -> ActNoted:
    """All tokens of a person were ended; each session follows. By the person or by an operator."""
    return ActNoted(act="signed-out-everywhere", by=by, on=person)


# -- accounts --------------------------------------------------------------------------------------------------


def account_opened(by: Actor, person: str) -> ActNoted:
    """A person can sign in from now on."""
    return ActNoted(act="account-opened", by=by, on=person)


def account_changed(by: Actor, person: str, fields: Sequence[str]) -> ActNoted:
    """A person's account is another one now; where that is the password alone, that is the act."""
    if list(fields) == ["password"]:
        return ActNoted(act="password-changed", by=by, on=person)
    return ActNoted(act="account-changed", by=by, on=person, fields=list(fields))


def client_opened(by: Actor, client: str) -> ActNoted:
    """A program was registered."""
    return ActNoted(act="client-opened", by=by, on=client)


def client_changed(by: Actor, client: str, fields: Sequence[str]) -> ActNoted:
    """A program's account is another one now."""
    return ActNoted(act="client-changed", by=by, on=client, fields=list(fields))


# -- tokens ----------------------------------------------------------------------------------------------------


def token_given(by: Actor, client: str) -> ActNoted:
    """An application got tokens for who is signed in."""
    return ActNoted(act="token-given", by=by, on=client)


def token_refreshed(by: Actor, client: str, count: int) -> ActNoted:
    """It got further ones: so many since that was noted last."""
    return ActNoted(act="token-refreshed", by=by, on=client, count=count)


def token_given_up(by: Actor, client: str) -> ActNoted:
    """It gave its refresh tokens up."""
    return ActNoted(act="token-given-up", by=by, on=client)


def token_reused(by: Actor, session: str, ground: str) -> ActNoted:
    """A `code` or `refresh-token` was shown again by who had all of it: two have it, so its session is over."""
    return _refused(act="token-reused", by=by, on=session, ground=ground)


def program_token_given(by: Actor, client: str) -> ActNoted:
    """A program got a token of its own: the first in an hour, and then how many more."""
    return ActNoted(act="program-token-given", by=by, on=client)


def token_refused(by: Actor, client: str, ground: str) -> ActNoted:
    """Somebody got no token. `client`: the program they said they are, where there is one."""
    return _refused(act="token-refused", by=by, on=client, ground=ground)


# -- keys, organisations, operation ----------------------------------------------------------------------------


def key_made(by: Actor, kid: str) -> ActNoted:
    """There is a key that will sign."""
    return ActNoted(act="key-made", by=by, on=kid)


def key_rotated(by: Actor, kid: str) -> ActNoted:
    """The next key signs, earlier than planned."""
    return ActNoted(act="key-rotated", by=by, on=kid)


def key_destroyed(by: Actor, kid: str) -> ActNoted:
    """A key proves nothing any more."""
    return ActNoted(act="key-destroyed", by=by, on=kid)


def division_published(by: Actor, division: str) -> ActNoted:
    """A division's row was put in force."""
    return ActNoted(act="division-published", by=by, on=division)


def organisation_published(by: Actor, organisation: str) -> ActNoted:
    """An organisation's row was put in force, with its duties."""
    return ActNoted(act="organisation-published", by=by, on=organisation)


def parked_retried(by: Actor, where: str, count: int) -> ActNoted:
    """Records that stand still are to be tried again."""
    return ActNoted(act="parked-retried", by=by, on=where, count=count)


def parked_dropped(by: Actor, where: str, count: int) -> ActNoted:
    """Records that stand still were given up for good."""
    return ActNoted(act="parked-dropped", by=by, on=where, count=count)


def parked_read(by: Actor, where: str, count: int) -> ActNoted:
    """The bytes of records that stand still were looked at: they may be about people."""
    return ActNoted(act="parked-read", by=by, on=where, count=count)


def replay_started(by: Actor, since: str) -> ActNoted:
    """Journals are published again."""
    return ActNoted(act="replay-started", by=by, on=since)


def act_forbidden(by: Actor, route: str) -> ActNoted:
    """A known caller tried what they may not."""
    return _refused(act="act-forbidden", by=by, on=route, ground="forbidden")


# -- the records themselves ------------------------------------------------------------------------------------


def audit_read(by: Actor, on: str) -> ActNoted:
    """Somebody looked at what was noted: about whom or what, or `all`."""
    return ActNoted(act="audit-read", by=by, on=on)


def audit_dropped(by: Actor, day: str, count: int) -> ActNoted:
    """The records of a day were dropped by their age."""
    return ActNoted(act="audit-dropped", by=by, on=day, count=count)
