"""`python -m services.identity`: settings from the environment, served until SIGTERM."""

from services.identity.app import build_app
from services.identity.settings import IdentitySettings
from shared.web.server import serve

raise SystemExit(serve(IdentitySettings, build_app))
