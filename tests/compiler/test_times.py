"""Times of many points equal fractions of seconds, point by point."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qctl.compiler.times import Times, later
from qctl.errors import RequestError, TimingError
from qctl.units import rational_s, to_ticks

SECONDS = st.floats(0, 1e-3, allow_subnormal=False)
FRACTIONS = st.fractions(0, Fraction(1, 1000), max_denominator=10**12)


def fractions(times: Times) -> list[Fraction]:
    return [Fraction(n, times.denominator) for n in times.numerators.tolist()]


@given(st.lists(st.tuples(SECONDS, SECONDS), min_size=1, max_size=6), FRACTIONS)
def test_sums_differences_and_the_later_are_those_of_fractions(pairs, one):
    a, b = (Times.of([pair[k] for pair in pairs]) for k in (0, 1))
    exact = [(rational_s(x), rational_s(y)) for x, y in pairs]
    assert fractions(a) == [x for x, _ in exact]
    assert fractions(a + b) == [x + y for x, y in exact]
    assert fractions(a - b) == [x - y for x, y in exact]
    assert fractions(one + a) == fractions(a + one) == [x + one for x, _ in exact]
    assert fractions(one - a) == [one - x for x, _ in exact]
    assert fractions(a - one) == [x - one for x, _ in exact]
    assert fractions(later(a, b)) == [max(pair) for pair in exact]
    assert fractions(later(one, a)) == fractions(later(a, one)) == [max(x, one) for x, _ in exact]
    assert (a.least(), a.greatest()) == (min(x for x, _ in exact), max(x for x, _ in exact))
    assert a.floats().tolist() == [float(x) for x, _ in exact]


@given(
    st.lists(st.one_of(SECONDS, st.integers(0, 10**6).map(lambda n: n / 2.4e9)), min_size=1, max_size=6),
    st.sampled_from([Fraction(1_200_000_000), Fraction(10**10, 3), Fraction(7, 5)]),
)
def test_ticks_are_rounded_like_one_time(values, rate_hz):
    ticks, error_s = Times.of(values).ticks(rate_hz)
    one_by_one = [to_ticks(value, rate_hz) for value in values]
    assert ticks.dtype == np.int64
    assert ticks.tolist() == [one.ticks for one in one_by_one]
    assert error_s == max(abs(one.error_s) for one in one_by_one)


def test_half_a_tick_goes_to_the_earlier_one():
    ticks, error_s = Times.of([0.5, 1.5, 2.5]).ticks(Fraction(1))
    assert ticks.tolist() == [0, 1, 2]
    assert error_s == 0.5
    assert [to_ticks(half, Fraction(1)).ticks for half in (-1.5, -0.5, 0.5, 1.5)] == [-2, -1, 0, 1]


@pytest.mark.parametrize("sign", [1, -1])
def test_ticks_over_63_bits_are_refused(sign):
    with pytest.raises(TimingError, match=r"over 2\*\*63 ticks"):
        Times.of([0.0, sign * 1e10]).ticks(Fraction(10**9))


def test_time_that_is_no_number_is_refused():
    with pytest.raises(RequestError, match="nan is not a finite number"):
        Times.of([0.0, float("nan")])
