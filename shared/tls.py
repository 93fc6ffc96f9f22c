"""TLS as a client: with whom one speaks is always proven, and with nothing older than TLS 1.2."""

import ssl
from pathlib import Path


def context(ca_file: Path | None) -> ssl.SSLContext:
    """Trusts those whom `ca_file` names and nobody else; without a file, whom the machine trusts.

    Raises `OSError` where the file cannot be read, or has no certificate.
    """
    made = ssl.create_default_context(cafile=ca_file)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made
