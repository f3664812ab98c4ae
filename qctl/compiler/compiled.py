"""Compiled: a program ready to be lowered, and what it was timed from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from qctl.compiler.timing import Timing
from qctl.compiler.translate import Native
from qctl.program.body import Body
from qctl.program.timeline import Timeline

__all__ = ["Compiled", "Origin"]


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """What a program of gates was timed from, so that changed angles need not be timed again.

    Attributes
    ----------
    timing : Timing
        Of all programs of the call that were timed together.
    sequence : int
        Which of its sequences this one is.
    native : Native or None
        The translated line; None for a line that was native before.
    translate : function
        Translates a body as this one was.
    """

    timing: Timing
    sequence: int
    native: Native | None
    translate: Callable[[Body], Native | None]


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """A program, ready to be lowered.

    Attributes
    ----------
    timeline : Timeline
        All points with all starts.
    layout : tuple of str
        Qubit of lab.toml that each of the program's qubits starts on.
    final_layout : tuple of str
        Qubit of lab.toml that each of the program's qubits ends on.
    n_two_qubit_gates, n_pulses : int
        CZ gates and one-qubit pulses of one shot.
    times_s : tuple of (stage, seconds)
        How long each stage took.
    origin : Origin, optional
        What it was timed from, if it has gates alone.
    """

    timeline: Timeline
    layout: tuple[str, ...]
    final_layout: tuple[str, ...]
    n_two_qubit_gates: int
    n_pulses: int
    times_s: tuple[tuple[str, float], ...]
    origin: Origin | None = None
