"""`qctl demo`: the whole story on the built-in virtual lab: start it, tune it up, run circuits, write a report."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import typer

from qctl.errors import ScheduleError

__all__ = ["demo"]

START_TIMEOUT_S = 60.0


def demo(
    seed: Annotated[int, typer.Option(help="Seed of the hidden parameters, the noise and the layout.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder of the report.")] = Path("out/demo"),
    shots: Annotated[int, typer.Option(help="Shots of each circuit.")] = 2000,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tune up the built-in virtual lab by measurements and run circuits on it."""
    from qctl.cli.screen import Screen

    screen = Screen(quiet=as_json)
    with tempfile.TemporaryDirectory(prefix="qctl-demo-") as folder, running_lab(Path(folder), seed, screen) as lab:
        story = _tell(lab, seed, shots, screen)
    story["report"] = str(_report(story, out))
    public = {key: value for key, value in story.items() if not key.startswith("_")}
    if as_json:
        typer.echo(json.dumps(public))
    else:
        _table(story)
        screen.say(f"report: {story['report']}")
    if not story["passed"]:
        raise ScheduleError(f"the demo did not pass: {'; '.join(story['failures'])}")


@contextlib.contextmanager
def running_lab(folder: Path, seed: int, screen: Any) -> Iterator[Any]:
    """Start the virtual lab and a server beside it, yield a client, and end both."""
    import qctl

    description, truth = folder / "lab.toml", folder / "truth.json"
    with screen.step("start the virtual lab"):
        rack = _start(
            ["hil", "lab", "transmon5", "--seed", str(seed), "--out", str(description), "--truth", str(truth)]
        )
    try:
        with screen.step("start the server"):
            address = ["--bind", "tcp://127.0.0.1:0", "--store", str(folder / "store")]
            server = _start(["serve", "--lab", str(description), *address])
        try:
            with qctl.connect(server.address) as lab:
                yield lab
        finally:
            server.end()
    finally:
        rack.end()


class _Running:
    """A qctl command in a process of its own, ready to be used."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.process, self.address = process, address

    def end(self) -> None:
        """Ask it to end, and wait."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _start(arguments: list[str]) -> _Running:
    log = tempfile.TemporaryFile("w+")  # noqa: SIM115 (the process keeps it)
    process = subprocess.Popen(
        [sys.executable, "-m", "qctl", *arguments], stdout=subprocess.PIPE, stderr=log, text=True, env=os.environ
    )
    assert process.stdout is not None
    begun = time.monotonic()
    for line in process.stdout:
        if line.startswith("ready"):
            return _Running(process, line.split(maxsplit=1)[1].strip() if " " in line.strip() else "")
        if time.monotonic() - begun > START_TIMEOUT_S:
            break
    process.kill()
    process.wait()
    log.seek(0)
    last = log.read().strip().splitlines()[-1:] or ["it said nothing"]
    raise ScheduleError(f"qctl {' '.join(arguments[:2])} did not get ready: {last[0]}")


def circuits(seed: int) -> dict[str, Any]:
    """Return the demo's circuits by name: our own, and those that MQT Bench made."""
    import qctl

    bell = qctl.Circuit(2)
    bell.h(0)
    bell.cx(0, 1)
    bell.measure_all()
    ghz = qctl.Circuit(5)
    ghz.h(0)
    for q in range(4):
        ghz.cx(q, q + 1)
    ghz.measure_all()
    secret = 1 + seed % 15
    vazirani = qctl.Circuit(5, 4)
    vazirani.x(4)
    vazirani.h(4)
    for q in range(4):
        vazirani.h(q)
        if secret >> q & 1:
            vazirani.cx(q, 4)
        vazirani.h(q)
        vazirani.measure(q, q)
    found = {"Bell": bell, "GHZ-5": ghz, f"Bernstein-Vazirani {secret:04b}": vazirani}
    for entry in sorted(files("qctl.cli").joinpath("demo_circuits").iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".qasm"):
            found[f"MQT {entry.name.removesuffix('.qasm')}"] = qctl.Circuit.from_qasm(entry.read_text())
    return found


def ideal(circuit: Any) -> dict[str, float]:
    """Return the probabilities of a circuit without errors."""
    import numpy as np

    import qctl

    weights = np.abs(qctl.simulate(circuit).statevector) ** 2
    body = circuit.body
    measured = [(int(row["a"]), int(row["b"])) for row in body.instructions if int(row["op"]) == 0x008]
    total: dict[str, float] = {}
    for index in np.flatnonzero(weights > 1e-12).tolist():
        bits = ["0"] * len(body.bits)
        for qubit, bit in measured:
            bits[bit] = str(index >> qubit & 1)
        text = "".join(reversed(bits))
        total[text] = total.get(text, 0.0) + float(weights[index])
    return total


def classical_fidelity(counts: dict[str, int], wanted: dict[str, float]) -> float:
    """Return the squared sum of sqrt(p q) over outcomes."""
    shots = sum(counts.values())
    return float(sum((counts.get(k, 0) / shots * p) ** 0.5 for k, p in wanted.items()) ** 2)


def _tell(lab: Any, seed: int, shots: int, screen: Any) -> dict[str, Any]:
    import qctl

    begun = time.perf_counter()
    with screen.progress("tune up") as progress:
        tuned = qctl.calibrate(lab, on_progress=progress)
    screen.say(f"tuned up in {tuned.seconds:.1f} s: {tuned.n_points} points, {tuned.n_shots} shots")
    rows, failures = [], [] if tuned.accepted else [_refused(tuned)]
    with screen.progress("run circuits") as progress:
        chosen = circuits(seed)
        for done, (name, circuit) in enumerate(chosen.items()):
            progress(name, done, len(chosen))
            result = lab.run(circuit, shots=shots, seed=seed).result(timeout_s=120)
            wanted = ideal(circuit)
            fidelity = classical_fidelity(result.counts, wanted)
            rows.append(
                {
                    "circuit": name,
                    "counts": result.counts,
                    "ideal": wanted,
                    "fidelity": fidelity,
                    "timings": result.timings,
                }
            )
            if fidelity < 0.7:
                failures.append(f"{name}: fidelity {fidelity:.3f} is under 0.7")
        progress("", len(chosen), len(chosen))
        states = [_state_fidelity(lab, n, shots, seed) for n in (2, 5)]
    return {
        "seed": seed,
        "passed": not failures,
        "failures": failures,
        "tune_up": tuned.to_dict(),
        "circuits": rows,
        "states": states,
        "seconds": time.perf_counter() - begun,
        "_tuned": tuned,
        "_wiring": lab.description(),
    }


def _refused(tuned: Any) -> str:
    bad = [f"{o.node} {f.target}: {f.reason}" for o in tuned.outcomes for f in o.findings if not f.accepted]
    return "tune-up refused " + ", ".join(bad)


def _state_fidelity(lab: Any, n: int, shots: int, seed: int) -> dict[str, Any]:
    """Measure the fidelity of an n-qubit GHZ state from its populations and its parity oscillation.

    Source: Sackett et al., Nature 404, 256 (2000).
    """
    import numpy as np

    import qctl

    phases = np.linspace(0, np.pi, 2 * n + 3, endpoint=False)
    programs = []
    for phase in (None, *phases):
        c = qctl.Circuit(n)
        c.h(0)
        for q in range(n - 1):
            c.cx(q, q + 1)
        if phase is not None:
            for q in range(n):
                c.rz(-float(phase), q)
                c.ry(-np.pi / 2, q)
        c.measure_all()
        programs.append(c)
    found = lab.run(programs, shots=shots, seed=seed).result(timeout_s=300)
    tables = found.counts
    ends = (tables[0].get("0" * n, 0) + tables[0].get("1" * n, 0)) / shots
    parity = np.array([sum(v * (-1) ** k.count("1") for k, v in t.items()) / shots for t in tables[1:]])
    design = np.column_stack([np.ones_like(phases), np.cos(n * phases), np.sin(n * phases)])
    _, c, s = np.linalg.lstsq(design, parity, rcond=None)[0]
    contrast = float(np.hypot(c, s))
    error = float(np.hypot(np.sqrt(ends * (1 - ends) / shots), np.sqrt(2 / (len(phases) * shots))) / 2)
    return {
        "state": "Bell" if n == 2 else f"GHZ-{n}",
        "populations": ends,
        "contrast": contrast,
        "fidelity": (ends + contrast) / 2,
        "standard_error": error,
    }


def _table(story: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"seed {story['seed']}")
    for title in ("circuit", "counts", "ideal", "fidelity", "compile", "play", "total"):
        table.add_column(title, justify="left" if title in ("circuit", "counts", "ideal") else "right")
    for row in story["circuits"]:
        top = sorted(row["counts"].items(), key=lambda kv: -kv[1])[:3]
        best = sorted(row["ideal"].items(), key=lambda kv: -kv[1])[:3]
        table.add_row(
            row["circuit"],
            "  ".join(f"{k} {v}" for k, v in top),
            "  ".join(f"{k} {v:.2f}" for k, v in best),
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
    """Return compile, play and total time as text, in ms."""
    total = sum(timings.values())
    return tuple(f"{1e3 * t:.0f} ms" for t in (timings.get("compile", 0.0), timings.get("play", 0.0), total))  # type: ignore[return-value]


def _report(story: dict[str, Any], out: Path) -> Path:
    from qctl.calibration.tuneup import figure_of
    from qctl.lab import parse_lab
    from qctl.report.page import Page
    from qctl.report.plots import histogram
    from qctl.report.wiring import draw_wiring

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
    page.figure(draw_wiring(parse_lab(story["_wiring"])), "from lab.toml")
    path = out / "report.html"
    page.write(path)
    return path
