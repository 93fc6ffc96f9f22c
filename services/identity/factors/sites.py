"""Whether there are passkeys here at all."""

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from services.identity.factors.passkeys import Site


def site_of(issuer: str) -> "Site | None":
    """`None` where the issuer has no name but an IP address: browsers make no passkeys for those."""
    parts = urlsplit(issuer)
    host = parts.hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        from services.identity.factors.passkeys import Site  # noqa: PLC0415  its library takes 6 MB where it is of use

        return Site(host, f"{parts.scheme}://{parts.netloc}")
    return None
