"""The clock's estimator against simulated clocks whose offset and drift are known."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qctl.errors import RequestError
from qctl.firmware_io.clock_offset import Exchange, drift_between, fit_clock

HZ = 10**6


def simulated(drift: float, offset_ticks: int, n: int, slow: float, seed: int = 1) -> list[Exchange]:
    """Return exchanges over a line of 100 µs each way, some of them `slow` seconds longer in one direction."""
    choose = random.Random(seed)
    found = []
    for k in range(n):
        sent_s = 10.0 + k * 0.1
        there_s = 1e-4 + (slow * choose.random() if choose.random() < 0.3 else 0.0)
        back_s = 1e-4 + (slow * choose.random() if choose.random() < 0.3 else 0.0)
        received_s = sent_s + there_s
        replied_s = received_s + 5e-5
        ticks = [round(at * HZ * (1 + drift)) + offset_ticks for at in (received_s, replied_s)]
        found.append(Exchange(round(sent_s * 1e9), round((replied_s + back_s) * 1e9), *ticks))
    return found


@settings(max_examples=50)
@given(st.floats(-1e-4, 1e-4), st.integers(0, 2**48), st.integers(0, 1000))
def test_offset_and_drift_of_a_simulated_clock_are_found_within_the_error_that_is_told(
    drift: float, offset: int, seed: int
) -> None:
    fit = fit_clock(simulated(drift, offset, 60, 5e-3, seed), HZ)
    true = 13.0 * HZ * (1 + drift) + offset
    assert abs(fit.tick_at(13 * 10**9) - true) / HZ <= fit.error_s + 2e-6
    assert fit.error_s < 5e-4
    assert fit.drift == pytest.approx(drift, abs=1e-5)
    assert fit.round_trip_s == pytest.approx(2e-4, abs=3e-6)


def test_both_ways_of_asking_agree() -> None:
    fit = fit_clock(simulated(3e-5, 7, 20, 0.0), HZ)
    assert fit.host_ns_at(fit.tick_at(123_456_789_000)) == pytest.approx(123_456_789_000, abs=1)


def test_one_exchange_gives_an_offset_and_no_drift() -> None:
    fit = fit_clock([Exchange(1000, 3000, 5, 5)], 1e9)
    assert (fit.host_0_ns, fit.tick_hz, fit.drift) == (1000, 1e9, 0.0)
    assert (fit.tick_0, fit.round_trip_s, fit.error_s) == pytest.approx((-995.0, 2e-6, 1e-6))
    with pytest.raises(RequestError, match="no exchange"):
        fit_clock([], HZ)


def test_exchanges_close_together_tell_no_drift() -> None:
    close = [Exchange(k * 10**5, k * 10**5 + 50_000, k * 100 + 25 + k % 2, k * 100 + 25 + k % 2) for k in range(20)]
    assert fit_clock(close, HZ).drift == 0.0
    assert fit_clock(close, HZ).tick_at(10**9) == pytest.approx(10**6, abs=5)


@pytest.mark.parametrize("drift", [0.0, 5e-4, -2e-4])
def test_drift_between_two_exchanges_is_within_what_is_known(drift: float) -> None:
    tick_hz, trip_ns = 1e9, 200_000

    def at(host_ns: int, late_ns: int) -> Exchange:
        tick = round((host_ns + late_ns) * (1 + drift))
        return Exchange(host_ns, host_ns + trip_ns, tick, tick)

    found, known = drift_between(at(0, 0), at(2 * 10**9, trip_ns), tick_hz)  # the worst: early, then late
    assert known == pytest.approx(1e-4, rel=1e-2)
    assert abs(found - drift) <= known * (1 + 1e-3)
    assert drift_between(at(5, 0), at(5, 0), tick_hz) == (0.0, 1.0)
