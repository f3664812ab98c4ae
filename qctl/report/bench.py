"""The report of a bench: for each scenario its steps, a timeline with faults and links, and how long things took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qctl.report.page import Page

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["bench_timeline", "latency_histograms", "write_bench"]

_PASSED, _FAILED, _FAULT = "#228833", "#cc3311", "#ee7733"
_LINKS = {"up": "#bbddbb", "degraded": "#ee7733", "down": "#cc3311", "closed": "#bbbbbb"}
_OTHER_LINK = "#ccbb44"
_NAMED_SHARE = 0.08
"""Share of the timeline that a state must last for its name to have room."""
_MOST_STEPS = 60
"""Steps of a timeline that are drawn; a table has all of them."""


def bench_timeline(outcome: Mapping[str, Any]) -> Figure:
    """Draw when each step ran, from when to when faults were set, and the state of every link that changed.

    Parameters
    ----------
    outcome : mapping
        Of one scenario, as `qctl hil run --json` has it.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    steps = outcome["steps"][:_MOST_STEPS]
    links: dict[str, list[tuple[float, str]]] = {}
    for at_s, name, state in outcome["changes"]:
        links.setdefault(name, []).append((at_s, state))
    rows = [*(f"{step['number']} {step['title'][:40]}" for step in steps)]
    rows += [f"fault {name}" for _, _, name in outcome["faults"]] + [f"link {name}" for name in links]
    figure = Figure(figsize=(9.5, 0.8 + 0.24 * max(1, len(rows))), layout="constrained")
    axes = figure.subplots()
    total_s = max(outcome["took_s"], 1e-6)
    thin_s = total_s / 400
    for row, step in enumerate(steps):
        color = _FAILED if step["problems"] else _PASSED
        axes.barh(row, max(step["took_s"], thin_s), left=step["begin_s"], height=0.7, color=color)
    for row, (begin_s, end_s, _) in enumerate(outcome["faults"], start=len(steps)):
        axes.barh(row, max(end_s - begin_s, thin_s), left=begin_s, height=0.7, color=_FAULT, hatch="//")
    for row, changes in enumerate(links.values(), start=len(steps) + len(outcome["faults"])):
        ends = [at_s for at_s, _ in changes[1:]] + [total_s]
        axes.barh(row, changes[0][0], height=0.4, color=_LINKS["up"])
        for (at_s, state), end_s in zip(changes, ends, strict=True):
            axes.barh(row, max(end_s - at_s, thin_s), left=at_s, height=0.4, color=_LINKS.get(state, _OTHER_LINK))
            if end_s - at_s > _NAMED_SHARE * total_s:  # shorter ones are told by their colour
                axes.text(at_s, row - 0.25, state, fontsize=6)
    if links:
        named = {**_LINKS, "reconnecting": _OTHER_LINK}
        shown = {state for changes in links.values() for _, state in changes} | {"up"}
        handles = [Patch(color=color, label=state) for state, color in named.items() if state in shown]
        axes.legend(
            handles=handles, fontsize=6, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(handles), frameon=False
        )
    axes.set_yticks(range(len(rows)), rows, fontsize=7)
    axes.invert_yaxis()
    axes.set_xlim(0, total_s)
    axes.set_xlabel("Time since the scenario began (s)", fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def latency_histograms(times_s: Mapping[str, Sequence[float]]) -> Figure:
    """Draw how often steps of each kind took how long, on a logarithmic axis; kinds with one time are left out."""
    import numpy as np
    from matplotlib.figure import Figure

    several = {kind: np.maximum(times, 1e-7) * 1e3 for kind, times in times_s.items() if len(times) > 1}
    figure = Figure(figsize=(3.1 * max(1, len(several)), 2.3), layout="constrained")
    panels = figure.subplots(1, max(1, len(several)), squeeze=False)[0]
    for axes, (kind, times_ms) in zip(panels, several.items(), strict=False):
        low, high = float(times_ms.min()), float(times_ms.max())
        axes.hist(times_ms, bins=np.geomspace(low * 0.9, high * 1.1, 30).tolist(), color="#4477aa")
        axes.set_xscale("log")
        axes.set_title(f"{kind}, {len(times_ms)} times", fontsize=9)
        axes.set_xlabel("ms", fontsize=8)
        axes.tick_params(labelsize=7, which="both")
    return figure


def write_bench(outcomes: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write the report of several scenarios as one HTML file that stands alone.

    Parameters
    ----------
    outcomes : sequence of mapping
        As `qctl hil run --json` has them.
    path : Path
        Of the file.
    """
    failed = [one["name"] for one in outcomes if not one["passed"]]
    page = Page("Bench")
    page.text(f"{len(outcomes)} scenarios, {len(failed)} failed{': ' if failed else ''}{', '.join(failed)}")
    page.table(
        ("scenario", "result", "lab", "s", "first problem"),
        [
            (one["name"], _word(one["passed"]), one["lab"], f"{one['took_s']:.2f}", "".join(one["all_problems"][:1]))
            for one in outcomes
        ],
    )
    for one in outcomes:
        page.heading(f"{one['name']}: {_word(one['passed'])}")
        for problem in one["all_problems"]:
            page.text(problem)
        page.figure(bench_timeline(one), "Steps (red: failed), faults and links over time")
        page.table(
            ("", "step", "at s", "took s", "result", "said"),
            [
                (
                    step["number"], step["title"], f"{step['begin_s']:.3f}", f"{step['took_s']:.3f}",
                    "; ".join(step["problems"]) or "passed", step["said"][:200],
                )
                for step in one["steps"]
            ],
        )  # fmt: skip
        page.table(
            ("kind of step", "times", "median ms", "99th percentile ms", "longest ms", "jitter ms"),
            [
                (kind, row["n"], *(f"{1e3 * row[name]:.3f}" for name in ("p50_s", "p99_s", "max_s", "jitter_s")))
                for kind, row in one["latencies"].items()
            ],
        )
        if any(len(times) > 1 for times in one["times_s"].values()):
            page.figure(latency_histograms(one["times_s"]), "How long steps took")
    page.write(path)


def _word(passed: bool) -> str:
    return "passed" if passed else "FAILED"
