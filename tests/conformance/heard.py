"""What judges hear of a run, whatever the family: stretches of sound on a port, and windows that were recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

__all__ = ["Heard", "Line", "Stretch", "stretches"]


@dataclass
class Stretch:
    """Sound without a gap: time of its first sample's begin from time zero of the point, and samples in LSB."""

    start: Fraction
    samples: np.ndarray


@dataclass
class Line:
    """All that one output, or a pair of them, plays at one point; outside the stretches it is silent.

    Attributes
    ----------
    ports : tuple of str
        Ports that it carries together.
    point : int
    rate_hz : Fraction
        Samples a second.
    lsb_v : float
        Volts of one step of the box's word.
    bits : int
        Of the box's converter.
    stretches : list of Stretch
    grid : Fraction
        Of starts, in seconds.
    starts : list of Fraction, optional
        When the box begins each play, in the order of their times; None where the box's grid is that of the port's
        clock, so that the timeline's ticks say it.
    length_grid : int
        Samples that a constant pulse is a multiple of.
    carries : bool
        Whether I and Q are heard, or one line without a carrier.
    loose : str
        What is between the words and the output, so that two LSB are allowed: an NCO, an interpolation; empty if none.
    own_turns : function, optional
        From the frequency of a play and when the box begins it, both exact, to the phase in turns by which the box's
        carrier is ahead of the frame's, and which its recorder shares: where readout tones begin anew, or never end.
    """

    ports: tuple[str, ...]
    point: int
    rate_hz: Fraction
    lsb_v: float
    bits: int
    stretches: list[Stretch]
    grid: Fraction
    starts: list[Fraction] | None = None
    length_grid: int = 1
    carries: bool = True
    loose: str = ""
    own_turns: Callable[[Fraction, Fraction], float] | None = None


@dataclass
class Heard:
    """All that was heard of a run.

    Attributes
    ----------
    lines : list of Line
    windows : list of tuple
        Port, point, start and length in seconds, and the grid of starts.
    taken : list of str
        Who took the program: ``assembler``, ``compiler`` …
    reported_s : float
        Largest rounding of a start that the lowering itself reports, beside that of the timeline.
    unheard : str
        What nobody plays, in words; empty if all is heard.
    """

    lines: list[Line] = field(default_factory=list)
    windows: list[tuple[str, int, Fraction, Fraction, Fraction]] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    reported_s: float = 0.0
    unheard: str = ""


def stretches(samples: np.ndarray, first: Fraction, rate_hz: Fraction, quiet: int = 64) -> Iterator[Stretch]:
    """Yield what is not silent of an output's samples, cut where it is silent for long."""
    loud = np.flatnonzero(samples)
    if not len(loud):
        return
    cuts = np.flatnonzero(np.diff(loud) > quiet)
    begins, ends = np.concatenate([loud[:1], loud[cuts + 1]]), np.concatenate([loud[cuts], loud[-1:]])
    for a, b in zip(begins.tolist(), ends.tolist(), strict=True):
        yield Stretch(first + a / rate_hz, samples[a : b + 1])
