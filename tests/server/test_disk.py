"""Writes that wait for room."""

import errno
import threading

import pytest

from qctl.errors import ScheduleError
from qctl.server.disk import insist, is_full


def refusal(number: int) -> ScheduleError:
    try:
        try:
            raise OSError(number, "no")
        except OSError as problem:
            raise ScheduleError("the result can't be written") from problem
    except ScheduleError as error:
        return error


def test_only_a_full_disk_counts_as_full() -> None:
    assert is_full(refusal(errno.ENOSPC)) and is_full(refusal(errno.EDQUOT))
    assert not is_full(refusal(errno.ENOTDIR))
    assert not is_full(ScheduleError("of another kind"))


class Room(threading.Condition):
    """A condition whose waits end at once, and are counted."""

    n_waits = 0

    def wait(self, timeout: float | None = None) -> bool:
        """Count."""
        self.n_waits += 1
        return True


def test_write_is_tried_until_there_is_room() -> None:
    left, lock = [refusal(errno.ENOSPC)] * 3, Room()

    def write() -> str:
        if left:
            raise left.pop()
        return "written"

    assert insist("job 1 can't be saved", write, lock, lambda why: not is_full(why)) == "written"
    assert lock.n_waits == 3


def test_reason_that_stays_and_an_end_are_raised() -> None:
    lock = Room()

    def write() -> None:
        raise refusal(errno.EROFS)

    with pytest.raises(ScheduleError, match="can't be written"):
        insist("job 1 can't be saved", write, lock, lambda why: not is_full(why))
    assert lock.n_waits == 0
    with pytest.raises(ScheduleError, match="can't be written"):
        insist("job 1 can't be saved", write, lock, lambda why: lock.n_waits > 2)
    assert lock.n_waits == 3
