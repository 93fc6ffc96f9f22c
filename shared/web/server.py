"""Starting a service as a process: settings, logs, uvicorn."""

import gc
import sys
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from shared import crashpoint, logging
from shared.settings import Settings, SettingsError, load

GRACE_S = 15


def serve(settings_class: type[Settings], build_app: Callable[[Settings], FastAPI]) -> int:
    """Run until SIGTERM and return the exit code: 2 where settings are missing or wrong (all are named on stderr)."""
    try:
        settings = load(settings_class)
    except SettingsError as error:
        sys.stderr.write(f"Cannot start {settings_class.service}, mend these settings:\n{error}\n")
        return 2
    logging.configure(settings.service, settings.log_level)
    crashpoint.arm(settings.crash_at)
    app = build_app(settings)
    freeze_loaded()
    uvicorn.run(
        app,
        host=settings.http_host,
        port=settings.http_port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # whom a forwarded address may be believed is for the service to say
        timeout_graceful_shutdown=GRACE_S,
    )
    return 0


def freeze_loaded() -> None:
    """What is loaded by now stays: to go through it again and again would stop the service for 0.1 s each time."""
    gc.collect()
    gc.freeze()
