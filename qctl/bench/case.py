"""Case: one piece of work that qctl and its peers do side by side, and what qctl commits to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Case", "Goal", "Mean"]

Prepare = Callable[[int], Callable[[], Any]]


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound on one case.

    Attributes
    ----------
    side : str
        A peer: its time over qctl's is at least `bound`. ``qctl``: its time for a unit is at most `bound` seconds.
        ``floor``: qctl's time over the floor's is at most `bound`. ``fastest``: as for a peer, for the fastest of all.
    bound : float
    """

    side: str
    bound: float


@dataclass(frozen=True, slots=True)
class Mean:
    """A bound on the geometric mean of a ratio over several cases.

    Attributes
    ----------
    name : str
        What it is about.
    cases : tuple of str
        Names of cases.
    peer : str
        Side that qctl is compared with.
    bound : float
        The mean of the peer's time over qctl's is at least this; of a figure, qctl's over the peer's is at most this.
    figure : str
        A label of `Case.figures`, or empty for the time.
    side : str
        Which of qctl's sides it is about.
    worst : float, optional
        What no single case may be below (time) or above (figure).
    """

    name: str
    cases: tuple[str, ...]
    peer: str
    bound: float
    figure: str = ""
    side: str = "qctl"
    worst: float | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One piece of work, done by several sides.

    Attributes
    ----------
    name : str
        Short, without spaces.
    work : str
        What every side does, in one sentence.
    sides : mapping of str to function
        Name of a package (``qctl``, a peer, or ``floor``) to a function of the number of threads. It imports the
        package, prepares, and returns the callable that is timed; ImportError says that a package is not installed.
    agree : function
        Gets what each side's callable returned, by name; raises AssertionError if it isn't the same work.
    goals : tuple of Goal
    n_units : int
        How many gates, pulses, … the work has; times are reported for one of them.
    unit : str
    threads : tuple of int
        Numbers of threads that it is measured with.
    rounds : int
        How often each side is timed; sides take turns.
    figures : function, optional
        Gets the returned values by name; gives for each name numbers by label, such as gate counts or errors.
    """

    name: str
    work: str
    sides: Mapping[str, Prepare]
    agree: Callable[[Mapping[str, Any]], None]
    goals: tuple[Goal, ...] = ()
    n_units: int = 1
    unit: str = "run"
    threads: tuple[int, ...] = (1,)
    rounds: int = 5
    figures: Callable[[Mapping[str, Any]], Mapping[str, Mapping[str, float]]] | None = field(default=None)
