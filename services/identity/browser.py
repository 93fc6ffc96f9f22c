"""What browsers keep for identity, and where they are sent."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from fastapi.templating import Jinja2Templates

from services.identity.desk import Desk
from shared.web import pages
from shared.web.edge import PAGE_CSP

SESSION = "tongban_session"


def page_templates(folder: Path) -> Jinja2Templates:
    """A feature's templates, with the frame of all pages of identity."""
    return pages.templates(folder, Path(__file__).parent / "templates")


def session_cookie(desk: Desk) -> str:
    """With the prefix nobody but this host can set it (RFC 6265bis section 4.1.3.2); it needs https."""
    return f"__Host-{SESSION}" if is_secure(desk) else SESSION


def is_secure(desk: Desk) -> bool:
    """Whether people reach this issuer over https."""
    return desk.issuer.startswith("https:")


def answering(address: str, told: Mapping[str, str]) -> str:
    """A registered address with an answer."""
    return f"{address}{'&' if '?' in address else '?'}{urlencode(told)}" if told else address


def leading_to(address: str) -> str:
    """The content security policy of a page whose form leads to a registered address: browsers hold a form's redirects
    to `form-action` too. It cannot name IPv6 addresses, so there the scheme is named."""
    parts = urlsplit(address)
    named = parts.scheme in ("http", "https") and "[" not in parts.netloc
    target = f"{parts.scheme}://{parts.netloc}" if named else f"{parts.scheme}:"
    return PAGE_CSP.replace("form-action 'self'", f"form-action 'self' {target}")
