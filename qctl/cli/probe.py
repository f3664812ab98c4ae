"""`qctl probe`: say what answers at an address, how it wants to be spoken to, and what lab.toml needs for it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

__all__ = ["probe"]


def probe(
    address: Annotated[str, typer.Argument(help="VISA address, HOST, HOST:PORT or serial device.", metavar="ADDRESS")],
    name: Annotated[str, typer.Option(help="Name of the instrument in lab.toml.")] = "new0",
    baud: Annotated[int | None, typer.Option(help="Try only this speed of a serial line.")] = None,
    timeout: Annotated[float, typer.Option(help="Longest time in all, in seconds.", min=0.1, max=600)] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Find what answers at an address; nothing but identity queries is sent."""
    from qctl.cli.app import print_json
    from qctl.errors import DeviceError
    from qctl.instruments.probe import lab_lines
    from qctl.instruments.probe import probe as asked

    found = asked(address, timeout, baud)
    if found.trial is None:
        raise DeviceError(_nothing(address, found))
    trial, serial = found.trial, found.trial.serial
    lines = lab_lines(found, name)
    if as_json:
        print_json(
            {
                "ok": True,
                "address": trial.address,
                "identity": found.identity,
                "query": trial.query,
                "sent_end": trial.end,
                "answer_end": found.answer_end,
                "baud": None if serial is None else serial.baud,
                "data_bits": None if serial is None else serial.data_bits,
                "parity": None if serial is None else serial.parity,
                "model": found.model,
                "lab_toml": lines,
                "tried": found.n_tried,
            }
        )
        return
    line = "" if serial is None else f", {serial.baud} baud, {serial.data_bits} data bits, parity {serial.parity}"
    sys.stdout.write(
        f"{found.identity}\n"
        f"  at {trial.address}{line}\n"
        f"  answers {trial.query} ended by {trial.end!r}, its answer ends in {found.answer_end!r}\n"
        f"  {'model ' + found.model if found.model else 'no model of qctl'}\n\n{lines}\n"
    )


def _nothing(address: str, found: object) -> str:
    """Return the line that says why there is no answer."""
    garbage, why, n_tried = (getattr(found, name) for name in ("garbage", "why", "n_tried"))
    if garbage:
        return f"{address} answers, but not with an identity: {garbage[:80]}"
    if n_tried:
        return f"{address} can be opened, and does not answer identity queries ({n_tried} tried)"
    return "; ".join(why) or f"{address} could not be tried in time"
