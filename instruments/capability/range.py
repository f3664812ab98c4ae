"""The leaf of every capability table: the values that an instrument takes, with their unit and source."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from qctl.errors import RequestError
from qctl.units import Limits

__all__ = ["Number", "Range"]

Number = int | float | Fraction


@dataclass(frozen=True, slots=True)
class Range:
    """The values that an instrument takes, ends included; the leaf of every table.

    Attributes
    ----------
    low, high : number or None
        Ends; None where there is none.
    unit : str
        Of all numbers here.
    step : number, optional
        Only whole multiples of it are taken: another value is refused.
    resolution : number, optional
        Smallest change that the instrument makes: another value is rounded to it, and the error reported.
    source : str
        Where the numbers were read or tried.
    unverified : str
        Which of the numbers nobody has tried or read in the vendor's own code (``low``, ``high``, ``step``, ``all``):
        look at a data sheet before anything depends on them.
    choices : tuple of number
        Where only a few values are taken, all of them.
    """

    low: Number | None = None
    high: Number | None = None
    unit: str = ""
    step: Number | None = None
    resolution: Number | None = None
    source: str = ""
    unverified: str = ""
    choices: tuple[Number, ...] = ()

    def __post_init__(self) -> None:
        ends = [x for x in (self.low, self.high, self.step, self.resolution) if x is not None]
        ordered = self.low is None or self.high is None or self.low <= self.high
        positive = all(x is None or x > 0 for x in (self.step, self.resolution))
        if not (all(math.isfinite(x) for x in ends) and ordered and positive):
            raise RequestError(f"range {self.low} … {self.high}, step {self.step}, resolution {self.resolution}")

    @property
    def limits(self) -> Limits:
        """Return both ends as they bound a setting; infinite where there is none."""
        low, high = (
            default if x is None else float(x) for x, default in ((self.low, -math.inf), (self.high, math.inf))
        )
        return Limits(low, high)

    @property
    def most(self) -> int:
        """Return the upper end of a count; RequestError if it has none."""
        if self.high is None:
            raise RequestError(f"a range in {self.unit or 'numbers'} from {self.low} has no upper end")
        return int(self.high)

    @property
    def least(self) -> int:
        """Return the lower end of a count; RequestError if it has none."""
        if self.low is None:
            raise RequestError(f"a range in {self.unit or 'numbers'} up to {self.high} has no lower end")
        return int(self.low)
