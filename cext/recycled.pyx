"""Arrays over memory that other arrays have left: what is compiled again and again is not touched for the first time."""

from libc.stddef cimport size_t

import numpy as np

cdef extern from "recycled.h" nogil:
    void* qctl_take(size_t n_bytes)
    void qctl_give_back(void* start)

LEAST = 65_536
"""Bytes from which on memory is recycled; smaller blocks come back from the allocator soon enough."""

cdef Py_ssize_t _LEAST = LEAST
cdef object _frombuffer = np.frombuffer
cdef object _empty = np.empty
cdef object _dtype = np.dtype


cdef class Recycled:
    """Own a block of memory until the last array over it is gone."""

    cdef char* start
    cdef Py_ssize_t n_bytes

    def __dealloc__(self):
        if self.start != NULL:
            qctl_give_back(self.start)

    def __getbuffer__(self, Py_buffer* buffer, int flags):
        buffer.buf = self.start
        buffer.obj = self
        buffer.len = self.n_bytes
        buffer.readonly = 0
        buffer.itemsize = 1
        buffer.format = "B"
        buffer.ndim = 1
        buffer.shape = &self.n_bytes
        buffer.strides = &buffer.itemsize
        buffer.suboffsets = NULL
        buffer.internal = NULL


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
    cdef Recycled owner
    if n < 0:
        raise ValueError(f"an array can't have {n} rows")
    if item <= 0 or n < _LEAST // item or n > 0x7FFFFFFFFFFFFFFF // item:
        return _empty(n, dtype)
    n_bytes = n * item
    owner = Recycled.__new__(Recycled)
    owner.start = <char*> qctl_take(<size_t> n_bytes)
    if owner.start == NULL:
        raise MemoryError(f"no memory for {n_bytes} bytes")
    owner.n_bytes = n_bytes
    return _frombuffer(owner, dtype)
