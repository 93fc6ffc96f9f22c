"""The local mailbox: each mail is kept before the sender hears so, a second copy is counted, nothing in it runs."""

import socket
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib
import httpx
import pytest

from deploy.local.mailbox import Mailbox, build_app


@pytest.fixture
def smtp() -> tuple[str, int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return "127.0.0.1", probe.getsockname()[1]


@pytest.fixture
async def page(tmp_path: Path, smtp: tuple[str, int]) -> AsyncIterator[httpx.AsyncClient]:
    app = build_app(Mailbox(tmp_path / "mail"), smtp)
    transport = httpx.ASGITransport(app=app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://m") as client:
        yield client


async def send(
    smtp: tuple[str, int], message_id: str, subject: str = "受理通知", text: str = "您的申请已受理。"
) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"] = "Tongban <no-reply@tongban.example>", "li.na@example.org"
    mail["Subject"], mail["Message-ID"] = subject, message_id
    mail.set_content(text)
    await aiosmtplib.send(mail, hostname=smtp[0], port=smtp[1], start_tls=False)


async def test_a_mail_is_listed_and_shown(page: httpx.AsyncClient, smtp: tuple[str, int]) -> None:
    await send(smtp, "<one@tongban>")
    (listed,) = (await page.get("/api/messages")).json()
    assert listed["message_id"] == "<one@tongban>"
    assert (listed["subject"], listed["to"], listed["copies"]) == ("受理通知", ["li.na@example.org"], 1)
    shown = (await page.get(f"/api/messages/{listed['id']}")).json()
    assert shown["text"].strip() == "您的申请已受理。"
    assert "受理通知" in (await page.get("/")).text
    assert "您的申请已受理。" in (await page.get(f"/messages/{listed['id']}")).text


async def test_the_same_mail_again_is_counted(page: httpx.AsyncClient, smtp: tuple[str, int]) -> None:
    for _ in range(3):
        await send(smtp, "<again@tongban>")
    await send(smtp, "<other@tongban>")
    listed = {mail["message_id"]: mail["copies"] for mail in (await page.get("/api/messages")).json()}
    assert listed == {"<again@tongban>": 3, "<other@tongban>": 1}


async def test_mails_outlive_the_mailbox(page: httpx.AsyncClient, smtp: tuple[str, int], tmp_path: Path) -> None:
    await send(smtp, "<kept@tongban>")
    assert [mail.message_id for mail in Mailbox(tmp_path / "mail").messages()] == ["<kept@tongban>"]


async def test_nothing_in_a_mail_runs(page: httpx.AsyncClient, smtp: tuple[str, int]) -> None:
    await send(smtp, "<evil@tongban>", subject="<script>alert(1)</script>", text="<img src=x onerror=alert(1)>")
    (listed,) = (await page.get("/api/messages")).json()
    for path in ("/", f"/messages/{listed['id']}"):
        shown = await page.get(path)
        assert "<script>alert" not in shown.text
        assert "<img" not in shown.text
        assert "default-src 'none'" in shown.headers["content-security-policy"]


@pytest.mark.parametrize("identifier", ["0" * 16, "..%2f..%2fsecrets", "x"])
async def test_a_mail_that_is_not_there(page: httpx.AsyncClient, identifier: str) -> None:
    assert (await page.get(f"/api/messages/{identifier}")).status_code == 404
    shown = await page.get(f"/messages/{identifier}")
    assert (shown.status_code, shown.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert 'href="/"' in shown.text


async def test_the_page_shows_the_newest_and_says_how_many_there_are(page: httpx.AsyncClient, tmp_path: Path) -> None:
    box = Mailbox(tmp_path / "mail")
    for n in range(102):
        box.keep(f"Message-ID: <{n}@tongban>\r\nSubject: mail number {n}.\r\n\r\n-\r\n".encode())
    shown = (await page.get("/")).text
    assert "newest 100 of 102" in shown
    assert [n in shown for n in ("number 101.", "number 2.", "number 1.")] == [True, True, False]
    assert len((await page.get("/api/messages")).json()) == 102
