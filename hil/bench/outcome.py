"""What came of a scenario: each step's times and findings, latencies by kind of step, and whether all held."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

__all__ = ["Latency", "Outcome", "StepOutcome", "plain"]

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
"""Control characters, other ends of lines, and what is no character: terminals act on them, XML and HTML have none."""


def plain(text: str) -> str:
    """Return a text for people in one line: what can't be seen stands there as in a Python literal."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


@dataclass(slots=True)
class StepOutcome:
    """One step that was played.

    Attributes
    ----------
    number : int
        From 1, within one repetition.
    repetition : int
        From 1.
    kind, title : str
        What it did.
    begin_s, took_s : float
        Since the scenario's begin; how long.
    problems : list of str
        What was not as expected; empty when all was.
    said : str
        What it returned, for people.
    """

    number: int
    repetition: int
    kind: str
    title: str
    begin_s: float
    took_s: float = 0.0
    problems: list[str] = field(default_factory=list)
    said: str = ""


@dataclass(frozen=True, slots=True)
class Latency:
    """How long steps of one kind took."""

    n: int
    p50_s: float
    p99_s: float
    max_s: float

    @property
    def jitter_s(self) -> float:
        """Return the 99th percentile less the median."""
        return self.p99_s - self.p50_s


@dataclass(slots=True)
class Outcome:
    """One scenario that was played.

    Attributes
    ----------
    name, file, lab : str
        Which, and against what.
    begin_s : float
        Unix time.
    steps : list of StepOutcome
        In order.
    times_s : dict of str to list of float
        Every single time, by kind of step.
    changes : list of (float, str, str)
        When a link changed, which, and to what, since the begin.
    faults : list of (float, float, str)
        From when to when which fault was set.
    problems : list of str
        What was wrong beside the steps: limits, or a lab that did not come up.
    """

    name: str
    file: str
    lab: str
    begin_s: float
    took_s: float = 0.0
    steps: list[StepOutcome] = field(default_factory=list)
    times_s: dict[str, list[float]] = field(default_factory=dict)
    changes: list[tuple[float, str, str]] = field(default_factory=list)
    faults: list[tuple[float, float, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Say whether everything was as expected."""
        return not self.problems and not any(step.problems for step in self.steps)

    @property
    def all_problems(self) -> list[str]:
        """Return what was wrong, with its step."""
        found = [f"step {step.number} ({step.title}): {text}" for step in self.steps for text in step.problems]
        return found + self.problems

    def latencies(self) -> dict[str, Latency]:
        """Return how long steps took, by kind."""
        found = {}
        for kind, times_s in self.times_s.items():
            p50_s, p99_s = np.quantile(times_s, (0.5, 0.99))
            found[kind] = Latency(len(times_s), float(p50_s), float(p99_s), max(times_s))
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        latencies = {kind: asdict(one) | {"jitter_s": one.jitter_s} for kind, one in self.latencies().items()}
        whole = asdict(self)
        return whole | {"passed": self.passed, "latencies": latencies, "all_problems": self.all_problems}
