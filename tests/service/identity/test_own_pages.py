"""Consent on the way to somebody else's application, taking it back, and mandates: on pages, without scripts."""

import html
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest

from services.identity.consents.commands import consent_id
from services.identity.mandates.commands import MOST_OFFERS
from tests.service.identity.acts import TERMS, agree, guarded, offer_on_page
from tests.service.identity.conftest import ASKED, LI_NA, RETURN, VERIFIER, WEB, Identity
from tests.service.identity.walking import Walker, form

BANK = WEB | {"name": "滨城银行", "asks_consent": True, "scopes": ["openid", "profile", "email"]}
OF_BANK = ASKED | {"client_id": "bank", "scope": "openid profile"}


def told(answer: httpx.Response) -> dict[str, str]:
    """What the application is told."""
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith(RETURN)
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


@pytest.fixture
async def li(city: Identity) -> Walker:
    """Ms Li, signed in; and a bank that asks."""
    assert (await city.put("/clients/bank", BANK)).status_code == 200
    li = Walker(city, city.http)
    await li.sign_in()
    return li


async def asking(li: Walker, **asked: str) -> httpx.Response:
    """The page that asks for consent, after signing in."""
    return await li.sign_in("/authorize", **(OF_BANK | asked))


async def test_who_agrees_is_sent_on_with_a_code_that_gives_tokens_and_is_not_asked_again(li: Walker) -> None:
    page = await asking(li)
    assert page.status_code == 200
    for word in ("滨城银行", "知道是您本人登录", "知道您的姓名和使用的语言"):
        assert word in page.text
    assert "知道您的电子邮箱" not in page.text, "only what is asked for"
    assert "form-action 'self' http://127.0.0.1:5173" in page.headers["content-security-policy"]
    answer = told(await li.send(form(page, "/consent"), answer="agree"))
    assert answer["state"] == "s-1"
    tokens = await li.city.redeem(answer["code"], client_id="bank")
    assert tokens.status_code == 200, tokens.text
    assert "code" in told(await asking(li)), "what one agreed to before is not asked again"
    more = await asking(li, scope="openid profile email")
    assert "知道您的电子邮箱" in more.text, "more is"


async def test_consent_can_be_read_in_the_other_language(city: Identity) -> None:
    assert (await city.put("/clients/bank", BANK)).status_code == 200
    li = Walker(city, city.http)
    page = await li.sign_in("/authorize", **(OF_BANK | {"redirect_uri": "https://portal.example.org/back"}))
    other = re.search(r'href="(/authorize[^"]+)"[^>]*>English<', page.text)
    assert other
    page = await li.get(html.unescape(other[1]))
    assert "滨城银行 asks to:" in page.text
    answer = await li.send(form(page, "/consent"), answer="agree")
    assert answer.headers["location"].startswith("https://portal.example.org/back?code=")


async def test_who_declines_is_sent_back_without_a_code_and_nothing_is_kept(li: Walker) -> None:
    answer = told(await li.send(form(await asking(li), "/consent"), answer="decline"))
    assert (answer["error"], answer["state"]) == ("access_denied", "s-1")
    assert await li.city.desk.consents.find(consent_id("person-li-na", "bank")) is None


@pytest.mark.parametrize("answer", ["", "yes", "AGREE"])
async def test_only_agreeing_agrees(li: Walker, answer: str) -> None:
    page = form(await asking(li), "/consent")
    await li.http.post("/consent", data=page.fields | ({"answer": answer} if answer else {}))
    assert await li.city.desk.consents.find(consent_id("person-li-na", "bank")) is None


async def test_where_nobody_may_be_asked_the_application_hears_why(city: Identity) -> None:
    asked = OF_BANK | {"redirect_uri": "https://portal.example.org/back"}
    assert (await city.put("/clients/bank", BANK)).status_code == 200
    li = Walker(city, city.http)
    await li.sign_in("/authorize", **asked)
    answer = await li.get("/authorize", **(asked | {"prompt": "none"}))
    assert parse_qs(urlsplit(answer.headers["location"]).query)["error"] == ["consent_required"]


async def test_an_application_can_have_the_person_asked_once_more(li: Walker) -> None:
    await li.send(form(await asking(li), "/consent"), answer="agree")
    page = await asking(li, prompt="consent")
    assert "code" in told(await li.send(form(page, "/consent"), answer="agree"))


async def test_nobody_agrees_by_anybody_elses_form(li: Walker) -> None:
    page = form(await asking(li), "/consent")
    async with li.city.browser() as http:
        other = Walker(li.city, http)
        await other.sign_in()
        answer = await other.send(page, answer="agree")
    assert answer.status_code == 400
    assert "页面已失效" in answer.text
    assert (await li.http.post("/consent", data={"request": "x" * 100, "answer": "agree"})).status_code == 400
    assert await li.city.desk.consents.find(consent_id("person-li-na", "bank")) is None


async def test_a_form_from_before_the_consent_was_taken_back_agrees_to_nothing(li: Walker) -> None:
    page = form(await asking(li), "/consent")
    for _ in range(2):
        assert "code" in told(await li.send(page, answer="agree")), "sent twice it is the same"
    await li.send(form(await li.get("/account/consents"), "/account/consents/withdraw"))
    assert (await li.send(page, answer="agree")).status_code == 400
    assert "没有授权任何应用" in (await li.get("/account/consents")).text


async def test_a_form_is_kept_no_longer_than_the_proof_that_was_asked_for(li: Walker) -> None:
    page = form(await asking(li, max_age="60"), "/consent")
    li.city.clock.forward(timedelta(minutes=2))
    assert (await li.send(page, answer="agree")).status_code == 400
    assert await li.city.desk.consents.find(consent_id("person-li-na", "bank")) is None


@pytest.mark.parametrize("wanted", ["police.2102", "mandate-" + "a" * 26])
async def test_somebody_else_s_application_is_for_people_in_their_own_name(li: Walker, wanted: str) -> None:
    assert told(await asking(li, acting_as=wanted))["error"] == "access_denied"


async def test_an_officer_is_a_person_there(li: Walker) -> None:
    posts = [{"organisation": "police", "division": "2102", "roles": ["head"]}]
    await li.city.put("/people/person-li-na", LI_NA | {"posts": posts})
    await li.city.put("/clients/bank", BANK | {"scopes": ["openid", "services"]})
    page = await asking(li, scope="openid services")
    answer = told(await li.send(form(page, "/consent"), answer="agree"))
    tokens = (await li.city.redeem(answer["code"], client_id="bank")).json()
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert (claims["kind"], claims["org"], claims["roles"]) == ("person", None, [])


async def test_somebody_else_s_application_lets_in_nobody_and_sees_nothing_of_the_account(li: Walker) -> None:
    await li.city.put("/clients/bank", BANK | {"scopes": ["openid", "services"]})
    await guarded(li.city)
    page = await asking(li, scope="openid services")
    answer = told(await li.send(form(page, "/consent"), answer="agree"))
    token = (await li.city.redeem(answer["code"], client_id="bank")).json()["access_token"]
    await li.city.bus.settle()
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "k-1"}
    wish = {"agent": "person-wang-wei", "terms": TERMS}
    assert (await li.http.post("/mandates", json=wish, headers=headers)).status_code == 403
    for path in ("/me/sessions", "/me/consents", "/me/factors", "/me/data", "/me/mandates"):
        assert (await li.http.get(path, headers=headers)).status_code == 403, path
    assert (await li.http.get("/me", headers=headers)).status_code == 200


async def test_a_form_from_before_the_address_was_taken_back_leads_nowhere(li: Walker) -> None:
    page = form(await asking(li), "/consent")
    await li.city.put("/clients/bank", BANK | {"redirect_uris": ["https://portal.example.org/back"]})
    assert (await li.send(page, answer="agree")).status_code == 400


async def test_what_was_agreed_to_is_seen_and_taken_back_and_its_tokens_end(city: Identity) -> None:
    li = await agree(city)
    answer = told(await asking(li, scope="openid"))
    token = (await city.redeem(answer["code"], client_id="bank", code_verifier=VERIFIER)).json()["access_token"]
    assert (await city.http.get("/userinfo", headers={"Authorization": f"Bearer {token}"})).status_code == 200
    page = await li.get("/account/consents")
    assert str(WEB["name"]) in page.text
    gone = await li.send(form(page, "/account/consents/withdraw"))
    assert gone.headers["location"] == "/account/consents"
    assert "没有授权任何应用" in (await li.get("/account/consents")).text
    await city.bus.settle()
    ended = await city.http.get("/userinfo", headers={"Authorization": f"Bearer {token}"})
    assert (ended.status_code, ended.json()["code"]) == (401, "token_revoked")
    assert (await li.send(form(page, "/account/consents/withdraw"))).status_code == 303, "sent twice it harms nobody"


# -- mandates ----------------------------------------------------------------------------------------------


async def test_a_mandate_is_offered_agreed_to_and_taken_back_on_pages(city: Identity) -> None:
    li = await offer_on_page(city)
    page = await li.get("/account/mandates")
    assert "待接受" in page.text
    assert str(LI_NA["name"]) not in page.text, "nobody's name is told to whoever offers them something"
    async with city.browser() as http:
        wang = Walker(city, http, login="wang.wei")
        await wang.sign_in()
        offered = await wang.get("/account/mandates")
        assert "李娜" in offered.text
        assert "申请办理; 全部事项; 至 2026-12-31" in offered.text
        await wang.send(form(offered, "/account/mandates/answer"), answer="accept")
        assert "有效" in (await wang.get("/account/mandates")).text
        await li.send(form(await li.get("/account/mandates"), "/account/mandates/answer"), answer="end")
        assert "已结束" in (await wang.get("/account/mandates")).text
        late = await wang.send(form(offered, "/account/mandates/answer"), answer="accept")
        assert late.status_code == 303, "it has ended meanwhile: the list says so"


async def test_mandates_and_consents_are_told_with_all_that_is_kept_also_those_that_ended(city: Identity) -> None:
    li = await offer_on_page(city)
    await agree(city)
    await li.send(form(await li.get("/account/consents"), "/account/consents/withdraw"))
    data = (await li.get("/me/data.json")).json()
    (mandate,), (consent,) = data["mandates"], data["consents"]
    assert (mandate["agent"], mandate["terms"]["acts"]) == ("person-wang-wei", ["apply"])
    assert (consent["client"], consent["scopes"]) == ("bank", ["openid"])
    assert consent["withdrawn_at"]
    page = (await li.get("/me/data.html", ui_locales="en")).text
    assert "person-wang-wei" in page
    assert "What you let applications know" in page


async def test_a_form_sent_twice_offers_once(city: Identity) -> None:
    await guarded(city)
    li = Walker(city, city.http)
    await li.sign_in()
    assert "person-li-na" in (await li.get("/account")).text, "there one finds what others have to enter"
    page = form(await li.get("/account/mandates/new"), "/account/mandates")
    for _ in range(2):
        fields = {"agent": "person-wang-wei", "acts": "apply", "until": "2026-12-31"}
        assert (await li.send(page, **fields)).status_code == 303
    assert (await li.get("/account/mandates")).text.count("待接受") == 1


async def test_who_offers_too_many_is_told_when_there_can_be_more(city: Identity) -> None:
    await guarded(city)
    li = Walker(city, city.http)
    await li.sign_in()
    for n in range(MOST_OFFERS):
        fields = {"agent": f"person-{n}", "acts": "apply", "until": "2026-12-31"}
        page = await li.get("/account/mandates/new")
        assert (await li.send(form(page, "/account/mandates"), **fields)).status_code == 303, "there or not"
    answer = await li.send(form(await li.get("/account/mandates/new", ui_locales="en"), "/account/mandates"), **fields)
    assert answer.status_code == 429
    assert "You can offer more in" in answer.text
    assert int(answer.headers["retry-after"]) > 0


async def test_a_form_sent_again_with_something_else_says_so(city: Identity) -> None:
    await guarded(city)
    li = Walker(city, city.http)
    await li.sign_in()
    page = form(await li.get("/account/mandates/new"), "/account/mandates")
    good = {"agent": "person-wang-wei", "acts": "apply", "until": "2026-12-31"}
    assert (await li.send(page, **good)).status_code == 303
    answer = await li.send(page, **good | {"until": "2026-11-30"})
    assert answer.status_code == 422
    assert '<a href="#agent">页面已失效' in answer.text


async def test_no_form_of_another_browser_or_of_nobody_changes_mandates_or_consents(city: Identity) -> None:
    li = await offer_on_page(city)
    await agree(city)
    asked = await asking(li, scope="openid")
    assert "code" in told(asked)
    pages = {
        "/account/mandates": "/account/mandates/new",
        "/account/mandates/answer": "/account/mandates",
        "/account/consents/withdraw": "/account/consents",
    }
    sent = {"agent": "person-wang-wei", "acts": "apply", "until": "2026-12-31", "answer": "end"}
    async with city.browser() as http:
        thief = Walker(city, http)
        await thief.sign_in()
        for action, page in pages.items():
            for token in ("", "x" * 100, form(await thief.get(page), action).fields["request"]):
                await li.http.post(action, data=sent | {"request": token})
    assert (await li.get("/account/mandates")).text.count("待接受") == 1
    assert "没有授权任何应用" not in (await li.get("/account/consents")).text


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"agent": ""}, "agent"),
        ({"agent": "person-li-na"}, "agent"),
        ({"agent": "li.na"}, "agent"),
        ({"acts": []}, "acts"),
        ({"until": ""}, "until"),
        ({"until": "soon"}, "until"),
        ({"until": "2020-01-01"}, "until"),
        ({"until": "2099-01-01"}, "until"),
    ],
)
async def test_what_is_wrong_with_an_offer_is_said_at_its_field_and_nothing_is_lost(
    city: Identity, wrong: dict[str, Any], field: str
) -> None:
    await guarded(city)
    li = Walker(city, city.http)
    await li.sign_in()
    page = form(await li.get("/account/mandates/new"), "/account/mandates")
    sent = {"agent": "person-wang-wei", "acts": ["apply"], "until": "2026-12-31"} | wrong
    answer = await li.http.post("/account/mandates", data={"request": page.fields["request"], **sent})
    assert answer.status_code == 422, answer.text
    assert f'<a href="#{field}">' in answer.text
    for kept in ("agent", "until"):
        assert f'value="{sent[kept]}"' in answer.text
    again = form(answer, "/account/mandates")
    good = {"agent": "person-wang-wei", "acts": "apply", "until": "2026-12-31"}
    assert (await li.send(again, **good)).status_code == 303
