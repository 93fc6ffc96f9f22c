"""Keyed digests are kept in stores for good: each value stays what it was."""

from services.identity.lookup import Lookup
from services.identity.vault import Vault
from shared.audit.actors import Places
from shared.lookup import keyed_digest, keyed_hash

SECRET = "a passphrase for tests"
KEY = "a key for tests, long enough for it"


def test_what_stores_hold_is_found_again() -> None:
    number = Lookup(KEY).digest("id-number", "210299199003074025")
    assert number == "b13f93158c4d6dac6fc354a722deb5aee0ddec21554b6ab31a720ec380e16a0b"
    window = Vault(SECRET).digest("address", "28 203.0.113.7")
    assert window == "1b06d149a81f88d79de4d262686a59b597fa5e569842688187ad2cd6ca0e4e52", "counts of a day at the most"
    mail = keyed_hash(KEY.encode(), "mail", " Li.Na@Example.org")
    assert mail == "f526bc27fc94eb371d264a7c628f9258707861fee07b37edb25aecff72f69734"
    places = Places(Vault(SECRET).key("audit places"))
    assert places.of("203.0.113.7") == "ra2atfqvm3rm"
    assert [places.digest("login", typed) for typed in ("Li.Na", "x\ud800")] == ["3v47ejogik4e", "3h3l4o7f5mrk"]


def test_only_the_very_text_of_that_kind_under_that_key_is_the_same() -> None:
    others = [(b"other", "login", "li.na"), (b"key", "mail", "li.na"), (b"key", "login", "Li.na")]
    known = keyed_digest(b"key", "login", "li.na")
    assert known == keyed_digest(b"key", "login", "li.na")
    assert len({known, *(keyed_digest(*other) for other in others)}) == 4
    assert keyed_hash(b"key", "login", "Li.na") == known.hex(), "as it is compared"
