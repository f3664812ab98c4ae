"""`qctl calibrate`: tune up a processor by measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["NODES", "calibrate"]

NODES = (
    "reference", "spectroscopy", "delays", "rabi", "ramsey", "amplitude", "beta", "amplitude_again", "t1", "t2",
    "discrimination", "cz_amplitude", "cz_length", "cz_phase",
)  # fmt: skip
"""The nodes of the tune-up in their order; here too, because the tune-up takes a while to load."""


def calibrate(
    qpu: Annotated[str | None, typer.Option(help="Processor; the lab's only one by default.")] = None,
    server: Annotated[str, typer.Option(help="Address of the server.")] = "tcp://127.0.0.1:5650",
    only: Annotated[
        list[str] | None,
        typer.Option(help=f"Run just this node; may be repeated. In order: {', '.join(NODES)}.", metavar="NODE"),
    ] = None,
    plots: Annotated[Path | None, typer.Option(help="Folder for one picture a node.")] = None,
    shots: Annotated[int, typer.Option(min=1, help="Shots averaged for each sweep point.")] = 400,
    as_json: Annotated[bool, typer.Option("--json", help="Print the values found as JSON.")] = False,
) -> None:
    """Tune up a processor by measurements; what is accepted is written as a snapshot that runs use from then on."""
    from qctl.errors import RequestError, ScheduleError

    if unknown := [name for name in only or [] if name not in NODES]:
        raise RequestError(f"there is no node {', '.join(unknown)}; there are {', '.join(NODES)}", nodes=list(NODES))

    from qctl.calibration.tuneup import calibrate as tune_up
    from qctl.cli.app import print_json
    from qctl.cli.folders import made_folder
    from qctl.cli.progress import saying_what_became
    from qctl.cli.screen import Screen
    from qctl.client import connect

    if plots is not None:
        made_folder(plots)
    screen = Screen(quiet=as_json)
    with saying_what_became("qctl calibrate"), connect(server) as lab, screen.progress("tune up") as progress:
        tuned = tune_up(lab, qpu, only=only, plots=plots, n_shots=shots, on_progress=progress)
    if as_json:
        print_json(tuned.to_dict())
    else:
        for outcome in tuned.outcomes:
            for finding in outcome.findings:
                state = finding.text if finding.accepted else f"refused: {finding.reason}"
                typer.echo(f"{outcome.node:16} {finding.target:8} {state}")
        typer.echo(f"snapshot {tuned.snapshot}: {tuned.n_points} points, {tuned.n_shots} shots, {tuned.seconds:.1f} s")
    if not tuned.accepted:
        refused = [f"{o.node} {f.target}" for o in tuned.outcomes for f in o.findings if not f.accepted]
        raise ScheduleError(f"not all values were accepted: {', '.join(refused)}")
