"""One browser for all pages, and identity on a port of this machine, with a store and a bus in memory."""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Browser, BrowserContext, CDPSession, Page, async_playwright

from tests.service.identity.conftest import Identity, peopled, running_at

CHROMIUM = os.environ.get("TONGBAN_CHROMIUM") or shutil.which("chromium") or ""
SWITCHES = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
SHOTS = os.environ.get("TONGBAN_SHOTS")
"""A folder for pictures of each page, for people to look at."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without Chromium there is nothing to see."""
    if not CHROMIUM:
        why = pytest.mark.skip(reason="needs chromium (apt-get install chromium fonts-noto-cjk, or TONGBAN_CHROMIUM)")
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(why)


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """The one browser."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(SWITCHES))
        yield browser
        await browser.close()


@asynccontextmanager
async def serving(identity: Identity, listening: socket.socket) -> AsyncIterator[None]:
    """The service's HTTP on a socket; what it runs on stays the test's."""
    config = uvicorn.Config(identity.app, lifespan="off", log_config=None, access_log=False, proxy_headers=False)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve([listening]))
    try:
        yield
    finally:
        server.should_exit = True
        await running


@pytest.fixture(scope="session")
async def city() -> AsyncIterator[Identity]:
    """A city with Ms Li Na, reached at a name: passkeys need one."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    issuer = f"http://localhost:{listening.getsockname()[1]}"
    async with running_at(issuer) as identity, serving(await peopled(identity), listening):
        yield identity


@dataclass
class Looker:
    """Somebody who looks at pages in a window of their own."""

    city: Identity
    context: BrowserContext
    page: Page

    async def open(self, path: str) -> None:
        await self.page.goto(self.city.desk.issuer + path)

    async def fill(self, **fields: str) -> None:
        """Fill in fields by their ids."""
        for name, value in fields.items():
            await self.page.fill(f"#{name}", value)

    async def press(self, name: str) -> None:
        """Press the button, or follow the link, of that name; until the page that follows is there."""
        found = self.page.get_by_role("button", name=name).or_(self.page.get_by_role("link", name=name))
        async with self.page.expect_navigation():
            await found.first.click()

    async def look(self, name: str) -> None:
        """The page as it is now is for everybody, wide and narrow: no violation of WCAG 2.2 AA that a program finds,
        nothing to scroll sideways, no error of the browser's."""
        for size in (NARROW, WIDE):
            await self.page.set_viewport_size(size)  # type: ignore[arg-type]
            wide = await self.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= size["width"], f"{name} is {wide} wide on a screen of {size['width']}"
            if SHOTS:
                await self.page.screenshot(path=Path(SHOTS) / f"{name}-{size['width']}.png", full_page=True)
        found = await self.violations()
        assert found == [], f"{name}: {found}"

    async def violations(self) -> list[tuple[str, Any]]:
        """What axe-core finds."""
        await self.page.evaluate(AXE_SCRIPT)
        run = "only => axe.run({runOnly: only, resultTypes: ['violations']})"
        result = await self.page.evaluate(run, WCAG)
        return [(one["id"], [node["html"] for node in one["nodes"]]) for one in result["violations"]]

    async def device(self) -> CDPSession:
        """Give the window a device that makes passkeys, and whose owner always confirms."""
        cdp = await self.context.new_cdp_session(self.page)
        await cdp.send("WebAuthn.enable")
        await cdp.send(
            "WebAuthn.addVirtualAuthenticator",
            {
                "options": {
                    "protocol": "ctap2",
                    "transport": "internal",
                    "hasResidentKey": True,
                    "hasUserVerification": True,
                    "isUserVerified": True,
                    "automaticPresenceSimulation": True,
                }
            },
        )
        return cdp


@asynccontextmanager
async def looking(city: Identity, chromium: Browser, **options: Any) -> AsyncIterator[Looker]:
    """A window with cookies of its own."""
    context = await chromium.new_context(viewport=WIDE, **{"locale": "en-GB", "reduced_motion": "reduce"} | options)  # type: ignore[arg-type]
    page = await context.new_page()
    page.set_default_timeout(5_000)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    try:
        yield Looker(city, context, page)
        assert [text for text in wrong if "status of 4" not in text] == []
    finally:
        await context.close()


@pytest.fixture
async def li(city: Identity, chromium: Browser) -> AsyncIterator[Looker]:
    """Ms Li at a computer."""
    async with looking(city, chromium) as looker:
        yield looker
