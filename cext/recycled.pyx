"""Arrays over memory that other arrays have left: what is compiled again and again is not touched for the first time."""

from cython cimport view
from libc.stddef cimport size_t

import numpy as np

cdef extern from "recycled.h" nogil:
    void* qctl_take(size_t n_bytes)
    void qctl_give_back(void* start) noexcept

LEAST = 65_536
"""Bytes from which on memory is recycled; smaller blocks come back from the allocator soon enough."""

cdef Py_ssize_t _LEAST = LEAST
cdef object _frombuffer = np.frombuffer
cdef object _empty = np.empty
cdef object _dtype = np.dtype


def empty(Py_ssize_t n, object dtype):
    """Return an array of n rows, whose content is not defined.

    Parameters
    ----------
    n : int
    dtype : dtype

    Raises
    ------
    ValueError
        If n is below 0.
    MemoryError
        If there is no memory.
    """
    cdef Py_ssize_t n_bytes, item = (dtype if isinstance(dtype, np.dtype) else _dtype(dtype)).itemsize
    cdef void* start
    cdef view.array owner
    if n < 0:
        raise ValueError(f"an array can't have {n} rows")
    if item <= 0 or n < _LEAST // item or n > 0x7FFFFFFFFFFFFFFF // item:
        return _empty(n, dtype)
    n_bytes = n * item
    owner = view.array((n_bytes,), 1, "B", "c", allocate_buffer=False)
    start = qctl_take(<size_t> n_bytes)
    if start == NULL:
        raise MemoryError(f"no memory for {n_bytes} bytes")
    owner.data = <char*> start
    owner.callback_free_data = qctl_give_back
    return _frombuffer(owner, dtype)
