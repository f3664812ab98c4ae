"""Whether what a step brought is what the scenario expects; each function returns sentences about what is not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from qctl import wire
from qctl.errors import QctlError
from qctl.hil.bench.outcome import Outcome
from qctl.hil.bench.scenario import Scenario
from qctl.hil.bench.steps import Chance, EventWanted, Expect

__all__ = ["is_wanted", "judge_chance", "judge_error", "judge_limits", "judge_value"]


def judge_error(wanted: Expect, error: QctlError | None) -> list[str]:
    """Judge the error that a step ended with, or that it had none."""
    if wanted.error is None:
        return [] if error is None else [f"failed: {error.code}: {error.message}"]
    if error is None:
        return [f"no error came, expected {wanted.error}"]
    found = (
        [] if error.code == wanted.error else [f"error {error.code} came instead of {wanted.error}: {error.message}"]
    )
    if wanted.words not in error.message:
        found.append(f"the error's words lack {wanted.words!r}: {error.message}")
    return found


def judge_value(wanted: Expect, value: Any, unit: str = "") -> list[str]:
    """Judge what a step returned."""
    found = []
    if wanted.unit is not None and unit != wanted.unit:
        found.append(f"the unit is {unit or 'none'}, expected {wanted.unit}")
    if wanted.value is not None and not _same(wanted.value, value):
        found.append(f"{value!r} came, expected {wanted.value!r}")
    if wanted.min is None and wanted.max is None:
        return found
    low, high = (-math.inf if wanted.min is None else wanted.min), (math.inf if wanted.max is None else wanted.max)
    try:
        number = float(value)
    except (TypeError, ValueError):
        return [*found, f"{value!r} is no number, expected one in [{low:g}, {high:g}]"]
    if not low <= number <= high:
        found.append(f"{number:g} {unit}".strip() + f" is outside [{low:g}, {high:g}]")
    return found


def _same(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, bool) or isinstance(value, bool) or isinstance(wanted, str):
        return bool(wanted == value)
    return isinstance(value, int | float) and math.isclose(wanted, value, rel_tol=1e-9, abs_tol=1e-12)


def judge_chance(wanted: Mapping[str, Chance], counts: Any) -> list[str]:
    """Judge counts by bit string."""
    if not wanted:
        return []
    if not isinstance(counts, Mapping):
        return ["there are no counts of a single circuit"]
    n_shots = sum(counts.values())
    if not n_shots:
        return ["there are counts of no shot"]
    found = []
    for bits, chance in wanted.items():
        share = counts.get(bits, 0) / n_shots
        if chance.p is not None:
            sigma = math.sqrt(max(chance.p * (1 - chance.p), 1 / n_shots) / n_shots)
            if not abs(share - chance.p) <= chance.sigma * sigma:
                away = abs(share - chance.p) / sigma
                found.append(f"{bits} came in {share:.4f} of {n_shots} shots, {away:.1f} sigma from {chance.p:g}")
        if not chance.min <= share <= chance.max:
            found.append(f"{bits} came in {share:.4f} of {n_shots} shots, outside [{chance.min:g}, {chance.max:g}]")
    return found


def is_wanted(wanted: EventWanted, event: wire.Event) -> bool:
    """Say whether an event is the one that is waited for."""
    return (
        f"{event.topic}.".startswith(f"{wanted.topic.rstrip('.')}.")
        and all(_same(value, event.body.get(key)) for key, value in wanted.holds.items())
        and all(part in str(event.body.get(key, "")) for key, part in wanted.words.items())
    )


def judge_limits(scenario: Scenario, outcome: Outcome) -> list[str]:
    """Judge how long the steps of each kind took."""
    found = []
    latencies = outcome.latencies()
    for kind, limits in scenario.limits.items():
        if kind not in latencies:
            found.append(f"limits.{kind}: no step of this kind was played")
            continue
        for name in ("p50_s", "p99_s", "max_s", "jitter_s"):
            bound, value = getattr(limits, name), getattr(latencies[kind], name)
            if bound is not None and value > bound:
                found.append(f"limits.{kind}.{name}: {value:.6f} s of {latencies[kind].n} steps is over {bound:g} s")
    return found
