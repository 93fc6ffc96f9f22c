"""Each service decides in one place, and can explain all that it decides: `GET /me/rights` leaves nothing out."""

from importlib import import_module

import pytest

from shared.caller import Role
from shared.policy import ROLES, Act
from shared.web.authentication import Requires, policies
from shared.web.ops import may_operate
from shared.web.rights import may_see_rights
from tests.contract.specs import SERVICES, app_of

KIT = {may_operate, may_see_rights}


def acts(service: str) -> tuple[Act, ...]:
    found: tuple[Act, ...] = import_module(f"services.{service}.policy").ACTS
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_every_route_asks_for_an_act_of_its_service_s_policy_and_every_act_is_asked_for(service: str) -> None:
    markers = [marker for route in policies(app_of(service)) for marker in route.markers]
    assert {marker.act for marker in markers if isinstance(marker, Requires)} == {*acts(service), *KIT}


@pytest.mark.parametrize("service", SERVICES)
def test_every_act_that_a_policy_names_is_explained_under_a_code_of_its_own(service: str) -> None:
    named = {one for one in vars(import_module(f"services.{service}.policy")).values() if isinstance(one, Act)}
    assert named == set(acts(service))
    codes = [act.code for act in (*acts(service), *KIT)]
    assert len(set(codes)) == len(codes)


def test_every_role_is_asked_for_by_some_policy() -> None:
    assert set(ROLES) == set(Role.__args__)  # type: ignore[attr-defined]
    told = " ".join(act.rule.whom.en for service in SERVICES for act in acts(service))
    assert [role for role in ROLES if role not in told] == []
