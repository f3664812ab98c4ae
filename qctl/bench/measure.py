"""Measure an area's cases in this process: sides take turns, medians count."""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from qctl.bench.case import Case, Goal, Mean

__all__ = ["judge_means", "measure_area", "measure_case"]

Note = Callable[[str], None]


def measure_area(module: str, n_threads: int, names: Sequence[str], note: Note) -> list[dict[str, Any]]:
    """Measure the cases of one area that ask for this number of threads.

    Parameters
    ----------
    module : str
        Module with `CASES`.
    n_threads : int
    names : sequence of str
        Only these cases; all if it is empty.
    note : function
        Is told what is measured next.
    """
    found = []
    cases: Iterable[Case] = import_module(module).CASES
    for case in cases:
        if n_threads in case.threads and (not names or case.name in names):
            note(f"{case.name}, {n_threads} thread{'s' if n_threads > 1 else ''}")
            found.append(measure_case(case, n_threads))
    return found


ROUND_S = 0.02
"""How long a side repeats its work in a round."""
MOST_CALLS = 1000


def measure_case(case: Case, n_threads: int) -> dict[str, Any]:
    """Return one case's times, figures and goals as plain values.

    A side that can't be prepared is named under ``missing``; a case whose sides disagree says so under
    ``disagreement``, and meets no goal.
    """
    works: dict[str, Callable[[], Any]] = {}
    missing: dict[str, str] = {}
    for side, prepare in case.sides.items():
        try:
            works[side] = prepare(n_threads)
        except ImportError as error:
            missing[side] = str(error).partition("\n")[0]
    values = {side: work() for side, work in works.items()}
    disagreement = ""
    try:
        case.agree(values)
    except AssertionError as error:
        disagreement = str(error).partition("\n")[0] or "the sides return different results"
    times = _times(works, case.rounds)
    figures = {} if case.figures is None else case.figures(values)
    del values
    sides = {
        side: {
            "median_s": sorted(times[side])[len(times[side]) // 2],
            "min_s": min(times[side]),
            "version": _version(side),
            "figures": dict(figures.get(side, {})),
        }
        for side in works
    }
    return {
        "case": case.name,
        "work": case.work,
        "threads": n_threads,
        "rounds": case.rounds,
        "n_units": case.n_units,
        "unit": case.unit,
        "sides": sides,
        "missing": missing,
        "disagreement": disagreement,
        "goals": [_goal(goal, sides, case.n_units, disagreement) for goal in case.goals],
    }


def _times(works: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {side: [] for side in works}
    order = list(works)
    for _ in range(rounds):
        for side in order:
            gc.collect()
            times[side].append(_round_s(works[side]))
        order.reverse()
    return times


def _round_s(work: Callable[[], Any]) -> float:
    """Return the median time of a call; calls that are short are repeated, so that none is measured cold."""
    found: list[float] = []
    until = time.perf_counter() + ROUND_S
    while not found or (time.perf_counter() < until and len(found) < MOST_CALLS):
        begin = time.perf_counter()
        value = work()
        found.append(time.perf_counter() - begin)
        del value
    return statistics.median(found)


def _version(side: str) -> str:
    for name in (side, side.partition(" ")[0]):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return ""


def _goal(goal: Goal, sides: dict[str, Any], n_units: int, disagreement: str) -> dict[str, Any]:
    value: float | None = None
    met: bool | None = None
    peers = [name for name in sides if name not in ("qctl", "floor")]
    if "qctl" in sides and (goal.side in sides or (goal.side == "fastest" and peers)):
        own = sides["qctl"]["median_s"]
        if goal.side == "fastest":
            value = min(sides[peer]["median_s"] for peer in peers) / own
            met = value >= goal.bound
        elif goal.side == "qctl":
            value = own / n_units
            met = value <= goal.bound
        elif goal.side == "floor":
            value = own / sides["floor"]["median_s"]
            met = value <= goal.bound
        else:
            value = sides[goal.side]["median_s"] / own
            met = value >= goal.bound
    return {"side": goal.side, "bound": goal.bound, "value": value, "met": met and not disagreement}


def judge_means(means: Iterable[Mean], measured: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each geometric mean over the cases whose sides agree, and whether it meets its bound.

    A mean that lacks a case is not judged.
    """
    found = []
    for mean in means:
        ratios = {}
        lacking = set(mean.cases)
        for row in measured:
            has = mean.side in row["sides"] and mean.peer in row["sides"] and not row["disagreement"]
            if row["case"] in mean.cases and has:
                lacking.discard(row["case"])
                own, peer = row["sides"][mean.side], row["sides"][mean.peer]
                label = f"{row['case']}, {row['threads']}"
                if mean.figure:
                    ratios[label] = own["figures"][mean.figure] / peer["figures"][mean.figure]
                else:
                    ratios[label] = peer["median_s"] / own["median_s"]
        found.append(_judged(mean, ratios) | ({"met": None} if lacking else {}))
    return found


def _judged(mean: Mean, ratios: dict[str, float]) -> dict[str, Any]:
    value = met = worst = None
    if ratios:
        value = math.exp(sum(map(math.log, ratios.values())) / len(ratios))
        pick = max if mean.figure else min
        worst = pick(ratios, key=lambda label: ratios[label])
        met = value <= mean.bound if mean.figure else value >= mean.bound
        if mean.worst is not None:
            met = met and (ratios[worst] <= mean.worst if mean.figure else ratios[worst] >= mean.worst)
    return {
        "name": mean.name,
        "peer": mean.peer,
        "figure": mean.figure or "time",
        "bound": mean.bound,
        "worst_bound": mean.worst,
        "value": value,
        "worst": None if worst is None else {"case": worst, "value": ratios[worst]},
        "n_cases": len(ratios),
        "met": met,
    }
