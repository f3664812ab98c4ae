"""`qctl hil record` and `qctl hil replay`: keep a rack's traffic, and stand in for the rack from it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from qctl.errors import DeviceError, RequestError

__all__ = ["record", "replay"]

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON lines.")]


def record(
    out: Annotated[Path, typer.Option(help="Folder of the record; must hold none yet.")],
    lab: Annotated[Path | None, typer.Option(help="The lab.toml of the rack.")] = None,
    listen: Annotated[str, typer.Option(help="Where foreign software connects, with --to.")] = "127.0.0.1:0",
    to: Annotated[
        str, typer.Option(help="One instrument: VISA address, tcp://host:port or http://host:port.", metavar="ADDRESS")
    ] = "",
    speaks: Annotated[
        str,
        typer.Option(
            help="With --to: text, lines, modbus, modbus-tcp, hislip, http, pyro, firmware; told by the address."
        ),
    ] = "",
    end: Annotated[
        str, typer.Option(help=r"With --speaks lines: what ends a message, \r and \n as in lab.toml.")
    ] = r"\n",
    as_json: AsJson = False,
) -> None:
    """Keep all traffic with a rack until Ctrl-C or SIGTERM; print `ready LAB.TOML` when every proxy listens.

    Programs that read the new lab.toml talk to the rack through the proxies. With --to there is one proxy, before one
    instrument, for software that knows no lab.toml; `ready` is followed by its address.
    """
    from qctl.hil.record.languages import cutter_of
    from qctl.hil.record.recorder import Recorder, until_told

    if (lab is None) == (not to):
        raise RequestError("name either a rack with --lab lab.toml or one instrument with --to ADDRESS")
    ends = end.replace(r"\r", "\r").replace(r"\n", "\n")
    if not (ends and ends.isascii()):
        raise RequestError(f"--end: {end!r} ends no message; it is ASCII text, \\r and \\n as in lab.toml")
    if speaks:
        cutter_of(speaks, ends)
    left_out: list[str] = []
    if lab is not None:
        recorder, left_out = Recorder.of_lab(out, lab)
    else:
        recorder = Recorder.of_one(out, to, listen, speaks, ends)
    for sentence in left_out:
        sys.stderr.write(f"not recorded: {sentence}\n")

    def ready() -> None:
        where = str(out / "recorded.toml") if lab is not None else next(iter(recorder.addresses.values()))
        _say({"ready": where, "not_recorded": left_out}, f"ready {where}", as_json)

    until_told(lambda: recorder.run(ready))
    journal = recorder.journal
    found = {"messages": journal.n_messages, "bytes": journal.n_bytes, "record": str(out)}
    _say(found, f"{journal.n_messages} messages, {journal.n_bytes} bytes in {out}", as_json)


def replay(
    folder: Annotated[Path, typer.Argument(help="A folder of `qctl hil record`.", metavar="RECORD")],
    strict: Annotated[
        bool, typer.Option("--strict/--tolerant", help="Commands in the recorded order, or whatever the record knows.")
    ] = True,
    out: Annotated[Path | None, typer.Option(help="The lab.toml to write; RECORD/replay.toml by default.")] = None,
    listen: Annotated[str, typer.Option(help="For a record of --to: where its instrument listens.")] = "127.0.0.1:0",
    as_json: AsJson = False,
) -> None:
    """Stand in for a recorded rack until Ctrl-C or SIGTERM; print `ready LAB.TOML` when every instrument listens.

    Strict: the first command that differs from the record ends the replay with exit code 1, and is named with its
    number, what was expected and what came. Tolerant: settings may come in any order and again; a query has its next
    recorded answer, at the end the last one.
    """
    from qctl.hil.record.journal import read_record
    from qctl.hil.record.places import loopback
    from qctl.hil.record.recorder import until_told
    from qctl.hil.record.stand_in import DIFFERENCE, StandIn

    found = read_record(folder)
    if found.cut:
        sys.stderr.write(f"warning: {found.cut}\n")
    if not found.lab and len(found.instruments) != 1:
        raise RequestError(
            f"{folder} has {len(found.instruments)} instruments and no lab.toml that says which is which"
        )
    toml = (out or folder / "replay.toml") if found.lab else None
    where = loopback(listen)
    rack = StandIn(found, strict, lambda text: _say({"difference": text}, f"{DIFFERENCE}{text}", as_json))

    def ready() -> None:
        found_at = str(toml) if toml is not None else next(iter(rack.addresses.values()))
        _say({"ready": found_at}, f"ready {found_at}", as_json)

    until_told(lambda: rack.run(toml, ready, where if not found.lab else ("127.0.0.1", 0)))
    done = {name: script.n_done for name, script in rack.scripts.items()}
    summary = {"commands": done, "left": rack.n_left, "differences": rack.differences}
    _say(summary, f"{sum(done.values())} commands answered, {rack.n_left} recorded ones never came", as_json)
    if rack.differences:
        raise DeviceError(rack.differences[0])


def _say(content: dict[str, Any], line: str, as_json: bool) -> None:
    sys.stdout.write((json.dumps(content) if as_json else line) + "\n")
    sys.stdout.flush()
