"""The compute pool: low priority, a worker that dies is an InternalError, a cancelled call ends its process."""

from __future__ import annotations

import threading
import time

import pytest

from qctl.errors import InternalError, JobCancelledError, RequestError
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
