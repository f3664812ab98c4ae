"""Rounding returns value and error, refuses beyond the tolerance, and never pads unless told with what."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qctl.errors import CompileError, TimingError
from qctl.instruments import registry
from qctl.instruments.capability import Range, limits
from qctl.instruments.checker import check_number
from qctl.instruments.rounding import TIME_TOLERANCE_S, fit, fit_lengths, fit_times
from qctl.units import rational_hz, to_ticks

TABLES = registry.capabilities()
SOFT = [(m, p) for m, table in TABLES.items() for p, one in limits(table) if one.resolution is not None]


@pytest.mark.parametrize(("model", "path"), SOFT)
def test_values_are_rounded_to_each_resolution_and_the_error_is_reported(model: str, path: str) -> None:
    within = next(one for p, one in limits(TABLES[model]) if p == path)
    size = (
        Fraction(within.resolution) if not isinstance(within.resolution, float) else Fraction(repr(within.resolution))
    )
    within = replace(within, low=None, high=None)
    wanted = float(3 * size + size / 3)
    value, error = fit(wanted, within)
    assert value == pytest.approx(float(3 * size), rel=1e-12) and error == pytest.approx(-float(size) / 3, rel=1e-6)
    with pytest.raises(CompileError, match="from the grid"):
        fit(wanted, within, tolerance=float(size) / 4)
    with pytest.raises(CompileError, match="from the grid"):
        fit(wanted, within, "exact")
    up, error = fit(wanted, within, "up")
    assert up == pytest.approx(float(4 * size), rel=1e-12) and error > 0


def test_steps_are_exact_unless_a_policy_says_otherwise() -> None:
    lo = Range(1e9, 8.5e9, "Hz", 100e6)
    assert fit(5.1e9, lo) == (5.1e9, 0.0)
    with pytest.raises(CompileError, match=r"5120000000 is -2e\+07 Hz from the grid .* take 5100000000 or 5200000000"):
        fit(5.12e9, lo)
    assert fit(5.12e9, lo, "nearest") == (5.1e9, -2e7)
    assert fit(5.12e9, lo, "up") == (5.2e9, 8e7)
    with pytest.raises(CompileError, match="outside"):
        fit(8.6e9, lo)
    assert fit(3, Range(0, 4)) == (3, 0.0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_are_refused(value: float) -> None:
    with pytest.raises(CompileError, match="not a finite number"):
        fit(value, Range(0, 1, resolution=0.1))
    with pytest.raises(TimingError, match="not a finite time"):
        fit_times(np.array([0.0, value]), Fraction(10**9))


def test_times_are_taken_at_their_shortest_decimal_form() -> None:
    ticks, errors = fit_times(np.array([40e-9, 0.1, 3e-9, 40e-9]), Fraction(10**9), "exact")
    assert ticks.tolist() == [40, 10**8, 3, 40] and not errors.any()


def test_times_off_the_grid_are_refused_beyond_the_tolerance() -> None:
    rate = Fraction(430_080_000)
    with pytest.raises(
        TimingError, match=r"edge 1: 1e-09 s is -1e-09 s from the grid .* move it to 0 s or 2\.3.*e-09 s"
    ):
        fit_times(np.array([0.0, 1e-9]), rate, label="edge {}".format)
    ticks, errors = fit_times(np.array([0.0, 1e-9]), rate, "up", tolerance_s=2e-9)
    assert ticks.tolist() == [0, 1] and errors[1] == pytest.approx(1 / 430.08e6 - 1e-9)
    assert TIME_TOLERANCE_S == 0.5e-9


@given(st.lists(st.floats(0, 1, allow_nan=False), max_size=20))
def test_each_error_is_at_most_half_a_tick_and_none_accumulates(times: list[float]) -> None:
    ticks, errors = fit_times(np.array(times), Fraction(2_400_000_000))
    for time_s, tick, error in zip(times, ticks.tolist(), errors.tolist(), strict=True):
        exact = Fraction(tick, 2_400_000_000) - Fraction(repr(time_s))
        assert abs(exact) <= Fraction(1, 4_800_000_000) and error == pytest.approx(float(exact), abs=1e-24)


def test_lengths_are_refused_with_the_remedy_and_padded_only_on_purpose() -> None:
    channel = TABLES["zurich-hdawg"].channels["output"]
    given_ = np.array([32, 48, 33, 16])
    with pytest.raises(CompileError, match=r"pulse 2: length = 33 samples, .*lengthen to 48 samples or set pad='zero'"):
        fit_lengths(given_, channel)
    lengths, added = fit_lengths(given_, channel, pad="zero")
    assert lengths.tolist() == [32, 48, 48, 32] and added.tolist() == [0, 0, 15, 16]
    with pytest.raises(CompileError, match="pad='hold' is not what this channel can do"):
        fit_lengths(given_, channel, pad="hold")
    with pytest.raises(CompileError, match="over 98304"):
        fit_lengths(np.array([98_305]), TABLES["zurich-shfsg"].channels["output"], pad="zero")


def test_numbers_of_numpy_are_numbers() -> None:
    """Their repr is another one; only what a cache held already was understood."""
    assert to_ticks(np.float64(41.3e-9), Fraction(10**10)) == (413, 0.0)
    assert to_ticks(np.float32(0.5), Fraction(10)) == (5, 0.0)
    assert rational_hz(np.float32(2.0**30)) == 2**30
    assert fit(np.float64(0.37), Range(0, 1, "V", resolution=0.01)) == (0.37, 0.0)
    can = TABLES["zurich-hdawg"]
    check_number(can, "channels.output.length", np.float64(32.0))
    with pytest.raises(TimingError, match="33 samples is not a whole multiple of 16"):
        check_number(can, "channels.output.length", np.float64(33.0))


def test_tolerance_that_is_no_number_accepts_nothing() -> None:
    with pytest.raises(CompileError, match="from the grid"):
        fit(0.37, Range(0, 1, "V", step=0.1), tolerance=math.nan)
    with pytest.raises(TimingError, match="from the grid"):
        fit_times(np.array([1.3e-9]), Fraction(10**9), tolerance_s=math.nan)


@pytest.mark.parametrize(
    "lengths",
    [np.array([16.7]), np.array([32.0]), np.array([-5]), np.array([2**63 - 1]), np.array([2**64 - 1], np.uint64)],
)
def test_lengths_that_are_no_counts_are_not_cut_to_some(lengths: np.ndarray) -> None:
    with pytest.raises(CompileError, match="length"):
        fit_lengths(lengths, TABLES["zurich-hdawg"].channels["output"], "zero")
