"""How we connect to Kafka: the same settings for lanes, tables and the relay."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from faststream.kafka import KafkaBroker
from faststream.security import BaseSecurity, SASLScram256, SASLScram512

from shared.settings import ServiceSettings

log = logging.getLogger("kafka")


def security(settings: ServiceSettings) -> BaseSecurity | None:
    """FastStream's security object for our settings; `None` for a plain broker (tests only)."""
    if not settings.kafka_security_protocol.startswith("SASL"):
        return None
    scram = {"SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}[settings.kafka_sasl_mechanism]
    return scram(
        username=settings.kafka_username,
        password=settings.kafka_password.get_secret_value(),
        use_ssl=settings.kafka_security_protocol == "SASL_SSL",
    )


def client_options(settings: ServiceSettings) -> dict[str, Any]:
    """The same for a bare aiokafka client."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap,
        "security_protocol": settings.kafka_security_protocol,
        "client_id": settings.instance,
        "metadata_max_age_ms": 30_000,
        "retry_backoff_ms": 200,
    }
    if settings.kafka_security_protocol.startswith("SASL"):
        options |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_username,
            "sasl_plain_password": settings.kafka_password.get_secret_value(),
        }
    return options


async def _clean_headers(record: Any, original: Callable[[Any], Awaitable[Any]]) -> Any:
    """FastStream's parser dies of a null or non-UTF-8 header; the lane judges the record itself later."""
    for one in record if isinstance(record, Sequence) and not isinstance(record, str | bytes) else (record,):
        one.raw_headers = one.headers
        one.headers = tuple((k, (v or b"").decode("utf-8", "replace").encode()) for k, v in one.headers)
    return await original(record)


def consumer_broker(settings: ServiceSettings) -> KafkaBroker:
    """A broker that only reads."""
    return KafkaBroker(
        settings.kafka_bootstrap,
        security=security(settings),
        client_id=settings.instance,
        consumer_only=True,
        allow_auto_create_topics=False,
        apply_types=False,
        parser=_clean_headers,
        graceful_timeout=15.0,
        metadata_max_age_ms=30_000,
        retry_backoff_ms=200,
        logger=log,
        log_level=logging.DEBUG,
    )
