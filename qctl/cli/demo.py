"""`qctl demo`: the whole story on the built-in virtual lab: start it, tune it up, run circuits, write a report."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from qctl.errors import ScheduleError

__all__ = ["demo"]


def demo(
    seed: Annotated[int, typer.Option(help="Seed of the hidden parameters, the noise and the layout.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder of the report.")] = Path("out/demo"),
    shots: Annotated[int, typer.Option(min=1, help="Shots of each circuit.")] = 2000,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tune up the built-in virtual lab by measurements and run circuits on it."""
    from qctl.cli.demo_report import show_table, write_report
    from qctl.cli.running import running_lab
    from qctl.cli.screen import Screen

    screen = Screen(quiet=as_json)
    with tempfile.TemporaryDirectory(prefix="qctl-demo-") as folder, running_lab(Path(folder), seed, screen) as lab:
        story = _tell(lab, seed, shots, screen)
    story["report"] = str(write_report(story, out))
    public = {key: value for key, value in story.items() if not key.startswith("_")}
    if as_json:
        typer.echo(json.dumps(public))
    else:
        show_table(story)
        screen.say(f"report: {story['report']}")
    if not story["passed"]:
        raise ScheduleError(f"the demo did not pass: {'; '.join(story['failures'])}")


def _tell(lab: Any, seed: int, shots: int, screen: Any) -> dict[str, Any]:
    import qctl
    from qctl.cli.showcase import circuits, classical_fidelity, ideal, state_fidelity

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
        states = [state_fidelity(lab, n, shots, seed) for n in (2, 5)]
    return {
        "seed": seed,
        "passed": not failures,
        "failures": failures,
        "tune_up": tuned.to_dict(),
        "circuits": rows,
        "states": states,
        "seconds": time.perf_counter() - begun,
        "_tuned": tuned,
        "_wiring": lab.description,
        "_pulses": _timeline(lab, chosen["GHZ-5"], tuned, seed),
    }


def _timeline(lab: Any, circuit: Any, tuned: Any, seed: int) -> Any:
    """Return the timeline of a circuit under the values of a tune-up."""
    import qctl
    from qctl.lab.snapshot import Snapshot

    values = tuned.values
    snapshot = Snapshot(
        number=values.number, time_s=0.0, processor=tuned.qpu, qubits=values.qubits, couplers=values.couplers
    )
    return qctl.compile(circuit, lab.description, tuned.qpu, snapshot=snapshot, seed=seed).timeline


def _refused(tuned: Any) -> str:
    bad = [f"{o.node} {f.target}: {f.reason}" for o in tuned.outcomes for f in o.findings if not f.accepted]
    return "tune-up refused " + ", ".join(bad)
