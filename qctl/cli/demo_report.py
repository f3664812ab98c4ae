"""The demo's table on the screen and its report in one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["show_table", "write_report"]


def show_table(story: dict[str, Any]) -> None:
    """Print the circuits with counts, ideal, fidelity and stage times, and the entangled states."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"seed {story['seed']}")
    for title in ("circuit", "counts", "ideal", "fidelity", "compile", "play", "total"):
        table.add_column(title, justify="left" if title in ("circuit", "counts", "ideal") else "right")
    for row in story["circuits"]:
        top = sorted(row["counts"].items(), key=lambda kv: -kv[1])[:3]
        table.add_row(
            row["circuit"],
            "  ".join(f"{k} {v}" for k, v in top),
            "  ".join(f"{k} {row['ideal'].get(k, 0.0):.2f}" for k, _ in top),
            f"{row['fidelity']:.3f}",
            *_stages(row["timings"]),
        )
    console = Console()
    console.print(table)
    for state in story["states"]:
        console.print(
            f"{state['state']}: fidelity {state['fidelity']:.3f} ± {state['standard_error']:.3f} "
            f"(populations {state['populations']:.3f}, parity contrast {state['contrast']:.3f})"
        )


def _stages(timings: dict[str, float]) -> tuple[str, str, str]:
    """Return the time to compile and lower, to play and read, and of the whole job, as text in ms."""
    compiled = timings.get("compile_s", 0.0) + timings.get("lower_s", 0.0)
    played, total = timings.get("host_s", 0.0), timings.get("before_save_s", 0.0)
    return f"{1e3 * compiled:.0f} ms", f"{1e3 * played:.0f} ms", f"{1e3 * total:.0f} ms"


def write_report(story: dict[str, Any], out: Path) -> Path:
    """Write report.html into a folder and return its path."""
    from qctl.calibration.tuneup import figure_of
    from qctl.report.page import Page
    from qctl.report.plots import histogram
    from qctl.report.pulses import pulse_figure
    from qctl.report.sketch import figure
    from qctl.report.wiring import sketch_wiring

    tuned = story["_tuned"]
    page = Page(f"qctl demo, seed {story['seed']}")
    page.text(
        f"A virtual rack was tuned up by {tuned.n_points} sweep points ({tuned.n_shots} shots) in "
        f"{tuned.seconds:.1f} s, "
        "then ran the circuits below. All counts came from samples that instruments received over their own protocols."
    )
    page.heading("Circuits")
    page.table(
        ["circuit", "fidelity", "compile", "play", "total"],
        [[row["circuit"], f"{row['fidelity']:.4f}", *_stages(row["timings"])] for row in story["circuits"]],
    )
    for row in story["circuits"]:
        page.figure(histogram(row["counts"], row["ideal"], row["circuit"]), row["circuit"])
    page.heading("Pulses")
    page.figure(pulse_figure(story["_pulses"]), "GHZ-5, as it was played: envelopes in volts at the outputs")
    page.heading("Entangled states")
    page.table(
        ["state", "fidelity", "standard error", "populations", "parity contrast"],
        [
            [s["state"], *(f"{s[k]:.4f}" for k in ("fidelity", "standard_error", "populations", "contrast"))]
            for s in story["states"]
        ],
    )
    page.heading("Tune-up")
    page.table(
        ["node", "target", "result", "refused because"],
        [[o.node, f.target, f.text, f.reason] for o in tuned.outcomes for f in o.findings],
    )
    for outcome in tuned.outcomes:
        if any(len(f.x) > 1 for f in outcome.findings):
            page.figure(figure_of(outcome), f"{outcome.node}: {outcome.n_points} points, {outcome.n_shots} shots")
    page.heading("Wiring")
    page.figure(figure(sketch_wiring(story["_wiring"])), "from lab.toml")
    path = out / "report.html"
    page.write(path)
    return path
