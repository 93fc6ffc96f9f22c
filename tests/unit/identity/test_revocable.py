"""Whatever a token says that is no longer so, it is refused: after any acts in any order."""

from collections.abc import Callable

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.identity.town import Town

Acts = list[tuple[Callable[[Town, int], None], int]]
ABOUT_POSTS = (Town.revise_person, Town.stand_in, Town.stand_in_no_more, Town.sleep, Town.oversleep)
ABOUT_MANDATES = (Town.offer, Town.end_mandate, Town.extend)
ABOUT_CONSENTS = (Town.agree, Town.take_back, Town.agree_to_less, Town.revise_application)
ACTS = (
    Town.begin,
    Town.give,
    Town.revise_client,
    Town.rehash,
    Town.change_password,
    Town.prove,
    Town.add_factor,
    Town.take_factor,
    Town.end,
    Town.prove_identity,
    Town.sign_out,
    Town.forget,
    *ABOUT_POSTS,
    *ABOUT_MANDATES,
    *ABOUT_CONSENTS,
)


# There are an app and a passkey, a session of two factors and one of a password.
BEFORE = [(Town.add_factor, 0), (Town.add_factor, 1), (Town.begin, 1), (Town.begin, 2)]


def acts_of(some: tuple[Callable[[Town, int], None], ...], most: int) -> st.SearchStrategy[Acts]:
    return st.lists(st.tuples(st.sampled_from(some), st.integers(0, 11)), max_size=most)


@settings(max_examples=300)
@given(acts_of(ACTS, 25))
def test_no_token_outlives_what_it_says(acts: Acts) -> None:
    tell_the_truth([*BEFORE, *acts])


@settings(max_examples=300)
@given(acts_of(ABOUT_POSTS, 12))
@example([(Town.revise_person, 4), (Town.sleep, 8), (Town.oversleep, 11), (Town.revise_person, 1)])
def test_no_token_outlives_the_post_that_it_says(acts: Acts) -> None:
    tell_the_truth([(Town.revise_person, 1), *acts])


@settings(max_examples=300)
@given(acts_of(ABOUT_CONSENTS, 12))
def test_no_application_keeps_what_it_may_know_no_more(acts: Acts) -> None:
    tell_the_truth([(Town.revise_application, 0), (Town.agree, 3), *acts])


def tell_the_truth(acts: Acts) -> None:
    town = Town()
    for act, n in acts:
        town.everybody_comes()
        act(town, n)
        town.publish()
        for token in town.given:
            if any(version < town.lowest.get(scope, 0) for scope, version in token.scopes.items()):
                continue
            assert token.claims == town.facts(token.session)
            is_own = token.session is None or token.consent is not None
            assert is_own or town.is_due() or town.is_said_truly(token.says)
            assert token.addresses <= set(town.client.redirect_uris)
            assert token.keys <= town.keys()
            assert token.scope <= set(town.client.scopes)
            assert is_own or not town.client.asks_consent, "the person has to be asked now"
            assert token.consent is None or token.consent.covers(" ".join(token.scope))
            assert token.ial <= town.person.ial, "at least so sure it still is"
            assert token.session is None or town.is_live(token.session)
            assert token.mandate is None or token.mandate.covers(town.now)
            assert token.mandate is None or token.until <= token.mandate.terms.until
            if token.session is not None and token.ways is not None:
                assert token.ways <= town.ways()
                assert town.sessions[token.session].acr == "aal2"
