"""The compute pool: low priority, a worker that dies is an InternalError, a cancelled call ends its process."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from qctl.errors import CompileError, InternalError, JobCancelledError, RequestError
from qctl.server.pool import Pool


@pytest.fixture(scope="module")
def pool():
    opened = Pool(1)
    yield opened
    opened.close()


def never() -> bool:
    return False


def test_workers_run_at_the_lowest_priority(pool: Pool) -> None:
    assert pool.call("os:nice", 0, never) == 19


def test_error_of_the_function_comes_back(pool: Pool) -> None:
    with pytest.raises(RequestError, match="nope can't be imported"):
        pool.call("os:nope", 0, never)
    with pytest.raises(InternalError, match="os:kill failed"):
        pool.call("os:kill", 0, never)


def test_worker_that_dies_is_replaced(pool: Pool) -> None:
    with pytest.raises(InternalError, match="ended with code 7"):
        pool.call("os:_exit", 7, never)
    assert pool.call("builtins:abs", -3, never) == 3


def test_cancelled_call_ends_soon(pool: Pool) -> None:
    cancelled = threading.Event()
    threading.Timer(0.2, cancelled.set).start()
    begin = time.monotonic()
    with pytest.raises(JobCancelledError):
        pool.call("time:sleep", 60, cancelled.is_set)
    assert time.monotonic() - begin < 10
    assert pool.call("builtins:abs", -4, never) == 4


def test_call_that_takes_too_long_is_given_up() -> None:
    short = Pool(1, longest_s=0.5)
    with pytest.raises(CompileError, match=r"within 0\.5 s"):
        short.call("time:sleep", 60, never)
    assert short.call("builtins:abs", -5, never) == 5
    short.close()


def test_call_that_needs_too_much_memory_is_refused_and_the_worker_lives() -> None:
    small = Pool(1, most_bytes=1 << 30)
    with pytest.raises(CompileError, match="more than 1 GiB of memory"):
        small.call("builtins:bytearray", 4 << 30, never)
    assert small.call("builtins:abs", -6, never) == 6
    small.close()


def test_worker_that_was_killed_while_idle_costs_no_job(pool: Pool) -> None:
    process = pool._all[0].process
    process.kill()
    process.join(10)
    assert pool.call("builtins:abs", -7, never) == 7


def test_worker_takes_calls_when_it_is_warm(tmp_path: Path) -> None:
    made = str(tmp_path / "made")
    one = Pool(1, warm=(("os:mkdir", made),))
    assert one.call("os:rmdir", made, never) is None
    one.close()


def test_workers_come_one_after_the_other() -> None:
    several = Pool(2)
    first, second = (several._idle.get(timeout=30) for _ in range(2))
    assert first is several._all[0]
    assert second is several._all[1]
    several.close()


def test_worker_that_can_not_warm_up_is_told_of() -> None:
    broken = Pool(1, warm=(("os:_exit", 9),))
    with pytest.raises(InternalError, match="ended with code 9"):
        broken.call("builtins:abs", -9, never)
    broken.close()
