"""Starting the neighbours, with the same people, programs and hashing as identity has in B11."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from deploy.local.programs import outer_environment
from tests.bench.browser import Issuer
from tests.bench.city import free_ports
from tests.bench.neighbours import installing
from tests.bench.neighbours.installing import NotHere

SECRET = "secret-of-thirty-two-characters-"
REDIRECT = "https://app.example.org/back"
START_SECONDS = 20.0
PROBE = "/.well-known/openid-configuration"
CANAILLE = """
SECRET_KEY = "{secret}"
SERVER_NAME = "127.0.0.1:{port}"
PREFERRED_URL_SCHEME = "http"
[CANAILLE]
[CANAILLE_SQL]
DATABASE_URI = "sqlite:///{folder}/canaille.sqlite"
PASSWORD_SCHEMES = "argon2"
[CANAILLE_SQL.PASSWORD_HASH_PARAMS]
argon2__memory_cost = 19456
argon2__time_cost = 2
argon2__parallelism = 1
[CANAILLE_OIDC]
ACTIVE_JWKS = [{keys}]
"""


@dataclass(frozen=True)
class Key:
    """A P-256 key with its JWKs."""

    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    kid: str = "bench"

    def jwk(self, *, private: bool = False) -> dict[str, str]:
        """The public half, or both."""
        found = ECAlgorithm.to_jwk(self.private if private else self.private.public_key(), as_dict=True)
        named = {name: str(found[name]) for name in ("kty", "crv", "x", "y", "d") if name in found}
        return named | {"kid": self.kid, "use": "sig", "alg": "ES256"}


@dataclass(frozen=True)
class Provider:
    """An OpenID provider that runs. `audience` of the assertions of its client `keyed`; `scope` of a program's token;
    `pids` by name."""

    issuer: Issuer
    pids: Mapping[str, int]
    audience: str
    scope: str
    secret: tuple[str, str] = ("secret", SECRET)
    keyed: str = "key"


@contextmanager
def oidc_provider(people: Sequence[tuple[str, str]], key: Key) -> Iterator[Provider]:
    """npm oidc-provider in one process of node, everything in its memory. Raises `NotHere`."""
    folder, port = installing.oidc_provider(), free_ports("provider")["provider_port"]
    url = f"http://127.0.0.1:{port}"
    wanted = {
        "issuer": url,
        "logins": [login for login, _ in people],
        "password": people[0][1],
        "secret": SECRET,
        "key": key.jwk(),
        "signing": Key(kid="signing").jwk(private=True),
        "redirect": REDIRECT,
    }
    issuer = Issuer(url, "/auth", "/token", "web", REDIRECT, "openid services")
    with _started(folder, ["node", "provider.mjs", json.dumps(wanted)], f"{url}{PROBE}") as at:
        yield Provider(issuer, at, url, "services")


@contextmanager
def canaille(people: Sequence[tuple[str, str]], key: Key) -> Iterator[Provider]:
    """canaille under its own server with one worker, over SQLite. Raises `NotHere`."""
    folder, port = installing.canaille(), free_ports("provider")["provider_port"]
    url, state = f"http://127.0.0.1:{port}", folder / "state"
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir()
    keys = ", ".join(_toml(jwk) for jwk in (Key(kid="signing").jwk(private=True), _rsa()))
    (state / "canaille.toml").write_text(CANAILLE.format(secret=SECRET, port=port, folder=state, keys=keys))
    program, config = str(folder / "venv" / "bin" / "canaille"), {"CANAILLE_CONFIG": str(state / "canaille.toml")}
    installing.run(program, "install", folder=state, **config)
    installing.run(program, "restore", folder=state, told=json.dumps(_models(people, key)), **config)
    issuer = Issuer(url, "/oauth/authorize", "/oauth/token", "web", REDIRECT, "openid")
    line = [program, "run", "--bind", f"127.0.0.1:{port}"]
    with _started(state, line, f"{url}{PROBE}", **config) as at:
        yield Provider(issuer, at, f"{url}/oauth/token", "openid")


def _models(people: Sequence[tuple[str, str]], key: Key) -> dict[str, list[dict[str, Any]]]:
    """What `canaille restore` reads. It hashes the passwords."""
    now = datetime.now(UTC).isoformat(timespec="seconds")

    def client(name: str, auth: str, grant: str, **more: Any) -> dict[str, Any]:
        # An address of `client_uri` that it trusts: nobody is asked for consent.
        named = {"id": name, "client_id": name, "client_name": name, "audience": [name], "scope": ["openid"]}
        dated = {"created": now, "last_modified": now, "client_id_issued_at": now, "client_uri": "http://127.0.0.1"}
        return named | dated | {"token_endpoint_auth_method": auth, "grant_types": [grant]} | more

    dated = {"created": now, "last_modified": now}
    users = [
        dated | {"id": login, "user_name": login, "family_name": "常", "password": password}
        for login, password in people
    ]
    keyed = {"token_endpoint_auth_signing_alg": "ES256", "jwks": json.dumps({"keys": [key.jwk()]})}
    web = {"redirect_uris": [REDIRECT], "response_types": ["code"], "id_token_signed_response_alg": "ES256"}
    clients = [
        client("secret", "client_secret_basic", "client_credentials", client_secret=SECRET),
        client("key", "private_key_jwt", "client_credentials", **keyed),
        client("web", "none", "authorization_code", **web),
    ]
    return {"user": users, "group": [], "client": clients}


def _rsa() -> dict[str, str]:
    """It does not start without one, though nothing here is signed with it."""
    found = RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 2048), as_dict=True)
    return {name: str(value) for name, value in found.items() if name != "key_ops"} | {"kid": "rsa", "use": "sig"}


def _toml(jwk: Mapping[str, str]) -> str:
    return "{ " + ", ".join(f"{name} = {json.dumps(value)}" for name, value in jwk.items()) + " }"


@contextmanager
def _started(folder: Path, line: Sequence[str], probe: str, **environment: str) -> Iterator[dict[str, int]]:
    """Process ids by name of a server that answers at `probe`, ended afterwards. Raises `NotHere`."""
    log = folder / "server.log"
    with log.open("w") as said:
        process = subprocess.Popen(
            line, cwd=folder, env=outer_environment() | environment, stdout=said, stderr=said, start_new_session=True
        )
    try:
        until = time.monotonic() + START_SECONDS
        while not _answers(probe):
            if process.poll() is not None or time.monotonic() > until:
                raise NotHere(f"it does not start: {installing.last_words(log.read_text(errors='replace'))}")
            time.sleep(0.1)
        workers = psutil.Process(process.pid).children(recursive=True)
        yield {"server": process.pid} | {f"worker {n}": worker.pid for n, worker in enumerate(workers, 1)}
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False
