"""`qctl hil`: start a virtual lab, set its faults, and what else stands in files beside this one."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from qctl.cli.hil_record import record, replay
from qctl.cli.hil_run import run_scenarios
from qctl.errors import QctlError, RequestError

__all__ = ["fault", "hil"]

hil = typer.Typer(add_completion=False, no_args_is_help=True, help="Virtual labs and their faults.")
fault = typer.Typer(add_completion=False, no_args_is_help=True, help="Faults of a running virtual lab.")
hil.add_typer(fault, name="fault")
hil.command("run")(run_scenarios)
hil.command()(record)
hil.command()(replay)

_WRITTEN = b"# The built-in virtual lab "
_LABS = (
    "transmon5, transmon2, transmon1, bridged1, spi2, qblox2, qblox2-rf, qblox2-qrc, proteus2, zurich1, zurich2, "
    "zurich2-pqsc, zurich2-uhf, qick1, qick2, qick1-v1, qick2-v1, mixed1, mixed1-qblox, open-architecture, "
    "open-architecture-scope, open-architecture-scpi, atoms9, ions4, ions1"
)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
LabSocket = Annotated[
    str | None, typer.Option("--lab", help="Its lab.toml, or the address that it printed; needed if several run.")
]


@hil.command()
def lab(
    name: Annotated[str, typer.Argument(help=f"One of {_LABS}.", metavar="[NAME]")] = "transmon5",
    seed: Annotated[int, typer.Option(help="Of the hidden parameters.")] = 1,
    out: Annotated[Path, typer.Option(help="The lab.toml that reaches the lab.")] = Path("lab.toml"),
    truth: Annotated[Path | None, typer.Option(help="The hidden parameters, for judges only.")] = None,
    rate: Annotated[float, typer.Option(help="Lab seconds per wall second.", min=1e-3)] = 1000.0,
    as_json: AsJson = False,
) -> None:
    """Run a built-in virtual lab until Ctrl-C or SIGTERM; print `ready ADDRESS` when every socket listens."""

    def say(address: str) -> None:
        line = {"ready": address, "lab": str(out), "truth": str(truth) if truth else None}
        print(json.dumps(line) if as_json else f"ready {address}", flush=True)

    def work() -> int:
        for library in ("OPENBLAS", "OMP", "MKL"):  # small matrices only: threads would wait for each other
            os.environ.setdefault(f"{library}_NUM_THREADS", "1")
        from qctl.hil.lab import VirtualLab

        if not _may_be_replaced(out):
            raise RequestError(f"{out} describes no virtual lab and is not overwritten; name another file with --out")
        return VirtualLab(name, seed, rate).run(out, truth, say)

    code = _do(work, as_json)
    if code:
        print("the virtual lab's plant ended by itself", file=sys.stderr)
        raise typer.Exit(code)


def _may_be_replaced(file: Path) -> bool:
    """Say whether a file is not there or was written for a virtual lab; the description of a real one took work."""
    if not file.is_file():
        return True
    with file.open("rb") as stream:
        return stream.read(len(_WRITTEN)) in (_WRITTEN, b"")


Place = Annotated[str | None, typer.Option(help="A line (q0.drive), a qubit, INSTRUMENT:OUTPUT or INSTRUMENT.")]


@fault.command("set")
def set_fault(
    name: Annotated[str, typer.Argument(help="Name; `qctl hil fault list --all` has them all.", metavar="NAME")],
    on: Place = None,
    value: Annotated[str | None, typer.Option(help="How much; each fault has a default.")] = None,
    lab: LabSocket = None,
    as_json: AsJson = False,
) -> None:
    """Set one fault of a running lab; `qctl hil fault list --all` says what each does and in which unit its value is.

    inverted_pulse, inverted_i, scale and swap are faults of one line's cables: an instrument with several lines is
    refused with their names. lo_shift is of a source, the others of any instrument.
    """
    found = _do(lambda: _ask(lab, "set_fault", name=name, on=on, value=value), as_json)["fault"]
    print(json.dumps(_row(found)) if as_json else _line(found))


@fault.command("clear")
def clear_faults(
    name: Annotated[str | None, typer.Argument(help="Only faults of this name.", metavar="[NAME]")] = None,
    on: Annotated[str | None, typer.Option(help="Only faults at this line, qubit, output or instrument.")] = None,
    lab: LabSocket = None,
    as_json: AsJson = False,
) -> None:
    """Remove faults, and show which: all of them, or those of a NAME, a place, or both."""
    found = _do(lambda: _ask(lab, "clear_faults", name=name, on=on), as_json)["faults_cleared"]
    if as_json:
        print(json.dumps({"ok": True, "cleared": [_row(entry) for entry in found]}))
    else:
        print(*([f"cleared {_line(entry)}" for entry in found] or ["no such fault was set"]), sep="\n")


@fault.command("list")
def list_faults(
    lab: LabSocket = None,
    everything: Annotated[bool, typer.Option("--all", help="Every fault that there is; no lab is needed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the faults that are set, or with --all every fault that can be."""
    if everything:
        from qctl.hil.faults.table import KINDS

        if as_json:
            print(json.dumps([asdict(kind) for kind in KINDS.values()]))
        for kind in () if as_json else KINDS.values():
            value = f"{kind.default!s} {kind.unit}".strip() if kind.unit else "on or off"
            print(f"{kind.name:<15} {kind.text}\n{'':<15} value: {value}; set on: {kind.where}")
        return
    found = _do(lambda: _ask(lab, "faults"), as_json)["faults_set"]
    if as_json:
        print(json.dumps([_row(entry) for entry in found]))
    else:
        print(*(map(_line, found) if found else ["no faults are set"]), sep="\n")


@hil.command()
def counters(lab: LabSocket = None, as_json: AsJson = False) -> None:
    """Show what the instruments counted: waveforms and waveform bytes received."""
    found = _do(lambda: _ask(lab, "counters"), as_json)["counters"]
    if as_json:
        print(json.dumps(found))
    else:
        for box, amounts in found.items():
            print(box, *(f"{name} {amount}" for name, amount in amounts.items()))


def _ask(socket: str | None, verb: str, **content: Any) -> dict[str, Any]:
    from qctl.hil.lab import ask_plant, running_labs

    if socket is None:
        labs = list(running_labs())
        if not labs:
            raise RequestError("no virtual lab runs on this machine; start one with `qctl hil lab`")
        if len(labs) > 1:
            raise RequestError(f"several virtual labs run; name one with --lab: {', '.join(labs)}")
        socket = labs[0]
    elif Path(socket).is_file():  # a lab.toml: the lab that has its addresses
        from qctl.hil.bench.rack import plant_behind

        file, socket = socket, plant_behind(Path(socket))
        if not socket:
            raise RequestError(f"no virtual lab of this machine has the addresses of {file}: it ended, or is real")
    return asyncio.run(ask_plant(socket, verb, **content))


def _do(work: Callable[[], Any], as_json: bool) -> Any:
    """Do it; a failure is one line and a non-zero exit."""
    try:
        return work()
    except QctlError as error:
        if as_json:
            print(json.dumps({"ok": False, "code": error.code, "message": error.message}))
        else:
            print(error.message, file=sys.stderr)
        raise typer.Exit(1) from None


def _row(entry: list[Any]) -> dict[str, Any]:
    return dict(zip(("name", "on", "value"), entry, strict=True))


def _line(entry: list[Any]) -> str:
    return f"{entry[0]} on {entry[1]} = {entry[2]}"
