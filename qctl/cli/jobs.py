"""`qctl jobs`: list, show, cancel and replay jobs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
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
    at = _clock(row["submitted_s"])
    why = f"  {row['error']['message']}" if row["error"] else ""
    return f"{row['id']:>6}  {row['state']:<12} {at}  {row['qpu']}  {row['shots']} shots  {row['name']}{why}"


def _clock(since_epoch_s: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(since_epoch_s))


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
    """Show one job: who submitted it, when it was queued, played and ended, and where its result is."""
    from qctl.client import connect

    with connect(server) as lab:
        row = lab.job(job).row
    if as_json:
        _show([row], as_json, one=True)
    else:
        sys.stdout.write("\n".join(_lines(row)) + "\n")


def _lines(row: dict[str, Any]) -> Iterator[str]:
    """Yield what is known of a job, a line for each; what isn't known yet is left out."""
    times = {key: row[key] for key in ("submitted_s", "started_s", "finished_s") if row.get(key)}
    shown = {key: value for key, value in row.items() if key not in ("error", *times) and value not in (None, "", {})}
    shown |= {key.removesuffix("_s"): _clock(value) for key, value in times.items()}
    for first, last, name in (("submitted_s", "started_s", "waited"), ("started_s", "finished_s", "took")):
        if first in times and last in times:
            shown[name] = f"{times[last] - times[first]:.3f} s"
    for key, value in shown.items():
        text = " ".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else value
        yield f"{key:<10} {text}"
    if row["error"]:
        yield f"{'error':<10} {row['error']['code']}: {row['error']['message']}"


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
