"""Times, clocks and limits: the one place where a time becomes whole ticks.

Clocks are rational hertz, so that no tick is ever an accumulated float. Every rounding returns the
value together with its error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from numbers import Rational
from typing import NamedTuple

from qctl.errors import LimitError, RequestError, TimingError

__all__ = ["Limits", "Rounded", "common_grid_s", "rational_hz", "rational_s", "to_ticks"]

_MAX_TICKS = 2**63 - 1


class Rounded(NamedTuple):
    """A whole number of ticks, and how far it is from what was asked for.

    Attributes
    ----------
    ticks : int
        Whole ticks of the clock.
    error_s : float
        Rounded time less wanted time, in seconds; at most half a tick either way.
    """

    ticks: int
    error_s: float


@lru_cache(maxsize=1024, typed=True)
def rational_hz(rate_hz: float | int | Fraction) -> Fraction:
    """Return a clock rate as a fraction, in hertz.

    A float is read as the simplest fraction with a denominator of at most 1e6 that prints the same:
    ``1.2e9`` is 1,200,000,000/1 and not the neighbour that binary floats store.

    Raises
    ------
    RequestError
        If the rate is not a finite number above zero.
    """
    if isinstance(rate_hz, Rational):
        rate = Fraction(rate_hz)
    else:
        number = float(rate_hz)
        if not math.isfinite(number):
            raise RequestError(f"rate_hz = {number} is not a finite number")
        rate = Fraction(number).limit_denominator(10**6)
    if rate <= 0:
        raise RequestError(f"rate_hz = {rate_hz} is not above 0")
    return rate


def rational_s(time_s: float | int | Fraction) -> Fraction:
    """Return a time as a fraction of seconds; a float is taken as its shortest decimal form.

    ``40e-9`` means exactly 40 ns here, which is what its author wrote.

    Raises
    ------
    RequestError
        If the time is NaN or infinite.
    """
    if isinstance(time_s, Rational):
        return Fraction(time_s)
    number = float(time_s)
    if not math.isfinite(number):
        raise RequestError(f"time_s = {number} is not a finite number")
    return _decimal(number)


@lru_cache(maxsize=4096)
def _decimal(number: float) -> Fraction:
    """Return a float's shortest decimal form; a lab has few times, and they are asked for often."""
    return Fraction(float.__repr__(number))  # NumPy's floats have another repr


@lru_cache(maxsize=4096, typed=True)
def to_ticks(time_s: float | int | Fraction, rate_hz: Fraction, tolerance_s: float | None = None) -> Rounded:
    """Round a time to the nearest whole tick of a clock, the earlier one of two.

    Of samples that are taken at the middles of ticks, those from one rounded time to before another one are just those
    between the exact times. How ties go does not depend on the tick, so a length of whole ticks stays one anywhere.

    Parameters
    ----------
    time_s : float or Fraction
        Time in seconds.
    rate_hz : Fraction
        Ticks per second.
    tolerance_s : float, optional
        Largest rounding error that is accepted, in seconds; None accepts half a tick.

    Raises
    ------
    TimingError
        If the error is above the tolerance, or the ticks don't fit in 63 bits.
    """
    exact = rational_s(time_s) * rate_hz
    ticks = -((exact.denominator - 2 * exact.numerator) // (2 * exact.denominator))
    if abs(ticks) > _MAX_TICKS:
        raise TimingError(f"time_s = {float(time_s):g} is over 2**63 ticks of {float(rate_hz):g} Hz")
    error_s = float((ticks - exact) / rate_hz)
    if tolerance_s is not None and abs(error_s) > tolerance_s:
        raise TimingError(
            f"time_s = {float(time_s):.12g} is {error_s:+.3g} s off the grid of "
            f"{float(1 / rate_hz):.6g} s; at most {tolerance_s:.3g} s is accepted"
        )
    return Rounded(ticks, error_s)


def agree(sent: object, found: object, resolution: float = 0.0, share: float = 0.0) -> bool:
    """Say whether a value that is read is the one that was set.

    Parameters
    ----------
    sent, found : object
        Whole numbers, words and true or false are compared exactly; where one is a float, as `resolution` says.
    resolution : float
        How far two numbers may be apart, in their unit.
    share : float
        What may be added to it, as a share of what was sent.
    """
    numbers = [value for value in (sent, found) if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < 2 or not any(isinstance(value, float) for value in numbers):
        return bool(sent == found)
    return sent == found or abs(numbers[1] - numbers[0]) <= resolution + share * abs(numbers[0])


def common_grid_s(rates_hz: list[Fraction]) -> Fraction | None:
    """Return the shortest time that is whole ticks of every clock, or None above one second."""
    if not rates_hz:
        return None
    grid = Fraction(1) / rates_hz[0]
    for rate in rates_hz[1:]:
        period = Fraction(1) / rate
        grid = Fraction(
            math.lcm(grid.numerator * period.denominator, period.numerator * grid.denominator),
            grid.denominator * period.denominator,
        )
    return grid if grid <= 1 else None


@dataclass(frozen=True, slots=True)
class Limits:
    """A closed range that a setting must stay in; NaN is outside every range."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (self.low <= self.high):
            raise RequestError(f"limits [{self.low}, {self.high}] are not in order")

    def check(self, value: float, name: str) -> float:
        """Return the value if it is inside.

        Raises
        ------
        LimitError
            If it is outside or NaN; the value has not been sent.
        """
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise LimitError(f"{name} = {value!r} is not a number") from None
        except OverflowError:
            raise LimitError(f"{name} is more than any float, outside [{self.low:g}, {self.high:g}]") from None
        if not (self.low <= number <= self.high):
            shown = repr(value) if isinstance(value, bool) else f"{number:g}"
            raise LimitError(f"{name} = {shown} is outside [{self.low:g}, {self.high:g}]")
        return number
