"""`python -m services.notifications`: settings from the environment, served until SIGTERM."""

from services.notifications.app import build_app
from services.notifications.settings import NotificationsSettings
from shared.web.server import serve

raise SystemExit(serve(NotificationsSettings, build_app))
