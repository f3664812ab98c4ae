"""Times over all points of a sweep: exact fractions of a second with one denominator, as whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import isfinite, lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError
from qctl.units import to_ticks

__all__ = ["Times", "later"]

_WHOLE = 2**63 - 1


class Times:
    """One exact time for each point; adding them up costs whole numbers, not the gcd of every fraction.

    Parameters
    ----------
    numerators : (n_points,) object
        Python's whole numbers, which have no bound.
    denominator : int
        Of all of them, in 1/s.
    """

    __slots__ = ("denominator", "numerators")

    def __init__(self, numerators: NDArray[np.object_], denominator: int) -> None:
        self.numerators = numerators
        self.denominator = denominator

    @classmethod
    def of(cls, times_s: Sequence[float]) -> Times:
        """Return floats as the times that they print as, like `units.rational_s`.

        Raises
        ------
        RequestError
            If one is NaN or infinite.
        """
        for time_s in times_s:
            if not isfinite(time_s):
                raise RequestError(f"time_s = {time_s} is not a finite number")
        ratios = [Decimal(repr(time_s)).as_integer_ratio() for time_s in times_s]
        denominator = lcm(*(d for _, d in ratios))
        return cls(_whole([n * (denominator // d) for n, d in ratios]), denominator)

    def __len__(self) -> int:
        return len(self.numerators)

    def __add__(self, other: Fraction | Times) -> Times:
        mine, theirs, denominator = self._alike(other)
        return Times(mine + theirs, denominator)

    __radd__ = __add__

    def __sub__(self, other: Fraction | Times) -> Times:
        mine, theirs, denominator = self._alike(other)
        return Times(mine - theirs, denominator)

    def __rsub__(self, other: Fraction) -> Times:
        mine, theirs, denominator = self._alike(other)
        return Times(theirs - mine, denominator)

    def _alike(self, other: Fraction | Times) -> tuple[NDArray[np.object_], Any, int]:
        """Return both numerators over one denominator."""
        denominator = lcm(self.denominator, other.denominator)
        mine = self.numerators
        if denominator != self.denominator:
            mine = mine * (denominator // self.denominator)
        theirs = other.numerators if isinstance(other, Times) else other.numerator
        if denominator != other.denominator:
            theirs = theirs * (denominator // other.denominator)
        return mine, theirs, denominator

    def later(self, other: Fraction | Times) -> Times:
        """Return the later of two times at each point."""
        mine, theirs, denominator = self._alike(other)
        return Times(np.maximum(mine, theirs), denominator)

    def least(self) -> Fraction:
        """Return the earliest of all points."""
        return Fraction(min(self.numerators.tolist()), self.denominator)

    def greatest(self) -> Fraction:
        """Return the latest of all points."""
        return Fraction(max(self.numerators.tolist()), self.denominator)

    def floats(self) -> NDArray[np.float64]:
        """Return seconds, each rounded once."""
        denominator = self.denominator
        return np.array([numerator / denominator for numerator in self.numerators.tolist()])

    def ticks(self, rate_hz: Fraction) -> tuple[NDArray[np.int64], float]:
        """Return each time in whole ticks of a clock, the earlier one of two, and the largest error in seconds.

        Raises
        ------
        TimingError
            If the ticks don't fit in 63 bits.
        """
        by, parts = rate_hz.numerator, self.denominator * rate_hz.denominator
        ticks = []
        worst = 0
        for numerator in self.numerators.tolist():
            tick, rest = divmod(numerator * by, parts)
            if 2 * rest > parts:
                tick += 1
                rest -= parts
            worst = max(worst, abs(rest))
            ticks.append(tick)
        if max(map(abs, ticks), default=0) > _WHOLE:
            to_ticks(max(self.greatest(), -self.least()), rate_hz)
        return np.array(ticks, np.int64), float(Fraction(worst, parts) / rate_hz)


def later(a: Fraction | Times, b: Fraction | Times) -> Fraction | Times:
    """Return the later of two times, at each point where they differ from point to point."""
    if isinstance(a, Times):
        return a.later(b)
    if isinstance(b, Times):
        return b.later(a)
    return a if a >= b else b


def _whole(values: list[int]) -> NDArray[np.object_]:
    made = np.empty(len(values), object)
    made[:] = values
    return made
