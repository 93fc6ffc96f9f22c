"""`python -m services.intake`: settings from the environment, served until SIGTERM."""

from services.intake.app import build_app
from services.intake.settings import IntakeSettings
from shared.web.server import serve

raise SystemExit(serve(IntakeSettings, build_app))
