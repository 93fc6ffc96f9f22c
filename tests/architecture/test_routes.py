"""Every route of every service has exactly one policy: a rule for callers, or a reason why it is open."""

import pytest

from shared.web.authentication import Public, policies
from tests.contract.specs import SERVICES, app_of


@pytest.mark.parametrize("service", SERVICES)
def test_every_route_has_exactly_one_policy(service: str) -> None:
    without = [f"{sorted(p.methods)} {p.path}" for p in policies(app_of(service)) if len(p.markers) != 1]
    assert without == []


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_open_says_why(service: str) -> None:
    opened = [p for p in policies(app_of(service)) for marker in p.markers if isinstance(marker, Public)]
    assert all(len(marker.why) > 10 for p in opened for marker in p.markers if isinstance(marker, Public))


def test_a_route_without_policy_is_found() -> None:
    app = app_of("intake")

    @app.get("/planted")  # type: ignore[untyped-decorator]
    async def planted() -> None:
        return None

    assert [p.path for p in policies(app) if len(p.markers) != 1] == ["/planted"]
