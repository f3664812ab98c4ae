"""`qctl simulate`: play a file on simulated qubits, say beforehand what it takes, and print counts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from qctl.simulation.noise import NoiseModel

__all__ = ["simulate"]

_SECOND_S = 1.0


def simulate(
    file: Annotated[Path, typer.Argument(help="OpenQASM 2 or 3 text, a .qis file, or text assembly.", metavar="FILE")],
    shots: Annotated[int, typer.Option(min=1, help="Shots.")] = 1000,
    seed: Annotated[int | None, typer.Option(help="Seed of the sampled outcomes.")] = None,
    method: Annotated[str, typer.Option(help="Method; the best one that fits by default.")] = "auto",
    precision: Annotated[str, typer.Option(help="double or single.")] = "double",
    threads: Annotated[int, typer.Option(min=1, help="Threads; results don't depend on them.")] = 1,
    bind: Annotated[
        list[str] | None, typer.Option(help="Number for an input parameter; may be repeated.", metavar="NAME=NUMBER")
    ] = None,
    lab: Annotated[Path | None, typer.Option(help="lab.toml whose processor's noise is played.")] = None,
    qpu: Annotated[str, typer.Option(help="Processor; the lab's first by default.")] = "",
    estimate: Annotated[bool, typer.Option("--estimate", help="Only say what it would take.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print counts, method and estimate as JSON.")] = False,
) -> None:
    """Play a program without a server; Ctrl-C ends it."""
    from qctl.cli.app import print_json
    from qctl.cli.run import bound
    from qctl.cli.screen import Screen
    from qctl.formats.load import load
    from qctl.simulation import simulate as simulation

    program = load(file)
    if bind or program.inputs:
        program = bound(file, program, bind or [])
    screen = Screen(quiet=as_json)
    noise = None if lab is None else _noise(lab, qpu, screen)
    expected = simulation.estimate(program, shots, precision, noise, threads, method)
    numbers = {"memory_bytes": expected.memory_bytes, "time_s": expected.time_s}
    if estimate:
        if as_json:
            print_json({"method": expected.method, "estimate": numbers})
        else:
            sys.stdout.write(f"{_said(expected)}\n")
        return
    if expected.time_s > _SECOND_S:
        screen.say(_said(expected))
    with screen.progress("simulate") as bar:
        found = simulation.simulate(
            program,
            shots,
            seed,
            precision,
            noise,
            threads,
            method,
            progress=lambda part: bar(expected.method, round(100 * part), 100),
        )
    if as_json:
        shown = {"counts": found.counts, "method": found.method, "reason": found.reason, "shots": shots}
        print_json(shown | {"estimate": numbers})
        return
    for bits, n in sorted(found.counts.items(), key=lambda item: -item[1]):
        sys.stdout.write(f"{bits}  {n:>8}  {n / shots:.4f}\n")
    sys.stdout.write(f"{found.method}: {found.reason}\n")


def _said(expected: Any) -> str:
    return f"{expected.method}: about {expected.time_s:.2g} s and {expected.memory_bytes / 2**20:.3g} MiB"


def _noise(file: Path, qpu: str, screen: Any) -> NoiseModel:
    """Return the noise of a processor's design values, and say what they don't have."""
    from qctl.lab import load_lab, processor_meant
    from qctl.simulation.noise import NoiseModel

    lab = load_lab(file)
    model = NoiseModel.from_lab(lab, processor_meant(lab.processors, file.name, qpu, first=True))
    if model.missing:
        screen.say(f"ideal, because {file} doesn't say it: {', '.join(model.missing)}")
    return model
