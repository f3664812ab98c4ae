"""A client that is stopped while it waits cancels its job: nothing plays on behind one's back."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

import qctl.aio
from qctl.client import calls
from qctl.errors import WireError

LONG = json.dumps({"block_s": 30})
SCRIPT = """
import sys, qctl
with qctl.connect(sys.argv[1]) as lab:
    job = lab.run(sys.argv[2], shots=10)
    print(job.id, flush=True)
    job.result()
"""


def wait_for(lab: Any, job: int, state: str) -> None:
    """Wait until a job is in a state."""
    end_s = time.monotonic() + 20
    for _ in lab.events(f"job.{job}", timeout_s=0.1):
        pass
    while lab.job(job).state != state:
        assert time.monotonic() < end_s, lab.job(job).row


def test_ctrl_c_in_a_script_cancels_the_job_and_says_so(lab, server) -> None:
    command = [sys.executable, "-c", SCRIPT, server.address, LONG]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    job = int(process.stdout.readline())
    wait_for(lab, job, "playing")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert said.splitlines()[-2:] == ["KeyboardInterrupt", f"job {job} was cancelled"]
    wait_for(lab, job, "cancelled")


def test_cancelled_task_cancels_its_job_and_a_time_out_of_result_does_not(lab, server) -> None:
    async def work() -> tuple[int, list[str]]:
        async with qctl.aio.connect(server.address) as other:
            job = await other.run(LONG, shots=10)
            with pytest.raises(qctl.errors.ScheduleError, match="is still"):
                await job.result(0.0)
            assert (await job.row())["state"] not in ("cancelled", "done")
            task = asyncio.ensure_future(job.result())
            await other.ping()
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as stopped:
                await task
            return job.id, stopped.value.__notes__

    job, notes = asyncio.run(work())
    assert notes == [f"job {job} was cancelled"]
    wait_for(lab, job, "cancelled")


def test_wait_tells_the_state(lab) -> None:
    states: list[str] = []
    lab.run(json.dumps({"block_s": 1.0}), shots=10).result(20, on_wait=states.append)
    assert states and set(states) <= {"queued", "compiling", "compiled", "uploading", "playing", "reading"}


def finished(job: int) -> Any:
    """Return a reply that says that a job is done already."""
    return calls.wire.JobRow({"id": job, "state": "done"}), ()


def test_stop_while_the_job_is_submitted_asks_for_its_number_by_the_same_key() -> None:
    call = calls.run("OPENQASM 3;", 10, "", None, 2, None, False, "")
    first = next(call)
    again = call.throw(KeyboardInterrupt())
    assert again == first and again.request.key
    cancel = call.send((calls.wire.Accepted(7), ()))
    assert cancel.request == calls.wire.Cancel(7)
    with pytest.raises(KeyboardInterrupt) as stopped:
        call.send(finished(7))
    assert stopped.value.__notes__ == ["job 7 had ended already: done"]


def test_stop_is_passed_on_when_the_job_cannot_be_cancelled_or_it_is_pressed_again() -> None:
    call = calls.result(7, None, False)
    next(call)
    call.throw(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt) as stopped:
        call.throw(WireError("nobody is there"))
    assert stopped.value.__notes__ == ["the job could not be cancelled and may go on: nobody is there"]
    call = calls.result(7, None, False)
    next(call)
    call.throw(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        call.throw(KeyboardInterrupt())
