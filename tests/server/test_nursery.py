"""The nursery: what it forks is as if started anew, belongs to who asked for it, and outlives the nursery itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any

import pytest
from descendants import children_of, family_of
from forked import fail, leave, tell

from qctl.server.nursery import Nursery, Offspring

WARM = "qctl.server.warming:import_all"
LAB = Path(__file__).parents[1] / "support" / "transmon5.toml"


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as opened:
        yield opened


def asked(nursery: Nursery, question: str, name: str = "one") -> tuple[Offspring, Connection]:
    """Fork a process that answers a question in the pipe, and lives until that is closed."""
    ours, theirs = Pipe()
    with theirs:
        return nursery.start(name, tell, (question,), (theirs.fileno(),)), ours


def answer(nursery: Nursery, question: str, name: str = "one") -> Any:
    process, pipe = asked(nursery, question, name)
    with pipe:
        found = pipe.recv()
    process.join(10)
    assert process.exitcode == 0
    return found


def test_exit_codes_come_back(nursery: Nursery) -> None:
    for code in (0, 7):
        process = nursery.start("left", leave, (code,))
        process.join(10)
        assert (process.exitcode, process.is_alive()) == (code, False)
    process = nursery.start("failed", fail, ())
    process.join(10)
    assert process.exitcode == 1


def test_killed_process_is_told_of(nursery: Nursery) -> None:
    process, pipe = asked(nursery, "name")
    assert pipe.recv() == "one"
    assert process.is_alive()
    assert process.exitcode is None
    assert not wait([process.sentinel], 0)
    process.kill()
    assert wait([process.sentinel], 10)
    assert process.exitcode == -signal.SIGKILL
    process.kill()
    pipe.close()


def test_surroundings_are_those_of_a_process_that_was_started_anew(nursery: Nursery) -> None:
    path, folder, name, comm, daemon, modes, blocked, child, threads = answer(nursery, "surroundings", "host.lo_drive")
    assert path == sys.path
    assert folder == os.getcwd()
    assert (name, comm, daemon) == ("host.lo_drive", "qctl-host.lo_dr", False)
    assert modes == [signal.SIG_IGN] * 3
    assert (blocked, child) == (set(), signal.SIG_DFL)
    assert threads == ["MainThread", "parent"]


def test_no_random_state_is_shared() -> None:
    with Nursery((("random:seed", 1), ("numpy.random:seed", 1))) as nursery:
        found = [answer(nursery, "random") for _ in range(3)]
    for values in zip(*found, strict=True):
        assert len(set(values)) == 3


def test_no_descriptor_of_another_process_is_inherited(nursery: Nursery) -> None:
    alone = answer(nursery, "descriptors")
    others = [asked(nursery, "name") for _ in range(5)]
    beside = answer(nursery, "descriptors")
    for process, pipe in others:
        assert pipe.recv() == "one"
        pipe.close()
        process.join(10)
    kinds = [[where.partition(":")[0] for where in found] for found in (alone, beside)]
    assert kinds[0] == kinds[1]
    assert kinds[0].count("socket") == 1  # what it was handed


def test_own_processes_are_started_by_what_was_forked(nursery: Nursery) -> None:
    assert answer(nursery, "forks") == 5


def test_forked_process_outlives_the_nursery_and_the_next_has_a_new_one() -> None:
    with Nursery() as nursery:
        first, pipe = asked(nursery, "name")
        assert pipe.recv() == "one"
        assert nursery._process is not None
        nursery._process.kill()
        nursery._process.join(10)
        assert first.is_alive()
        assert answer(nursery, "name", "two") == "two"
        assert first.is_alive()
        pipe.close()
        first.join(10)
        assert not first.is_alive()
        assert first.exitcode is None


def test_nursery_ends_when_nobody_can_ask() -> None:
    nursery = Nursery()
    nursery.begin()
    process = nursery._process
    assert process is not None
    assert process.pid in children_of(os.getpid())
    assert nursery._requests is not None
    nursery._requests.close()
    process.join(20)
    assert process.exitcode == 0


def test_what_is_forked_ends_with_a_killed_parent(tmp_path: Path) -> None:
    note = tmp_path / "note"
    script = f"import sys; sys.path[:] = {sys.path!r}\nimport forked\nforked.be_killed_after({str(note)!r})"
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "ready\n"
    below = [os.pidfd_open(pid) for pid in family_of(parent.pid)[1:]]
    assert len(below) >= 2
    parent.kill()
    parent.wait()
    for one in below:
        assert wait([one], 20), "a process is left"
        os.close(one)


def test_warm_up_that_fails_is_logged_and_costs_no_process(capfd: pytest.CaptureFixture[str]) -> None:
    with Nursery((("os:rmdir", "/proc/none"),)) as nursery:
        assert answer(nursery, "name") == "one"
    assert "os:rmdir failed ahead of the first start" in capfd.readouterr().err


@pytest.mark.parametrize("warm", [((WARM, LAB),), ((WARM, LAB), ("forked:import_drivers", None))])
def test_nursery_has_no_thread_that_a_fork_would_cut_off(warm: Any, capfd: pytest.CaptureFixture[str]) -> None:
    with Nursery(warm) as nursery:
        n_threads, left = answer(nursery, "imported")
        assert nursery._process is not None
        assert len(os.listdir(f"/proc/{nursery._process.pid}/task")) == 1
    assert n_threads == 2  # its own, and the one that waits for the parent's end
    assert bool(left) == (len(warm) == 1)
    assert capfd.readouterr().err == ""
