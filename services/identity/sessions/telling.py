"""Telling applications over HTTP that a session is over."""

import httpx

SECONDS = 5.0


class Teller:
    """Posts logout tokens. No redirects, no proxies of the environment: the address is the one that is registered."""

    def __init__(self, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._transport = transport
        self._http: httpx.AsyncClient | None = None

    async def __call__(self, address: str, token: str) -> bool:
        """Whether the application has taken it (OpenID Connect Back-Channel Logout section 2.8), or never will: an
        answer of 400 says that the token means nothing to it."""
        if self._http is None:  # it reads all certificates of this machine: only where somebody is told at all
            self._http = httpx.AsyncClient(
                transport=self._transport, timeout=SECONDS, follow_redirects=False, trust_env=False
            )
        try:
            answer = await self._http.post(address, data={"logout_token": token})
        except httpx.HTTPError:
            return False
        return answer.is_success or answer.status_code == httpx.codes.BAD_REQUEST

    async def close(self) -> None:
        """Give the connections back."""
        if self._http is not None:
            await self._http.aclose()
