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
SEVERAL, PASSKEY = "several", "passkey"
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


def second_factor_refused(by: Actor, person: str, ground: str) -> ActNoted:
    """Who had shown a person's password, or has their session, did not show a second factor."""
    return _refused(act="second-factor-refused", by=by, on=person, ground=ground)


def stepped_up(by: Actor, session: str) -> ActNoted:
    """In a session the person proved again who they are; its browser has another secret."""
    return ActNoted(act="stepped-up", by=by, on=session)


def signed_out(by: Actor, session: str) -> ActNoted:
    """A person left, in the browser."""
    return ActNoted(act="signed-out", by=by, on=session)


def session_ended(by: Actor, session: str, ground: str) -> ActNoted:
    """A session is over: `by-hand`, `signed-in-again`, `account-changed`, `everywhere`, `over`,
    `factor-removed`, `password-changed`."""
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


def password_refused(by: Actor, person: str, ground: str) -> ActNoted:
    """Who wanted to change a password, in a person's session, did not know the current one."""
    return _refused(act="password-refused", by=by, on=person, ground=ground)


def client_opened(by: Actor, client: str) -> ActNoted:
    """A program was registered."""
    return ActNoted(act="client-opened", by=by, on=client)


def client_changed(by: Actor, client: str, fields: Sequence[str]) -> ActNoted:
    """A program's account is another one now."""
    return ActNoted(act="client-changed", by=by, on=client, fields=list(fields))


def account_proven(by: Actor, person: str) -> ActNoted:
    """It was proven who a person is."""
    return ActNoted(act="account-proven", by=by, on=person)


def account_forgotten(by: Actor, person: str) -> ActNoted:
    """A person was forgotten for good."""
    return ActNoted(act="account-forgotten", by=by, on=person)


def people_searched(by: Actor, kind: str) -> ActNoted:
    """An operator looked for somebody, by a login name, mail address or phone number."""
    return ActNoted(act="people-searched", by=by, on=kind)


def registration_begun(by: Actor, registration: str) -> ActNoted:
    """Somebody wants to prove who they are."""
    return ActNoted(act="registration-begun", by=by, on=registration)


def registration_went_on(by: Actor, registration: str, ground: str) -> ActNoted:
    """They typed the `code`, chose another `login`, or `left`."""
    return ActNoted(act="registration-went-on", by=by, on=registration, ground=ground)


def company_claimed(by: Actor, claim: str) -> ActNoted:
    """Somebody said that they represent a company: its register is asked."""
    return ActNoted(act="company-claimed", by=by, on=claim)


def company_kept(by: Actor, company: str) -> ActNoted:
    """A company is known, or its name or representative is another one."""
    return ActNoted(act="company-kept", by=by, on=company)


# -- factors ---------------------------------------------------------------------------------------------------


def factor_added(by: Actor, person: str, ground: str) -> ActNoted:
    """A person has an `app` or a `passkey` to prove with; an app that was there before is taken away."""
    return ActNoted(act="factor-added", by=by, on=person, ground=ground)


def factor_removed(by: Actor, person: str, ground: str) -> ActNoted:
    """The `app` or a `passkey` is taken away, or `all`, by an operator or because the person is forgotten."""
    return ActNoted(act="factor-removed", by=by, on=person, ground=ground)


def recovery_codes_made(by: Actor, person: str) -> ActNoted:
    """A person has other recovery codes."""
    return ActNoted(act="recovery-codes-made", by=by, on=person)


def recovery_code_used(by: Actor, person: str) -> ActNoted:
    """A recovery code stood in for a second factor, and is gone."""
    return ActNoted(act="recovery-code-used", by=by, on=person)


# -- posts, mandates, consents ---------------------------------------------------------------------------------


def substitution_kept(by: Actor, person: str) -> ActNoted:
    """Somebody stands in for an officer."""
    return ActNoted(act="substitution-kept", by=by, on=person)


def substitution_withdrawn(by: Actor, person: str) -> ActNoted:
    """Somebody stands in no more."""
    return ActNoted(act="substitution-withdrawn", by=by, on=person)


def mandate_offered(by: Actor, mandate: str) -> ActNoted:
    """Somebody shall act for a person or company."""
    return ActNoted(act="mandate-offered", by=by, on=mandate)


def mandate_accepted(by: Actor, mandate: str) -> ActNoted:
    """They agreed."""
    return ActNoted(act="mandate-accepted", by=by, on=mandate)


def mandate_registered(by: Actor, mandate: str) -> ActNoted:
    """A register says who acts for whom."""
    return ActNoted(act="mandate-registered", by=by, on=mandate)


def mandate_ended(by: Actor, mandate: str, ground: str) -> ActNoted:
    """Nobody acts by it any more; grounds as in the event."""
    return ActNoted(act="mandate-ended", by=by, on=mandate, ground=ground)


def consent_given(by: Actor, consent: str) -> ActNoted:
    """A person lets an application know, or do, something."""
    return ActNoted(act="consent-given", by=by, on=consent)


def consent_withdrawn(by: Actor, consent: str) -> ActNoted:
    """They took it back."""
    return ActNoted(act="consent-withdrawn", by=by, on=consent)


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


def organisation_suspended(by: Actor, organisation: str) -> ActNoted:
    """Nobody acts for an organisation."""
    return ActNoted(act="organisation-suspended", by=by, on=organisation)


def organisation_resumed(by: Actor, organisation: str) -> ActNoted:
    """It goes on."""
    return ActNoted(act="organisation-resumed", by=by, on=organisation)


def data_key_renewed(by: Actor, person: str) -> ActNoted:
    """What is kept about a person is sealed anew."""
    return ActNoted(act="data-key-renewed", by=by, on=person)


def data_keys_rewrapped(by: Actor, master: str) -> ActNoted:
    """All data keys are to be closed by this master key."""
    return ActNoted(act="data-keys-rewrapped", by=by, on=master)


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
