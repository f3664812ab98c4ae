"""`qctl jobs`: list, show, cancel and replay jobs."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Any

import typer

__all__ = ["jobs"]

jobs = typer.Typer(no_args_is_help=True, add_completion=False, help="List, show, cancel and replay jobs.")

_ENDED = ("done", "cancelled", "failed", "interrupted")
_STATES = ("queued", "compiling", "compiled", "uploading", "playing", "reading", *_ENDED)
Server = Annotated[str, typer.Option(help="Address of the server.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Number = Annotated[int, typer.Argument(help="Number of the job.", metavar="JOB")]
_ADDRESS = "tcp://127.0.0.1:5650"


def _line(row: dict[str, Any]) -> str:
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row["submitted_s"]))
    why = f"  {row['error']['message']}" if row["error"] else ""
    return f"{row['id']:>6}  {row['state']:<12} {at}  {row['qpu']}  {row['shots']} shots  {row['name']}{why}"


def _show(rows: list[dict[str, Any]], as_json: bool, one: bool = False) -> None:
    from qctl.cli.app import print_json

    if as_json:
        print_json(rows[0] if one else rows)
        return
    for row in rows:
        sys.stdout.write(_line(row) + "\n")


@jobs.command("list")
def list_jobs(
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    state: Annotated[str, typer.Option(help=f"Only jobs in this state: {', '.join(_STATES)}.")] = "",
    server: Server = _ADDRESS,
    as_json: AsJson = False,
) -> None:
    """List the latest jobs."""
    from qctl.client import connect

    with connect(server) as lab:
        _show(lab.jobs(limit, state), as_json)


@jobs.command()
def show(job: Number, server: Server = _ADDRESS, as_json: AsJson = False) -> None:
    """Show one job."""
    from qctl.client import connect

    with connect(server) as lab:
        _show([lab.job(job).row], as_json, one=True)


@jobs.command()
def cancel(
    job: Number,
    force: Annotated[bool, typer.Option("--force", help="Cancel it although it belongs to another user.")] = False,
    server: Server = _ADDRESS,
    as_json: AsJson = False,
) -> None:
    """Cancel a job that waits or runs; outputs go to their safe state, finished shots are kept."""
    from qctl.client import connect
    from qctl.errors import RequestError

    with connect(server) as lab:
        found = lab.job(job)
        state = found.state
        if state in _ENDED:
            raise RequestError(f"job {job} can't be cancelled: it is {state} already", job=job, state=state)
        found.cancel(force)
        _show([found.row], as_json, one=True)


@jobs.command()
def replay(job: Number, server: Server = _ADDRESS, as_json: AsJson = False) -> None:
    """Submit a job again as a new one."""
    from qctl.client import connect

    with connect(server) as lab:
        _show([lab.replay(job).row], as_json, one=True)
