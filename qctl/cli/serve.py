"""`qctl serve`: run the server in the foreground until SIGTERM or Ctrl-C."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["serve"]


def serve(
    lab: Annotated[Path, typer.Option(help="Description of the laboratory.")] = Path("lab.toml"),
    bind: Annotated[str, typer.Option(help="Where clients connect; events are on the next port.")] = (
        "tcp://127.0.0.1:5650"
    ),
    store: Annotated[Path, typer.Option(help="Folder of jobs, results and calibration snapshots.")] = Path(
        "qctl-store"
    ),
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that compile.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
) -> None:
    """Run the server until Ctrl-C or SIGTERM; print `ready ADDRESS` when it answers."""
    from qctl.errors import RequestError
    from qctl.server.warming import begin_nursery

    if not lab.is_file():
        raise RequestError(f"{lab} is not there; `qctl hil lab --out lab.toml` starts a virtual one")

    def ready(address: str) -> None:
        line = json.dumps({"ready": address}) if as_json else f"ready {address}"
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    with begin_nursery(lab) as nursery:
        from qctl.server.app import ServerConfig
        from qctl.server.app import serve as run_server

        _check_driven(lab)
        run_server(ServerConfig(lab, bind, store, n_workers=workers), ready, nursery)


def _check_driven(path: Path) -> None:
    """Refuse a lab with a model that is compiled for only, or with a rule that its driver would not hold."""
    from qctl.errors import QctlError, RequestError
    from qctl.instruments.registry import MODELS, check_entry
    from qctl.lab import load_lab

    try:
        lab = load_lab(path)
    except QctlError:
        return  # the server says what is wrong, with all places
    for name, instrument in lab.instruments.items():
        model = MODELS.get(instrument.model)
        if model is not None and not model.driver:
            raise RequestError(
                f"instruments.{name}: {instrument.model} can be compiled for, but is not driven yet; "
                f"qctl compile --emit writes its programs"
            )
        if model is not None:
            check_entry(instrument)
