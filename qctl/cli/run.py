"""`qctl run`: submit a file to a server, wait, and print counts."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from qctl.program.program import Program

__all__ = ["bound", "run"]


def run(
    file: Annotated[Path, typer.Argument(help="OpenQASM 2 or 3 text, a .qis file, or text assembly.", metavar="FILE")],
    shots: Annotated[int, typer.Option(min=1, help="Shots of each sweep point.")] = 1000,
    qpu: Annotated[str, typer.Option(help="Processor; the lab's first by default.")] = "",
    server: Annotated[str, typer.Option(help="Address of the server.")] = "tcp://127.0.0.1:5650",
    bind: Annotated[
        list[str] | None, typer.Option(help="Number for an input parameter; may be repeated.", metavar="NAME=NUMBER")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of layout and routing.")] = None,
    level: Annotated[
        int, typer.Option(min=0, max=3, help="0: layout by number; 1: search one; 2: fewest cz; 3: try most.")
    ] = 2,
    averaged: Annotated[
        bool | None, typer.Option("--averaged/--single-shots", help="Have the digitizer average; no counts then.")
    ] = None,
    name: Annotated[str, typer.Option(help="What the job is called; the file's name by default.")] = "",
    out: Annotated[Path | None, typer.Option(help="Folder for result.json, counts and arrays.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print counts, job and timings as JSON.")] = False,
) -> None:
    """Run a program; Ctrl-C cancels it, and every output goes to its safe state."""
    from qctl.cli.app import print_json
    from qctl.cli.folders import made_folder
    from qctl.cli.progress import result_with_progress, saying_what_became
    from qctl.client import connect
    from qctl.errors import CompileError, ParseError

    content = _content(file)
    if out is not None:
        made_folder(out)
    if bind:
        content = _bound(file, content, bind)
    with saying_what_became("qctl run"), connect(server) as lab:
        try:
            job = lab.run(
                content, shots=shots, qpu=qpu, seed=seed, level=level, averaged=averaged, name=name or file.name
            )
            result = result_with_progress(job, quiet=as_json)
        except (ParseError, CompileError) as error:
            error.message = f"{file}: {error.message}"
            if error.details.get("parameters"):
                error.message = f"{error.message}, or --bind NAME=NUMBER here"
            raise
    if out is not None:
        _write(out, result)
    if as_json:
        shown = {"counts": _counts(result), "job": job.id, "timings": result.timings, "shots": shots}
        if result[0].content["averaged"]:
            shown["populations"] = result[0].populations
        print_json(shown | {key: result.content[key] for key in ("qpu", "run", "snapshot", "uploaded_bytes")})
        return
    _print(job.id, result)


def _content(file: Path) -> str | bytes:
    """Return OpenQASM text or the bytes of a .qis file, which are told by the first of them."""
    from qctl.errors import ParseError, RequestError

    try:
        content = file.read_bytes()
    except OSError as problem:
        raise RequestError(f"{file}: {problem.strerror}") from problem
    if file.suffix == ".qis" or content.startswith(b"\x89QIS"):
        return content
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise ParseError(f"{file}: neither OpenQASM text (byte {problem.start} is not UTF-8) nor a .qis file") from None


def _bound(file: Path, content: str | bytes, words: list[str]) -> bytes:
    """Return the bytes of the program with numbers for all of its parameters."""
    from qctl.errors import ParseError
    from qctl.formats.load import loads
    from qctl.program.program import Program

    try:
        program = loads(content) if isinstance(content, str) else Program.from_bytes(content)
    except ParseError as error:
        error.message = f"{file}: {error.message}"
        raise
    return bound(file, program, words).to_bytes()


def bound(file: Path, program: Program, words: list[str]) -> Program:
    """Return a program with numbers for all of its parameters, from words like ``a=0.3``.

    Raises
    ------
    RequestError
        If a word is none, or a parameter is missing, unknown or named twice.
    """
    from qctl.errors import RequestError

    values: dict[str, float] = {}
    for word in words:
        name, equals, text = word.partition("=")
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not name.strip() or not equals or not math.isfinite(number):
            raise RequestError(f"--bind {word} is not NAME=NUMBER with a finite number")
        if name.strip() in values:
            raise RequestError(f"--bind names {name.strip()} twice")
        values[name.strip()] = number
    free = program.inputs
    missing = [name for name in free if name not in values]
    unknown = [name for name in values if name not in free]
    problems = [f"--bind gives no number for {', '.join(missing)}"] if missing else []
    if unknown:
        problems.append(f"the program has no parameter {', '.join(unknown)}; it has {', '.join(free) or 'none'}")
    if problems:
        raise RequestError(f"{file}: {'; '.join(problems)}", missing=missing, unknown=unknown)
    return program.bind(**values)


def _counts(result: Any) -> Any:
    """Return the counts of the only program, empty where there are none."""
    return result[0].content["counts"]


def _print(job: int, result: Any) -> None:
    counts = _counts(result)
    if isinstance(counts, dict):
        total = sum(counts.values())
        for bits, n in sorted(counts.items(), key=lambda item: -item[1]):
            sys.stdout.write(f"{bits}  {n:>8}  {n / total:.4f}\n")
    for slot, values in ({} if counts else result[0].iq).items():
        shown = f"{complex(values):.6g} V" if values.ndim == 0 else f"complex IQ of shape {values.shape}"
        population = result[0].populations.get(slot)
        if population is not None and population.ndim == 0:
            shown += f", population of |1> {float(population):.4f}"
        sys.stdout.write(f"{slot}: {shown}\n")
    total_s = result.timings.get("before_save_s", 0.0)
    snapshot = result.content["snapshot"]
    tuned = f"snapshot {snapshot}" if snapshot else "not calibrated"
    sys.stdout.write(f"job {job}, run {result.content['run']}, {tuned}, {total_s:.3f} s\n")
    if not snapshot:
        sys.stderr.write("qctl run: played with the design values of lab.toml; `qctl calibrate` measures better ones\n")


def _write(out: Path, result: Any) -> None:
    import json

    import numpy as np

    (out / "result.json").write_text(json.dumps(result.content, indent=2))
    for number, program in enumerate(result):
        for kind in ("iq", "records"):
            for slot, values in getattr(program, kind).items():
                name = "".join(letter if letter.isalnum() else "_" for letter in slot)
                np.save(out / f"{number}-{kind}-{name}.npy", values)
