"""What was measured, as text for people: a table in the terminal, and a Markdown page with a plot for each area."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qctl.bench.areas import AREAS

__all__ = ["rows_text", "write_page"]


def rows_text(area: dict[str, Any]) -> str:
    """Return an area's cases and means as lines of text."""
    lines = []
    for row in area["cases"]:
        lines.append(f"{row['case']} ({_threads(row)}): {row['work']}")
        for side, entry in row["sides"].items():
            ratio = _ratio(row, side)
            beside = "" if ratio is None else f"{ratio:9.2f}×"
            lines.append(
                f"    {side:24}{_time(entry['median_s'] / row['n_units']):>12} a {row['unit']}{beside}{_figures(entry)}"
            )
        lines += [f"    {side:24}missing: {why}" for side, why in row["missing"].items()]
        lines += [f"    {text}" for text in _verdicts(row)]
    lines += [_mean_text(mean) for mean in area["means"]]
    return "\n".join(lines)


def write_page(measured: dict[str, Any], page: Path) -> None:
    """Write a page of all that was measured, and a plot for each area beside it.

    Parameters
    ----------
    measured : dict
        ``areas`` as `qctl bench --json` prints them. Others keep what the page had.
    page : Path
        A Markdown file; the plots are ``images/bench-AREA.svg`` in its folder, the figures are in the JSON file of
        its name.
    """
    found = kept_areas(page) | measured
    areas = {name: found[name] for name in AREAS if name in found}
    lines = [
        "# Benchmarks",
        "",
        "Made by `make bench` (or `qctl bench --page docs/benchmarks.md` where the peers are installed; with names of",
        "areas or `--case`, the others stay as they were). Each case is the same work on all sides, in one process,",
        "with equal threads, sides taking turns of at least 20 ms; the case checks that the results agree. Times are",
        "medians. A ratio is the peer's time over qctl's: above 1, qctl is faster. Floors are what a few lines of C or",
        "numpy need for the least of the work. Absolute times move from machine to machine; ratios move less.",
        "",
        *_summary(areas),
    ]
    for name, area in areas.items():
        if area["cases"]:
            lines += ["", *_area_lines(name, area, page)]
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join(lines) + "\n")
    page.with_suffix(".json").write_text(json.dumps(areas, indent=1) + "\n")


def kept_areas(page: Path) -> dict[str, Any]:
    """Return the areas that a page shows, as they were measured."""
    kept = page.with_suffix(".json")
    found: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {}
    return found


def _summary(areas: dict[str, Any]) -> Iterator[str]:
    """Say how many commitments are met, and name the others."""
    met, others = 0, []
    for area in areas.values():
        said = [(f"{row['case']} ({_threads(row)}): ", _verdicts(row)) for row in area["cases"]]
        for text in [*(head + line for head, lines in said for line in lines), *map(_mean_text, area["means"])]:
            met += ": met" in text
            others += [text] if ": met" not in text else []
    yield f"**{met} of {met + len(others)} commitments are met.**" + (" Not met, or not measured:" if others else "")
    yield ""
    yield from (f"- {text}" for text in others)


def _area_lines(name: str, area: dict[str, Any], page: Path) -> Iterator[str]:
    title = AREAS[name]
    yield f"## {title[0].upper()}{title[1:]}"
    yield ""
    on = area["machine"]
    where = f"{on['n_cpus']} cores of {on['processor']}, Python {on['python']}"
    yield f"`qctl bench {name}`, {on['date']}, {where}"
    yield ""
    picture = page.parent / "images" / f"bench-{name}.svg"
    if _plot(area, title, picture):
        yield f"![{title}: time of peers over qctl's](images/{picture.name})"
        yield ""
    yield "| case | side | threads | time | ratio | figures |"
    yield "|---|---|---:|---:|---:|---|"
    for row in area["cases"]:
        for side, entry in row["sides"].items():
            ratio = _ratio(row, side)
            time = f"{_time(entry['median_s'] / row['n_units'])} a {row['unit']}"
            shown = f"{side} {entry['version']}".strip()
            beside = "" if ratio is None else f"{ratio:.2f}"
            yield f"| {row['case']} | {shown} | {row['threads']} | {time} | {beside} | {_figures(entry).strip()} |"
    yield ""
    said = {row["case"]: (row["work"], row["rounds"]) for row in area["cases"]}
    yield from (f"- **{case}**: {work} ({rounds} rounds)" for case, (work, rounds) in said.items())
    absent = {side: why for row in area["cases"] for side, why in row["missing"].items()}
    yield from (f"- {side} could not be installed or loaded: {why}" for side, why in absent.items())
    yield ""
    yield "Commitments:"
    yield ""
    for row in area["cases"]:
        yield from (f"- {row['case']} ({_threads(row)}): {text}" for text in _verdicts(row))
    yield from (f"- {_mean_text(mean)}" for mean in area["means"])


def _plot(area: dict[str, Any], title: str, picture: Path) -> bool:
    """Draw the peers' ratios as bars; return whether there was one."""
    bars: list[tuple[str, str, float]] = []
    for row in area["cases"]:
        for side in row["sides"]:
            ratio = _ratio(row, side)
            if ratio is not None and side != "floor":
                bars.append((f"{row['case']} ({row['threads']})", side, ratio))
    if not bars:
        return False
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "qctl"  # the same picture from the same numbers
    from matplotlib import pyplot as plt

    peers = sorted({side for _, side, _ in bars})
    colours = {peer: f"C{k % 10}" for k, peer in enumerate(peers)}
    figure, axes = plt.subplots(figsize=(8, 0.6 + 0.22 * len(bars)), layout="constrained")
    places = range(len(bars), 0, -1)
    axes.barh(places, [ratio for *_, ratio in bars], color=[colours[side] for _, side, _ in bars])
    axes.set_yticks(places, [f"{case}: {side}" for case, side, _ in bars], fontsize=7)
    axes.set_xscale("log")
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_xlabel("time of the peer over qctl's")
    axes.set_title(title)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, metadata={"Date": None})
    plt.close(figure)
    return True


def _ratio(row: dict[str, Any], side: str) -> float | None:
    if side == "qctl" or "qctl" not in row["sides"]:
        return None
    ratio: float = row["sides"][side]["median_s"] / row["sides"]["qctl"]["median_s"]
    return ratio


def _verdicts(row: dict[str, Any]) -> Iterator[str]:
    if row["disagreement"]:
        yield f"not the same work: {row['disagreement']}"
    for goal in row["goals"]:
        if goal["side"] == "qctl":
            bound, value = _time(goal["bound"]), goal["value"] and _time(goal["value"])
            text = f"at most {bound} a {row['unit']}"
        elif goal["side"] == "floor":
            text, value = f"at most {goal['bound']:g} floors", goal["value"] and f"{goal['value']:.2f}"
        else:
            text, value = f"{goal['bound']:g} times {goal['side']}", goal["value"] and f"{goal['value']:.2f}"
        yield f"{text}: {_verdict(goal['met'])}{f', {value}' if value else ''}"


def _mean_text(mean: dict[str, Any]) -> str:
    what = "at least" if mean["figure"] == "time" else "at most"
    of = f"geometric mean of {mean['n_cases']} cases {what} {mean['bound']:g}"
    text = f"{mean['name']}: {mean['figure']} against {mean['peer']}, {of}"
    if mean["value"] is None:
        return f"{text}: not measured"
    if mean["met"] is None:
        return f"{text}: not all cases measured, {mean['value']:.3f}"
    worst = mean["worst"]
    return f"{text}: {_verdict(mean['met'])}, {mean['value']:.3f} (worst {worst['value']:.3f}, {worst['case']})"


def _verdict(met: bool | None) -> str:
    return "not measured" if met is None else "met" if met else "NOT met"


def _threads(row: dict[str, Any]) -> str:
    return f"{row['threads']} thread{'s' if row['threads'] > 1 else ''}"


def _figures(entry: dict[str, Any]) -> str:
    return "".join(f"  {label} {value:.4g}" for label, value in entry["figures"].items())


def _time(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"
