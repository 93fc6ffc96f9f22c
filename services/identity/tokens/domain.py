"""What is handed out once and used once: codes, refresh tokens, and the assertions of clients."""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta

from services.identity.oauth import InvalidGrant
from services.identity.sessions.domain import digest
from shared.aggregate import Aggregate

CODE_LIFE = timedelta(seconds=60)
NOTED = timedelta(hours=1)
"""Uses of a refresh token are noted together for so long, as long as they come from one place."""
CHALLENGE_PATTERN = r"[A-Za-z0-9_-]{43}"
VERIFIER_PATTERN = r"^[A-Za-z0-9._~-]{43,128}$"


class Reused(InvalidGrant):
    """What was shown had been used before, by somebody who had all of it: two have it, and one of them stole it."""


class Code(Aggregate):
    """A code that was handed out: in which session, to which client, against which proof. Only its digest is kept."""

    client: str
    redirect_uri: str
    challenge: str
    session: str
    scope: str
    nonce: str = ""
    acting_as: str | None = None
    """What was wanted, see `capacity`."""
    expires_at: datetime
    redeemed: bool = False

    def redeem(self, client: str, redirect_uri: str, verifier: str, now: datetime) -> None:
        """Use the code, once. Raises `InvalidGrant`, and `Reused` the second time."""
        proof = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        fits = (client, redirect_uri) == (self.client, self.redirect_uri) and hmac.compare_digest(proof, self.challenge)
        if now >= self.expires_at or not fits:
            raise InvalidGrant
        if self.redeemed:
            raise Reused
        self.redeemed = True


class Family(Aggregate):
    """Refresh tokens that follow each other: only the last is good, and whoever shows an earlier one ends them all.

    A token is `<id>.<secret>`: the id alone is known to those only who were given one of them (RFC 9700 section 4.14).
    """

    client: str
    redirect_uri: str
    session: str
    scope: str
    acting_as: str | None = None
    digest: str
    """Of the secret that is good now."""
    ended_at: datetime | None = None
    uses: int = 0
    """Since one was noted."""
    noted_at: datetime | None = None
    noted_place: str | None = None

    def rotate(self, client: str, secret: str, following: str, now: datetime) -> None:
        """Use the secret, once: `following` is good from now on. Raises `InvalidGrant`, and `Reused` for an earlier
        one. `now` is before its session's end, which its caller looks at."""
        if client != self.client or self.ended_at is not None or (self.wake_at is not None and now >= self.wake_at):
            raise InvalidGrant
        if not hmac.compare_digest(digest(secret), self.digest):
            raise Reused
        self.digest = digest(following)

    def use(self, place: str | None, now: datetime) -> int:
        """How many uses are to be noted with this one: the first, one from another place, and then once an hour."""
        self.uses += 1
        if self.noted_at is not None and place == self.noted_place and now < self.noted_at + NOTED:
            return 0
        told, self.uses, self.noted_at, self.noted_place = self.uses, 0, now, place
        return told

    def end(self, now: datetime) -> None:
        """None of them is good any more."""
        self.ended_at = self.ended_at or now


class Assertion(Aggregate):
    """A client proved by it who it is (RFC 7523): kept until it expires, so that it does so once."""
