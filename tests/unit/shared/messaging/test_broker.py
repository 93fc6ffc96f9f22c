"""How we connect to Kafka."""

import ssl
from pathlib import Path

import pytest

from shared.messaging.broker import client_options, security
from shared.settings import ServiceSettings
from shared.testing.certificates import self_signed

PLAIN = {
    "http_port": 8101,
    "issuer": "http://127.0.0.1:8101",
    "kafka_bootstrap": "127.0.0.1:1",
    "kafka_username": "waterworks",
    "kafka_password": "-",
    "mongo_uri": "mongodb://127.0.0.1:1",
}


class WaterworksSettings(ServiceSettings):
    """Settings of an imagined service."""

    service = "waterworks"


@pytest.mark.parametrize("with_file", [True, False])
def test_lanes_tables_and_relay_all_prove_the_broker(tmp_path: Path, with_file: bool) -> None:
    ca_file = self_signed(tmp_path)[0] if with_file else None
    secured = PLAIN | {"kafka_security_protocol": "SASL_SSL", "kafka_ca_file": ca_file}
    settings = WaterworksSettings.model_validate(secured)
    lane = security(settings)
    assert lane is not None
    for used in (lane.ssl_context, client_options(settings)["ssl_context"]):
        assert isinstance(used, ssl.SSLContext)
        assert used.verify_mode is ssl.CERT_REQUIRED
        assert used.check_hostname
        assert used.minimum_version is ssl.TLSVersion.TLSv1_2
        if with_file:
            assert len(used.get_ca_certs()) == 1, "whom the file names, and nobody else"


def test_on_this_machine_there_is_no_tls() -> None:
    settings = WaterworksSettings.model_validate(PLAIN)
    lane = security(settings)
    assert lane is not None
    assert lane.ssl_context is None
    assert "ssl_context" not in client_options(settings)
