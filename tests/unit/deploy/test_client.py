"""The city's client says what identity said, whatever that was."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from deploy.local.client import REDIRECT, Person
from deploy.local.trouble import Trouble


def _refusing(request: httpx.Request) -> httpx.Response:
    """Identity that is there and cannot, as OAuth tells it: the browser is sent back with an error."""
    if request.method == "GET":
        state = parse_qs(urlsplit(str(request.url)).query)["state"][0]
        return httpx.Response(200, text=f'<input type="hidden" name="state" value="{state}">')
    state = parse_qs(request.content.decode())["state"][0]
    back = f"{REDIRECT}?error=temporarily_unavailable&state={state}"
    return httpx.Response(303, headers={"location": back})


def test_a_sign_in_that_identity_sends_back_with_an_error_is_trouble_with_its_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Found by chaos: the driver died of a `KeyError` and was silent ever after."""
    client = httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **how: client(transport=httpx.MockTransport(_refusing), **how))
    with pytest.raises(Trouble, match=r"could not sign in .*temporarily_unavailable"):
        Person("http://127.0.0.1:1", "li.na", "secret").fetch()
