"""The keeper: no acknowledged job is lost by kill -9, none plays twice by itself."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest

from qctl.client import connect
from qctl.errors import JobCancelledError, NotAllowedError, RequestError, ScheduleError

PATIENCE_S = 100.0
"""How long a job may take on a busy machine; what is wrong is seen by what comes, not by when."""
pytestmark = pytest.mark.timeout(300)


def wait_for_end(pids: list[int]) -> None:
    until = time.monotonic() + 60
    while any(os.path.exists(f"/proc/{pid}") for pid in pids):
        assert time.monotonic() < until, "processes outlive the server"


def wait_until_it_runs(job) -> None:
    until = time.monotonic() + 60
    while job.state not in ("uploading", "playing"):
        assert time.monotonic() < until


def test_killed_server_loses_no_acknowledged_job(start, tmp_path) -> None:
    first = start(store=tmp_path / "s")
    with connect(first.address) as lab:
        done = lab.run(json.dumps({}), shots=10)
        done.result(PATIENCE_S)
        playing = lab.run(json.dumps({"block_s": 60.0}), shots=10)
        wait_until_it_runs(playing)
        queued = [lab.run(json.dumps({"level": n}), shots=10) for n in range(5)]
        below = list(first.children())
        first.kill()
    wait_for_end(below)
    second = start(store=tmp_path / "s")
    with connect(second.address) as lab:
        assert lab.job(done.id).result(PATIENCE_S).counts == {"0": 5, "1": 5}
        with pytest.raises(ScheduleError, match="not played again"):
            lab.job(playing.id).result(PATIENCE_S)
        assert lab.job(playing.id).state == "interrupted"
        for job in queued:
            assert lab.job(job.id).result(PATIENCE_S).counts == {"0": 5, "1": 5}
        again = lab.replay(done.id)
        assert again.id > max(job.id for job in queued)
        assert again.result(PATIENCE_S).counts == {"0": 5, "1": 5}


def test_outputs_are_safe_when_the_broker_dies(start, tmp_path) -> None:
    server = start(store=tmp_path / "s")
    below = list(server.children())
    server.kill()
    wait_for_end(below)


def test_crashed_keeper_is_started_again_with_its_jobs(start) -> None:
    server = start()
    with connect(server.address) as lab:
        job = lab.run(json.dumps({"block_s": 60.0}), shots=10)
        wait_until_it_runs(job)
        os.kill(server.keeper(), signal.SIGKILL)
        until = time.monotonic() + 60
        while True:
            try:
                if lab.job(job.id).state == "interrupted":
                    break
            except Exception as error:
                assert "keeper" in str(error)
            assert time.monotonic() < until
        assert lab.run(json.dumps({}), shots=10).result(PATIENCE_S).counts == {"0": 5, "1": 5}


@pytest.mark.parametrize(
    ("change", "word"),
    [({"shots": 0}, "shots = 0"), ({"qpu": "qpu9"}, "no processor qpu9"), ({"shots": 10**8}, "outside")],
)
def test_job_that_can_not_be_is_refused_at_once(lab, change: dict, word: str) -> None:
    with pytest.raises(RequestError, match=word):
        lab.run(json.dumps({}), **change)


def test_jobs_are_listed_newest_first(lab) -> None:
    numbers = [lab.run(json.dumps({"level": n}), shots=10, name=f"n{n}").id for n in range(3)]
    for number in numbers:
        lab.job(number).result(PATIENCE_S)
    rows = lab.jobs(limit=3)
    assert [row["id"] for row in rows] == numbers[::-1]
    assert [row["name"] for row in rows] == ["n2", "n1", "n0"]
    assert all(row["state"] == "done" for row in lab.jobs(state="done"))


def test_snapshot_that_does_not_fit_is_refused(lab) -> None:
    for values in ({"qubits": {"q9": {}}}, {"qubits": {"q0": {"frequency_hz": float("nan")}}}, {"x": {}}):
        with pytest.raises(RequestError):
            lab.write_snapshot("qpu0", values)
    assert lab.calibration("qpu0").number == 0


def test_only_its_user_cancels_a_job_unless_forced(server, lab, monkeypatch) -> None:
    job = lab.run(json.dumps({"block_s": 20.0}), shots=10)
    wait_until_it_runs(job)
    with connect(server.address) as same_user:
        waiting = lab.run(json.dumps({"level": 3}), shots=10)
        same_user.job(waiting.id).cancel()
        with pytest.raises(JobCancelledError):
            waiting.result(10)
        assert job.state in ("uploading", "playing"), (
            "a job that waits is cancelled at once, not when the one before it has ended"
        )
    monkeypatch.setattr("getpass.getuser", lambda: "somebody")
    with connect(server.address) as other:
        with pytest.raises(NotAllowedError, match=rf"job {job.id} belongs to \S+@\S+; .*force=True, or --force"):
            other.job(job.id).cancel()
        other.job(job.id).cancel(force=True)
        with pytest.raises(JobCancelledError):
            job.result(PATIENCE_S)
        again = other.replay(waiting.id)
        assert again.row["client"].startswith("somebody@") and again.result(PATIENCE_S).counts
        with pytest.raises(NotAllowedError, match="belongs to somebody@"):
            lab.job(other.run(json.dumps({"block_s": 0.5}), shots=10).id).cancel()


def test_a_snapshot_outside_the_outputs_limits_is_refused(lab) -> None:
    with pytest.raises(RequestError, match=r"qubits\.q0\.flux\.offset_v: 25 V is outside limits_v"):
        lab.write_snapshot("qpu0", {"qubits": {"q0": {"flux": {"offset_v": 25.0}}}})
    assert lab.calibration("qpu0").number == 0
