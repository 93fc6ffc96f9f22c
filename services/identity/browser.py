"""What browsers keep for identity."""

from services.identity.desk import Desk

SESSION = "tongban_session"


def session_cookie(desk: Desk) -> str:
    """With the prefix nobody but this host can set it (RFC 6265bis section 4.1.3.2); it needs https."""
    return f"__Host-{SESSION}" if is_secure(desk) else SESSION


def is_secure(desk: Desk) -> bool:
    """Whether people reach this issuer over https."""
    return desk.issuer.startswith("https:")
