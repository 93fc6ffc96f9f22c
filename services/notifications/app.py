"""Notifications, put together."""

from email.utils import parseaddr
from functools import partial

from fastapi import FastAPI

from services.notifications import contracts, handlers, policy
from services.notifications.desk import Desk
from services.notifications.messages import api as messages_api
from services.notifications.messages import commands as messages
from services.notifications.messages.domain import Message
from services.notifications.messages.metrics import MailMetrics
from services.notifications.messages.post import Post
from services.notifications.messages.store import INDEXES
from services.notifications.settings import NotificationsSettings
from services.notifications.templates import api as templates_api
from services.notifications.templates.domain import Template
from shared.clock import Clock, SystemClock
from shared.contracts.identity import CodeIssued, ContactPublished, KeyPublished, MandateGranted, OrganisationPublished
from shared.contracts.intake import EVENTS, ItemPublished
from shared.messaging.relay import Outlet
from shared.runtime import Runtime
from shared.store import BY_SEQUENCE, Database
from shared.store.mongo import MongoDatabase
from shared.web.service import service_app

VERSION = "0.1.0"


def build_app(settings: NotificationsSettings) -> FastAPI:
    """The service as it runs."""
    database = MongoDatabase(settings.mongo_uri.get_secret_value(), settings.mongo_database)
    return _wire(settings, database, SystemClock(), None)[0]


def build_for_tests(
    settings: NotificationsSettings, database: Database, clock: Clock, outlet: Outlet
) -> tuple[FastAPI, Runtime, Desk]:
    """The same service over a store, a clock and an outlet of the test's own."""
    return _wire(settings, database, clock, outlet)


def _wire(
    settings: NotificationsSettings, database: Database, clock: Clock, outlet: Outlet | None
) -> tuple[FastAPI, Runtime, Desk]:
    runtime = Runtime(settings, database, clock, outlet=outlet)
    keys = runtime.table(KeyPublished, key=lambda row: row.kid)
    templates = runtime.repository("templates", Template)
    desk = Desk(
        clock=clock,
        instance=settings.instance,
        sender=settings.mail_from,
        pace=settings.pace,
        contacts=runtime.collection("contacts", BY_SEQUENCE),
        templates=templates,
        texts=runtime.remembered(templates),
        messages=runtime.repository("messages", Message, *INDEXES),
        items=runtime.table(ItemPublished, key=lambda row: row.code),
        organisations=runtime.table(OrganisationPublished, key=lambda row: row.code),
        post=Post(settings.server, parseaddr(settings.mail_from)[1], settings.smtp_lines),
        metrics=MailMetrics(runtime.registry),
    )
    runtime.read(lambda: (ContactPublished.topic, CodeIssued.topic, MandateGranted.topic, EVENTS), handlers.table(desk))
    runtime.wake(desk.messages, partial(messages.deliver, desk))
    runtime.at_start(partial(messages.take_over, desk))
    runtime.at_stop(desk.post.close)
    routers = (templates_api.router, messages_api.router)
    app = service_app(runtime, keys, VERSION, contracts.PUBLISHES, contracts.READS, routers, policy.ACTS)
    app.state.desk = desk
    return app, runtime, desk
