"""`qctl compile`: compile a program without playing it, and show its timeline or what would be sent."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qctl.errors import QctlError, RequestError

if TYPE_CHECKING:
    from qctl.lab import Lab
    from qctl.lowering import Ready
    from qctl.program.device_program import DeviceProgram

__all__ = ["Emission", "compile_file"]


class Emission(StrEnum):
    """What `--emit` writes."""

    TIMELINE = "timeline"
    SCPI = "scpi"
    Q1ASM = "q1asm"
    PULSER = "pulser"
    SEQC = "seqc"
    QICK = "qick"
    ARTIQ = "artiq"
    QUA = "qua"
    SEQUENCER = "sequencer"


def compile_file(
    file: Annotated[Path, typer.Argument(help="Program (.qasm, .qis or text assembly).", metavar="FILE")],
    target: Annotated[
        str, typer.Option("--qpu", "--target", help="Processor; the lab's only one by default.", metavar="NAME")
    ] = "",
    lab: Annotated[Path, typer.Option(help="The lab file.", metavar="LAB.TOML")] = Path("lab.toml"),
    emit: Annotated[
        Emission,
        typer.Option(
            help="Pulses with ticks, text commands, or programs of Qblox, Zurich, QICK, OPX, Pulser, ARTIQ or qctl."
        ),
    ] = Emission.TIMELINE,
    out: Annotated[Path | None, typer.Option(help="Folder for the files; without it text goes to the screen.")] = None,
    shots: Annotated[int, typer.Option(help="Shots of each point.", min=1)] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of layout and routing.")] = 0,
    bind: Annotated[
        list[str] | None, typer.Option(help="Number for an input parameter; may be repeated.", metavar="NAME=NUMBER")
    ] = None,
    snapshots: Annotated[
        Path | None,
        typer.Option(
            help="Folder of calibration snapshots, STORE/snapshots of a server; the newest is taken.", metavar="DIR"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compile a program for a processor."""
    from qctl.cli.folders import made_folder
    from qctl.lab import load_lab

    what: Path | None = None  # an error of the lab's is not the program's
    try:
        if snapshots is not None and not snapshots.is_dir():
            raise RequestError(f"there is no folder {snapshots}; a server keeps its snapshots in STORE/snapshots")
        found = load_lab(lab)
        if out is not None:
            made_folder(out)
        what = file
        summary = _compiled(file, target, found, emit, out, shots, seed, bind or [], snapshots)
    except QctlError as error:
        if as_json:
            print(json.dumps({"ok": False, "code": error.code, "message": error.message}))
        else:
            print(f"{what}: {error.message}" if what else error.message, file=sys.stderr)
        raise typer.Exit(1) from None
    print(json.dumps(summary) if as_json else _text(summary))


def _compiled(
    file: Path,
    target: str,
    lab: Lab,
    emit: Emission,
    out: Path | None,
    shots: int,
    seed: int,
    words: list[str],
    folder: Path | None,
) -> dict[str, Any]:
    from qctl.cli.run import bound
    from qctl.formats.load import load
    from qctl.lab import processor_meant
    from qctl.lab.snapshot import latest
    from qctl.lowering import compile as compile_programs

    name = processor_meant(lab.processors, f"lab {lab.name}", target)
    lab.processor(name)
    snapshot = latest(folder, name) if folder is not None else None
    program = bound(file, load(file), words) if words else load(file)
    ready = compile_programs(program, lab, name, shots=shots, seed=seed, snapshot=snapshot)
    texts = _TEXTS[emit](ready, lab)
    files = []
    if out is not None:
        for part, text in texts.items():
            path = out / f"{file.stem}.{part}{'' if emit in _NAMED else '.txt'}"
            path.write_text(text, encoding="utf-8")
            files.append(str(path))
        if emit is Emission.SCPI:
            files += _written_blocks(ready, out, file.stem)
        if emit is Emission.TIMELINE:
            from qctl.report.pulses import draw_pulses  # matplotlib takes a while to load

            files.append(str(draw_pulses(ready.timeline, out / f"{file.stem}.pulses.png")))
    hint = "--snapshots STORE/snapshots takes measured ones" if folder is None else f"{folder} has none of {name}"
    design = f"design values of lab.toml ({hint})"
    values = design if snapshot is None else f"values of snapshot {snapshot.number}"
    return _summary(file, name, ready, files, {} if out is not None else texts) | {"calibration": values}


def _timeline_texts(ready: Ready, lab: Lab) -> dict[str, str]:
    """Return the timeline as a list of plays, captures and moves, and as a program at pulse level."""
    from qctl.compiler.feedback import waits_of
    from qctl.program.program import Program

    timeline = ready.timeline
    straight = timeline.straight(0)
    rows = [f"# {_count(timeline.n_points, 'point')}; point 0: tick of the port's clock, port, what"]
    slots = [spec.slot for spec in timeline.specs]
    rows += [f"# what depends on {slot} begins {s * 1e9:.6g} ns after it" for slot, s in waits_of(timeline).items()]
    ifs = [f", if {when.text(slots)}" if when else "" for when in timeline.conditions] or [""] * len(straight.plays)
    entries = [
        (int(play["start"]), straight.ports[int(play["port"])].name, f"{label}, {play['amplitude']:.6g} V{when}")
        for play, label, when in zip(straight.plays, straight.labels, ifs, strict=True)
    ]
    entries += [
        (int(capture["start"]), straight.ports[int(capture["port"])].name, f"capture {timeline.specs[k].slot}")
        for k, capture in enumerate(straight.captures)
    ]
    for move in ready.straights.moves_of(0):
        name = lab.processor(timeline.processor).qubits[int(move["atom"])]
        what = f"shuttle of {name} to ({move['x_m']:.6g}, {move['y_m']:.6g}) m until {int(move['end'])}"
        entries.append((int(move["start"]), straight.ports[int(move["port"])].name, what))
    rows += [f"{tick:>10}  {port:<14} {what}" for tick, port, what in sorted(entries)]
    return {"timeline": "\n".join(rows) + "\n", "pulses": Program.from_body(timeline.body).to_text()}


def _batched(ready: Ready) -> Iterator[tuple[DeviceProgram, str]]:
    """Yield each device program, and what its files' names say of its batch where there are several."""
    for k, batch in enumerate(ready.lowered.batches):
        batched = "" if len(ready.lowered.batches) == 1 else f".batch{k}"
        for program in batch.programs:
            yield program, batched


def _of_family(ready: Ready, family: str, what: str) -> list[tuple[DeviceProgram, str]]:
    """Return the device programs of one family, as `_batched` does; refuse a processor without any."""
    from qctl.instruments.registry import model_of

    found = [pair for pair in _batched(ready) if model_of(pair[0].model).family == family]
    if not found:
        raise RequestError(f"no instrument of this processor is {what}")
    return found


def _scpi_texts(ready: Ready, lab: Lab) -> dict[str, str]:
    """Return each instrument's commands; what speaks no text is left out."""
    from qctl.instruments.rehearsal import commands_of

    texts: dict[str, str] = {}
    for program, batched in _batched(ready):
        try:
            commands = commands_of(program, lab.instrument(program.instrument))
        except RequestError as error:
            commands = [f"# {error.message}"]
        texts[f"{program.instrument}{batched}"] = "\n".join(commands) + "\n"
    return texts


def _written_blocks(ready: Ready, out: Path, stem: str) -> list[str]:
    """Write the binary blocks of the commands, each to a file, and return their paths."""
    from qctl.instruments.rehearsal import blocks_of

    files = []
    for program, batched in _batched(ready):
        for name, block in blocks_of(program).items():
            path = out / f"{stem}.{program.instrument}{batched}.{name}"
            path.write_bytes(block)
            files.append(str(path))
    return files


def _q1asm_texts(ready: Ready, lab: Lab) -> dict[str, str]:
    """Return each sequencer's program, its sequence as the vendor's JSON, and its settings; of Qblox modules only."""
    from qctl.instruments.qblox.body import QbloxBody, sequence_of, settings_of

    texts: dict[str, str] = {}
    for program, batched in _of_family(ready, "qblox", "a Qblox module"):
        for one in QbloxBody.from_bytes(program.body).sequencers:
            key = f"{program.instrument}.seq{one.number}{batched}"
            texts[f"{key}.q1asm"] = one.program
            texts[f"{key}.json"] = json.dumps(sequence_of(one, program.blobs)) + "\n"
            texts[f"{key}.settings.json"] = json.dumps(settings_of(one)) + "\n"
    return texts


def _pulser_texts(ready: Ready, lab: Lab) -> dict[str, str]:
    """Return each sequence in Pulser's abstract representation, and variables and moves of its points."""
    import msgspec

    from qctl.instruments.atoms.body import PulserBody

    texts: dict[str, str] = {}
    for program, batched in _of_family(ready, "atoms", "a Pulser device"):
        for number, one in enumerate(PulserBody.from_bytes(program.body).sequences):
            key = f"{program.instrument}.sequence{number}{batched}"
            texts[f"{key}.json"] = one.text + "\n"
            if one.variables:
                texts[f"{key}.variables.json"] = json.dumps({"points": one.points, **one.variables}) + "\n"
            if one.moves:
                rows = [[msgspec.structs.astuple(move) for move in moves] for moves in one.moves]
                texts[f"{key}.moves.json"] = json.dumps({"points": one.points, "moves": rows}) + "\n"
    return texts


def _seqc_texts(ready: Ready, lab: Lab) -> dict[str, str]:
    """Return each sequencer's SeqC, command table and settings with samples; of Zurich Instruments boxes only."""
    from qctl.instruments.zurich.body import ZurichBody, settings_of

    texts: dict[str, str] = {}
    for program, batched in _of_family(ready, "zurich", "a Zurich Instruments box"):
        body = ZurichBody.from_bytes(program.body)
        for core in body.cores:
            key = f"{program.instrument}.awg{core.number}{batched}"
            texts[f"{key}.seqc"] = core.program
            texts[f"{key}.json"] = core.command_table
            texts[f"{key}.settings.json"] = json.dumps(settings_of(core, program.blobs)) + "\n"
        for readout in body.readouts:
            key = f"{program.instrument}.qa{readout.number}{batched}"
            texts[f"{key}.seqc"] = readout.program
            texts[f"{key}.settings.json"] = json.dumps(settings_of(readout, program.blobs)) + "\n"
    return texts


def _qick_texts(ready: Ready, lab: Lab) -> dict[str, str]:
    """Return each board's assembly, and its memories and settings; of QICK boards only."""
    from qctl.instruments.qick.body import QickBody, settings_of

    texts: dict[str, str] = {}
    for program, batched in _of_family(ready, "qick", "a QICK board"):
        body, key = QickBody.from_bytes(program.body), f"{program.instrument}{batched}"
        texts[f"{key}.asm"] = body.program
        texts[f"{key}.settings.json"] = json.dumps(settings_of(body, program.blobs)) + "\n"
    return texts


def _artiq_texts(ready: Ready, lab: Lab) -> dict[str, str]:
    """Return each crate's experiment; of ARTIQ core devices only."""
    from qctl.instruments.ions.body import ArtiqBody

    return {
        f"{program.instrument}{batched}.py": ArtiqBody.from_bytes(program.body).text
        for program, batched in _of_family(ready, "ions", "an ARTIQ crate")
    }


def _qua_texts(ready: Ready, lab: Lab) -> dict[str, str]:
    """Return each controller's QUA and configuration; of OPX only."""
    from qctl.instruments.quantum_machines.body import QuaBody

    texts: dict[str, str] = {}
    for program, batched in _of_family(ready, "quantum_machines", "an OPX"):
        body, key = QuaBody.from_bytes(program.body), f"{program.instrument}{batched}"
        texts[f"{key}.py"] = body.program
        texts[f"{key}.config.json"] = body.config + "\n"
    return texts


def _sequencer_texts(ready: Ready, lab: Lab) -> dict[str, str]:
    """Return each program's instructions as text; of qctl's sequencers only."""
    from qctl.instruments.qctl_sequencer.body import text_of

    programs = _of_family(ready, "qctl_sequencer", "a sequencer of qctl")
    return {f"{program.instrument}{batched}.sequencer": text_of(program) for program, batched in programs}


_NAMED = frozenset(Emission) - {Emission.TIMELINE, Emission.SCPI}
"""Whose texts have endings of their own."""
_TEXTS = {
    Emission.TIMELINE: _timeline_texts,
    Emission.SCPI: _scpi_texts,
    Emission.Q1ASM: _q1asm_texts,
    Emission.PULSER: _pulser_texts,
    Emission.SEQC: _seqc_texts,
    Emission.QICK: _qick_texts,
    Emission.ARTIQ: _artiq_texts,
    Emission.QUA: _qua_texts,
    Emission.SEQUENCER: _sequencer_texts,
}


def _summary(file: Path, name: str, ready: Ready, files: list[str], texts: dict[str, str]) -> dict[str, Any]:
    from qctl.compiler.feedback import waits_of

    first = ready.compiled[0]
    return {
        "ok": True,
        "file": str(file),
        "processor": name,
        "points": ready.lowered.n_points,
        "batches": [
            {"first_point": b.first_point, "n_points": b.n_points, "n_shots": b.n_shots} for b in ready.lowered.batches
        ],
        "layout": list(first.layout),
        "final_layout": list(first.final_layout),
        "two_qubit_gates": first.n_two_qubit_gates,
        "pulses": first.n_pulses,
        "length_s": float(first.timeline.lengths_s.max()),
        "timing_error_s": first.timeline.residual_s,
        "waits_s": waits_of(first.timeline),
        "resources": [
            {"instrument": who, "resource": u.resource, "used": u.used, "allowed": u.allowed, "place": u.place}
            for who, u in ready.lowered.report
        ],
        "files": files,
        "text": texts,
    }


def _count(n: int, one: str, many: str = "") -> str:
    return f"{n} {one if n == 1 else many or one + 's'}"


def _text(summary: dict[str, Any]) -> str:
    lines = [f"--- {part}\n{text}" for part, text in summary["text"].items()]
    lines += [
        f"{summary['file']} on {summary['processor']}: {_count(summary['points'], 'point')} in "
        f"{_count(len(summary['batches']), 'batch', 'batches')}, "
        f"{_count(summary['two_qubit_gates'], 'two-qubit gate')}, {_count(summary['pulses'], 'pulse')}, "
        f"{summary['length_s'] * 1e9:.6g} ns",
        f"  qubits {' '.join(summary['layout'])}, at the end {' '.join(summary['final_layout'])}",
        f"  with the {summary['calibration']}",
    ]
    lines += [f"  what depends on {bit} waits {s * 1e9:.6g} ns for it" for bit, s in summary["waits_s"].items()]
    lines += [
        f"  {row['instrument']}: {row['used']} of {row['allowed']} {row['resource']}"
        + (f" ({row['place']})" if row["place"] else "")
        for row in summary["resources"]
    ]
    lines += [f"  {path}" for path in summary["files"]]
    return "\n".join(lines)
