"""Memory is used again when the last array over it is gone, and never before."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from qctl.cext.recycled import LEAST, empty
from qctl.program.timeline import PLAY


def place(array):
    return array.__array_interface__["data"][0]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float64, PLAY, "<i4"])
@pytest.mark.parametrize("n", [0, 1, 100, LEAST - 1, LEAST, 3 * LEAST])
def test_an_array_has_its_rows_and_can_be_written(dtype, n):
    array = empty(n, dtype)
    assert array.shape == (n,) and array.dtype == np.dtype(dtype) and array.flags.c_contiguous and array.flags.writeable
    array.view(np.uint8)[:] = 7
    assert (array.view(np.uint8) == 7).all()


def test_memory_is_used_again_when_the_last_view_is_gone():
    first = empty(10 * LEAST, np.uint8)
    at, view = place(first), first[5:9]
    del first
    view[:] = 3
    other = empty(10 * LEAST, np.uint8)
    assert place(other) != at
    other[:] = 0
    assert (view == 3).all()
    del view
    assert place(empty(9 * LEAST, np.uint8)) == at


def test_a_block_is_not_wasted_on_much_less():
    large = empty(64 * LEAST, np.uint8)
    at = place(large)
    del large
    assert place(empty(2 * LEAST, np.uint8)) != at


def test_large_blocks_begin_where_vectors_do():
    assert not place(empty(LEAST, np.float64)) % 64


def test_no_two_arrays_of_any_thread_share_memory():
    def work(seed):
        rng = np.random.default_rng(seed)
        held = []
        for k in range(300):
            number = (seed * 1000 + k) % 251
            array = empty(int(rng.integers(LEAST, 4 * LEAST)), np.uint8)
            array[:] = number
            held.append((array, number))
            if len(held) > 6:
                old, expected = held.pop(int(rng.integers(len(held))))
                if not (old == expected).all():
                    return False
        return all((array == expected).all() for array, expected in held)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(8)))


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="-1 rows"):
        empty(-1, np.uint8)
    with pytest.raises(MemoryError):
        empty(2**62, np.uint8)
    with pytest.raises((MemoryError, ValueError)):
        empty(2**62, np.float64)
