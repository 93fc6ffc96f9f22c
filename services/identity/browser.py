"""What browsers keep for identity, where they ask from, and where they are sent."""

import re
import secrets
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from fastapi.templating import Jinja2Templates

from services.identity.desk import Desk
from services.identity.sessions.commands import Browser
from services.identity.texts import LANGUAGES, Language, preferred
from shared.web import pages
from shared.web.edge import PAGE_CSP

# The first that is named counts: each also names those that it wants to be taken for.
BROWSERS = (
    ("MicroMessenger/", "微信 WeChat"), ("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"), ("CriOS/", "Chrome"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
SYSTEMS = (
    ("HarmonyOS", "HarmonyOS"), ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"),
    ("Windows", "Windows"), ("Mac OS X", "macOS"), ("Linux", "Linux"),
)  # fmt: skip
SESSION, BROWSER, LANGUAGE = "tongban_session", "tongban_browser", "tongban_language"


def page_templates(folder: Path) -> Jinja2Templates:
    """A feature's templates, with the frame of all pages of identity."""
    return pages.templates(folder, Path(__file__).parent / "templates")


def session_cookie(desk: Desk) -> str:
    """The cookie that says who is signed in."""
    return _cookie(desk, SESSION)


def keep_session(page: Response, desk: Desk, kept: str) -> Response:
    """The page, which leaves with the browser what says who is signed in."""
    page.set_cookie(session_cookie(desk), kept, secure=is_secure(desk), httponly=True, samesite="lax")
    return page


def secret_of(request: Request, desk: Desk) -> str:
    """What tells this browser from others before anybody is signed in; empty where it keeps nothing yet."""
    kept = request.cookies.get(_cookie(desk, BROWSER), "")
    return kept if re.fullmatch(r"[A-Za-z0-9_-]{43}", kept) else ""


def new_secret() -> str:
    """A secret for a browser that has none."""
    return secrets.token_urlsafe(32)


def keep_secret(page: Response, desk: Desk, secret: str) -> Response:
    """The page, which leaves it with the browser."""
    page.set_cookie(_cookie(desk, BROWSER), secret, secure=is_secure(desk), httponly=True, samesite="lax")
    return page


def browser_of(request: Request, desk: Desk) -> Browser:
    """The browser that asks."""
    name, kept = request.headers.get("user-agent", ""), request.cookies.get(session_cookie(desk), "")
    return Browser(name, kept, address_of(request, desk))


def address_of(request: Request, desk: Desk) -> str:
    """Where a request comes from: who is connected or, where that is a proxy of ours, the last address before it that
    is none. Of IPv6 the network, as everybody has one to themselves."""
    told = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    address = _address(request.client.host if request.client is not None else "")
    while address is not None and any(address in proxy for proxy in desk.proxies) and told:
        if (before := _address(told.pop().strip())) is None:
            break
        address = before
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False))
    return str(address or "")


def language_of(request: Request, desk: Desk) -> Language:
    """The language that was chosen on a page of ours, else that of the reader's browser."""
    chosen = request.query_params.get("ui_locales", "") or request.cookies.get(_cookie(desk, LANGUAGE), "")
    return preferred(chosen, request.headers.get("accept-language", ""))


def keep_language(page: Response, request: Request, desk: Desk) -> Response:
    """The page, which remembers the language where it was just chosen."""
    if (chosen := request.query_params.get("ui_locales", "")) in LANGUAGES:
        page.set_cookie(_cookie(desk, LANGUAGE), chosen, secure=is_secure(desk), httponly=True, samesite="lax")
    return page


def browser_name(told: str) -> str:
    """What a browser calls itself, as people call it; empty where that is not clear."""
    names = [name for mark, name in (*BROWSERS, *SYSTEMS) if mark in told]
    browsers, systems = ([n for n in names if n in dict(group).values()] for group in (BROWSERS, SYSTEMS))
    return " · ".join((*browsers[:1], *systems[:1]))


def is_secure(desk: Desk) -> bool:
    """Whether people reach this issuer over https."""
    return desk.issuer.startswith("https:")


def answering(address: str, told: Mapping[str, str]) -> str:
    """A registered address with an answer."""
    return f"{address}{'&' if '?' in address else '?'}{urlencode(told)}" if told else address


def back_to(desk: Desk, address: str, state: str, **answer: str) -> Response:
    """To the application, with the issuer's name against mix-ups (RFC 9207)."""
    told = answer | ({"state": state} if state else {}) | {"iss": desk.issuer}
    return RedirectResponse(answering(address, told), status_code=303)


def leading_to(address: str) -> str:
    """The content security policy of a page whose form leads to a registered address: browsers hold a form's redirects
    to `form-action` too. It cannot name IPv6 addresses, so there the scheme is named."""
    parts = urlsplit(address)
    named = parts.scheme in ("http", "https") and "[" not in parts.netloc
    target = f"{parts.scheme}://{parts.netloc}" if named else f"{parts.scheme}:"
    return PAGE_CSP.replace("form-action 'self'", f"form-action 'self' {target}")


def _cookie(desk: Desk, name: str) -> str:
    """With the prefix nobody but this host can set it (RFC 6265bis section 4.1.3.2); it needs https."""
    return f"__Host-{name}" if is_secure(desk) else name


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
