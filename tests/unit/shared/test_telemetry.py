"""Traces."""

import re

import pytest

from shared import telemetry

GOOD = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SHAPE = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01")


def test_a_child_stays_in_the_trace_with_a_span_of_its_own() -> None:
    child = telemetry.child(GOOD)
    assert SHAPE.fullmatch(child)
    assert telemetry.trace_id(child) == telemetry.trace_id(GOOD)
    assert child != GOOD


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "x",
        GOOD + "0",
        GOOD + "\n",
        " " + GOOD,
        GOOD.upper(),
        GOOD.replace("00-4", "ff-4"),
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-4bf92f3577b34da6a3ce929d0e0e4736-{'0' * 16}-01",
    ],
)
def test_a_bad_traceparent_begins_a_new_trace(bad: str) -> None:
    with telemetry.bind(bad) as used:
        assert SHAPE.fullmatch(used)
        assert telemetry.trace_id(used) != telemetry.trace_id(GOOD)
    assert telemetry.trace_id(telemetry.child(bad)) != telemetry.trace_id(GOOD)


def test_a_bound_trace_is_in_force_for_its_block_only() -> None:
    with telemetry.bind(GOOD):
        assert telemetry.current() == GOOD
        with telemetry.bind(None) as inner:
            assert telemetry.current() == inner != GOOD
        assert telemetry.current() == GOOD
    assert telemetry.bound() != GOOD


def test_each_registry_is_its_own() -> None:
    first, second = telemetry.new_registry(), telemetry.new_registry()
    assert first is not second
    assert first.get_sample_value("process_resident_memory_bytes")
