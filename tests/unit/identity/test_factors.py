"""Factors and the codes that people type: rules without I/O."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from services.identity.factors.codes import (
    ALPHABET,
    address,
    grouped,
    new_recovery_codes,
    new_secret,
    normal,
    picture,
    spelled,
    step_of,
)
from services.identity.factors.commands import beside
from services.identity.factors.domain import Factors, Passkey, WrongFactor, factors_id
from services.identity.factors.passkeys import Site
from services.identity.factors.sites import site_of
from services.identity.sessions.domain import Session, Shown
from services.identity.vault import Vault
from shared.errors import Conflict, NotFound

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
RFC_SECRET = b"12345678901234567890"


def factors() -> Factors:
    return Factors(id=factors_id("person-li-na"), person="person-li-na")


def passkey(id_: str, counter: int = 0) -> Passkey:
    return Passkey(id=id_, public_key="x", counter=counter, is_synced=False, name="Phone", added_at=NOW)


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")],
)
def test_codes_are_those_of_rfc_6238(seconds: int, code: str) -> None:
    """Appendix B there, of whose eight digits an app shows the last six."""
    assert step_of(RFC_SECRET, code, datetime.fromtimestamp(seconds, UTC)) == seconds // 30


@pytest.mark.parametrize("typed", ["", "28708", "2870820", "28708x", "٢٨٧٠٨٢", "-87082"])
def test_what_is_no_code_is_of_no_time(typed: str) -> None:
    assert step_of(RFC_SECRET, typed, datetime.fromtimestamp(59, UTC)) is None


def test_a_step_is_used_once_and_time_does_not_go_back() -> None:
    one = factors()
    one.add_app("closed", 10, NOW)
    for step in (9, 10):
        with pytest.raises(WrongFactor):
            one.use_code("closed", step)
    one.use_code("closed", 11)
    with pytest.raises(WrongFactor):
        one.use_code("closed", 11)
    with pytest.raises(WrongFactor):
        one.use_code("another secret", 12)


@pytest.mark.parametrize(
    ("kept", "told", "is_right"), [(0, 0, True), (0, 1, True), (5, 6, True), (5, 5, False), (5, 0, False)]
)
def test_a_counter_goes_on_or_is_none(kept: int, told: int, is_right: bool) -> None:
    one = factors()
    one.add_passkey(passkey("a", kept))
    if is_right:
        one.use_passkey("a", told, NOW)
        assert (one.passkeys[0].counter, one.passkeys[0].used_at) == (told, NOW)
    else:
        with pytest.raises(WrongFactor):
            one.use_passkey("a", told, NOW)


def test_a_passkey_is_there_once_and_removed_once() -> None:
    one = factors()
    one.add_passkey(passkey("a"))
    with pytest.raises(Conflict):
        one.add_passkey(passkey("a"))
    one.remove_passkey("a", NOW)
    with pytest.raises(NotFound):
        one.remove_passkey("a", NOW)


def test_adding_ends_nothing_and_taking_away_ends_what_stood_on_it() -> None:
    one = factors()
    one.add_app("closed", 1, NOW)
    one.renew_recovery(["x"], NOW)
    one.add_passkey(passkey("a"))
    assert (one.token_version, one.recorded) == (1, [])
    taking: tuple[Callable[[], None], ...] = (
        lambda: one.add_app("another", 1, NOW),
        lambda: one.renew_recovery(["y"], NOW),
        lambda: one.remove_app(NOW),
        lambda: one.remove_passkey("a", NOW),
    )
    for version, act in enumerate(taking, 2):
        act()
        assert one.token_version == version
        assert one.recorded[-1]["data"]["scope"] == "factors:person-li-na"
    assert one.recovery == [], "alone they are no factor"
    one.clear(NOW)
    assert one.token_version == 5, "there was nothing"


def test_recovery_codes_are_readable_and_each_is_another() -> None:
    codes = new_recovery_codes(10)
    assert len(set(codes)) == 10
    assert all(len(code) == 25 and set(code) <= set(ALPHABET) for code in codes)
    assert not set("ilou") & set(ALPHABET)


@given(st.text(alphabet=ALPHABET, min_size=25, max_size=25))
def test_a_recovery_code_is_known_however_it_is_typed(code: str) -> None:
    shown = grouped(code)
    assert len(shown) == 29
    for typed in (shown, shown.upper(), f" {shown.replace('-', ' ')} ", shown.replace("0", "O").replace("1", "l")):
        assert normal(typed) == code


def test_an_app_is_told_its_secret_by_text_and_picture() -> None:
    secret = new_secret()
    assert base64.b32decode(spelled(secret).replace(" ", "")) == secret
    told = address(secret, "li.na")
    assert told.startswith("otpauth://totp/Tongban:li.na?")
    assert {"digits=6", "period=30", "algorithm=SHA1"} <= set(told.partition("?")[2].split("&"))
    drawn = picture(told)
    assert drawn.startswith("<svg")
    assert "viewBox" in drawn
    assert "style" not in drawn


@pytest.mark.parametrize(
    ("issuer", "site"),
    [
        ("https://id.example.org", Site("id.example.org", "https://id.example.org")),
        ("https://id.example.org:8443/x", Site("id.example.org", "https://id.example.org:8443")),
        ("http://localhost:8101", Site("localhost", "http://localhost:8101")),
        ("http://127.0.0.1:8101", None),
        ("https://[2001:db8::1]", None),
    ],
)
def test_passkeys_are_for_the_issuer_s_host(issuer: str, site: Site | None) -> None:
    assert site_of(issuer) == site


def test_two_that_are_shown_beside_each_other_are_two_factors() -> None:
    assert beside(["pwd"], Shown(("otp",), 3)) == Shown(("pwd", "otp", "mfa"), 3)
    assert beside(["pwd", "otp", "mfa"], Shown(("otp",), 4)).amr == ("pwd", "otp", "mfa")
    assert beside(["hwk", "user", "pop"], Shown(("hwk", "user", "pop"), 1)).amr == ("hwk", "user", "pop")
    assert Shown().acr == "aal1"
    assert Shown(("hwk",), 1).acr == "aal2"


def test_a_session_of_two_factors_is_over_once_one_is_taken_away_unless_it_was_done_there() -> None:
    here, there, weak = (
        Session(id="session-1", person="person-li-na", user_version=1, browser="x", begun_at=NOW) for _ in range(3)
    )
    for session in (here, there):
        session.prove(Shown(("pwd", "otp", "mfa"), 1), "secret", NOW)
    here.keep(2)
    there.keep(3)
    weak.keep(2)
    assert [session.factors_version for session in (here, there, weak)] == [2, 1, None], "it was not there"
    assert [session.is_live(1, 2, NOW) for session in (here, there, weak)] == [True, False, True]


def test_who_is_known_more_or_less_surely_ends_what_says_otherwise() -> None:
    session = Session(id="session-1", person="person-li-na", user_version=1, browser="x", begun_at=NOW)
    session.prove(Shown(("hwk", "user", "pop"), 1), "secret", NOW)
    assert (session.acr, session.token_version) == ("aal2", 2)
    session.prove(Shown(("pwd", "otp", "mfa"), 1), "another", NOW)
    assert (session.acr, session.token_version) == ("aal2", 2), "as sure as before"
    session.prove(Shown(), "a third", NOW)
    assert (session.acr, session.amr, session.factors_version) == ("aal1", ["pwd"], None)
    assert [entry["data"]["scope"] for entry in session.recorded] == ["session:session-1"] * 2


def test_what_is_closed_opens_about_the_same_only() -> None:
    vault, other = Vault("a passphrase for tests"), Vault("another passphrase of ours")
    closed = vault.close(b"secret", "app person-li-na")
    assert closed != vault.close(b"secret", "app person-li-na")
    assert vault.open(closed, "app person-li-na") == b"secret"
    way, text = closed.split(":")
    changed = f"{way}:{base64.b64encode(bytes([base64.b64decode(text)[0] ^ 1]) + base64.b64decode(text)[1:]).decode()}"
    for keeper, text, about in (
        (vault, closed, "app person-wang-wei"),
        (other, closed, "app person-li-na"),
        (vault, changed, "app person-li-na"),
    ):
        with pytest.raises(InvalidTag):
            keeper.open(text, about)


def test_what_is_closed_says_how_and_what_was_closed_otherwise_still_opens() -> None:
    vault = Vault("a passphrase of before, 16+")
    assert vault.close(b"plain", "about").startswith("2:")
    assert vault.open("mMlqjDtfThOV7Dh8+gPUhzj3DB1zFaJ0hv5CATJnF1qk", "about") == b"plain"
    with pytest.raises(ValueError, match="way"):
        vault.open("3:mMlqjDtfThOV7Dh8+gPUhzj3DB1zFaJ0hv5CATJnF1qk", "about")


def test_a_passphrase_is_stretched_as_advised(monkeypatch: pytest.MonkeyPatch) -> None:
    """OWASP ASVS 5.0, appendix C: N at least 2^15 where r is 8 and p 3."""
    asked: list[dict[str, int]] = []

    def scrypt(_passphrase: bytes, **how: Any) -> bytes:
        asked.append({name: how[name] for name in ("n", "r", "p")})
        return b"\0" * 32

    monkeypatch.setattr("hashlib.scrypt", scrypt)
    Vault(f"a passphrase of this test alone, {id(asked)}").close(b"plain", "about")
    assert asked == [{"n": 2**15, "r": 8, "p": 3}], "and the way of before is not stretched where nobody needs it"


def test_a_digest_tells_nothing_without_the_key() -> None:
    vault, other = Vault("a passphrase for tests"), Vault("another passphrase of ours")
    assert vault.digest("address", "203.0.113.7") == Vault("a passphrase for tests").digest("address", "203.0.113.7")
    assert len({vault.digest("address", "x"), vault.digest("password", "x"), other.digest("address", "x")}) == 3


def test_the_handle_that_devices_keep_does_not_name_the_person() -> None:
    assert b"li" not in factors().handle.removeprefix(b"factors-").translate(None, b"0123456789abcdef")
    assert len(factors().handle) <= 64
