"""`qctl move`: carry calibrated values from another rack to a server's, around the same qubits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["move"]


def move(
    lab_toml: Annotated[Path, typer.Argument(help="lab.toml of the rack that the values were measured on.")],
    snapshots: Annotated[
        Path, typer.Option(help="Folder of its calibration snapshots, STORE/snapshots of its server.", metavar="DIR")
    ],
    qpu: Annotated[str | None, typer.Option(help="Processor; the only one by default.")] = None,
    server: Annotated[str, typer.Option(help="Address of the new rack's server.")] = "tcp://127.0.0.1:5650",
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Write the newest values of another rack as a snapshot of this one, translated to its boxes."""
    from qctl.calibration.moving import move as moved
    from qctl.cli.app import print_json
    from qctl.client import connect
    from qctl.errors import RequestError
    from qctl.lab import load_lab, processor_meant
    from qctl.lab.snapshot import effective, latest

    before = load_lab(lab_toml)
    name = processor_meant(before.processors, lab_toml.name, qpu)
    newest = latest(snapshots, name)
    if newest is None:
        raise RequestError(f"{snapshots} has no snapshot of {name}; a server keeps its snapshots in STORE/snapshots")
    with connect(server) as lab:
        found = moved(effective(before, name, newest), before, lab.description, name)
        number = lab.write_snapshot(name, found.values, note=f"moved from {before.name}, snapshot {newest.number}")
    if as_json:
        print_json({"qpu": name, "snapshot": number, "translated": found.translated, "left_out": found.left_out})
        return
    for line in found.translated:
        typer.echo(line)
    for line in found.left_out:
        typer.echo(f"to be measured: {line}")
    typer.echo(f"snapshot {number} of {name}")
