"""A store before it is used: one server's alone, and refused with its path while somebody reads what is said."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from qctl.errors import ScheduleError
from qctl.store.opening import check_database, claim_store
from qctl.store.queue import Queue, Submission

JOB = Submission((("qasm", b"x q[0];"),), "qpu0", 100, {})


def test_store_is_one_servers_alone(tmp_path: Path) -> None:
    claim = claim_store(tmp_path)
    with pytest.raises(ScheduleError, match=f"{tmp_path} is in use by the server in process {os.getpid()}"):
        claim_store(tmp_path)
    claim.release()
    claim_store(tmp_path).release()


def test_claim_ends_with_its_process(tmp_path: Path) -> None:
    text = f"from pathlib import Path; from qctl.store.opening import claim_store; claim_store(Path({str(tmp_path)!r}))"
    hold = subprocess.Popen(
        [sys.executable, "-c", f"{text}; print('held', flush=True); input()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert hold.stdout is not None and hold.stdout.readline() == b"held\n"
    with pytest.raises(ScheduleError, match=f"in process {hold.pid}: end that"):
        claim_store(tmp_path)
    hold.kill()
    hold.communicate()
    claim_store(tmp_path).release()


def test_store_that_is_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("")
    with pytest.raises(ScheduleError, match=f"the store {tmp_path}/store can't be written"):
        claim_store(tmp_path / "store")


@pytest.mark.parametrize("damage", ["garbage", "truncated", "pages", "folder"])
def test_damaged_database_is_named_and_left_as_it_is(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "q.sqlite"
    queue = Queue(path)
    queue.submit([JOB] * 200)
    queue.close()
    whole = path.read_bytes()
    if damage == "folder":
        path.unlink()
        path.mkdir()
    else:
        broken = {"garbage": b"not a database" * 999, "truncated": whole[: len(whole) // 3]}
        path.write_bytes(broken.get(damage, whole[:4096] + b"\xa5" * (len(whole) - 4096)))
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(ScheduleError, match=rf"{path} can't be (opened|read)"):
        check_database(path)
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_damage_that_is_met_later_is_an_error_with_the_path(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "q.sqlite")
    (job,) = queue.submit([JOB])
    with sqlite3.connect(tmp_path / "q.sqlite") as connection:
        connection.execute("ALTER TABLE jobs RENAME TO gone")
    for ask in (lambda: queue.entry(job), lambda: queue.latest(3), queue.unfinished, queue.next_run):
        with pytest.raises(ScheduleError, match=r"q\.sqlite can't be read: no such table"):
            ask()
    with pytest.raises(ScheduleError, match=r"q\.sqlite can't be written: no such table: jobs \(.* MB are free in"):
        queue.submit([JOB])
    queue.close()
