"""`python -m services.sharing`: settings from the environment, served until SIGTERM."""

from services.sharing.app import build_app
from services.sharing.settings import SharingSettings
from shared.web.server import serve

raise SystemExit(serve(SharingSettings, build_app))
