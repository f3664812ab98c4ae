"""Memory that several instruction buffers read without a copy: what is written never changes, one of them may go on.

Copies of a circuit share its memory. Bytes that a buffer has written stay as they are until the memory is freed, so that
any number of buffers and arrays may read them; behind them only the buffer that claimed the open end may write. The
others move to memory of their own with their next instruction. Memory may also be that of a bytes object, such as a file
that was read: it is full from the start.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy

import numpy as np

cdef extern from "fresh.h" nogil:
    void qctl_large_pages(void *start, size_t n_bytes)

cdef Py_ssize_t LEAST = 1024
cdef Py_ssize_t MOST = 0x7FFFFFFF


cdef class Storage:
    """Own a block of memory; as a buffer it is read-only."""

    def __dealloc__(self):
        if self.owner is None:
            free(self.start)

    def __len__(self):
        return self.n_bytes

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        if flags & 1:  # PyBUF_WRITABLE
            raise BufferError("the instructions of a program are read-only")
        buffer.buf = self.start
        buffer.obj = self
        buffer.len = self.n_bytes
        buffer.readonly = 1
        buffer.itemsize = 1
        buffer.format = "B"
        buffer.ndim = 1
        buffer.shape = &self.n_bytes
        buffer.strides = &buffer.itemsize
        buffer.suboffsets = NULL
        buffer.internal = NULL


cdef int refuse_over(Py_ssize_t wanted, str what) except -1:
    """Refuse more items than the format can count."""
    if wanted > MOST:
        raise MemoryError(f"{wanted} {what} are over the format's {MOST}")
    return 0


cdef Storage allocated(Py_ssize_t n_bytes):
    """Return new memory; its content is not defined."""
    cdef Storage new = Storage.__new__(Storage)
    new.start = <char *> malloc(<size_t> n_bytes if n_bytes else 1)
    if new.start == NULL:
        raise MemoryError(f"no memory for {n_bytes} bytes of instructions")
    qctl_large_pages(new.start, <size_t> n_bytes)
    new.n_bytes = n_bytes
    return new


cdef Storage adopted(bytes owner, char *start, Py_ssize_t n_bytes):
    """Return part of a bytes object's memory, which is kept for as long."""
    cdef Storage new = Storage.__new__(Storage)
    new.owner = owner
    new.start = start
    new.n_bytes = new.used = n_bytes
    return new


cdef Storage extended(Storage old, bint alone, char **start, Py_ssize_t used, Py_ssize_t wanted, Py_ssize_t *room):
    """Return memory with room for `wanted` bytes from `start` on, the first `used` of them as they were.

    `alone` says that nobody but the caller has `old`. `start` and `room` (bytes from `start` on) are set.
    """
    cdef Py_ssize_t more
    cdef Storage new
    cdef void *moved
    if old is not None and old.owner is None:
        more = old.n_bytes - (start[0] - old.start)
        if wanted <= more and (alone or (old.open_end and start[0] + used == old.start + old.used)):
            old.open_end = False
            room[0] = more
            return old
    more = max(wanted, 2 * used, LEAST)
    if old is not None and old.owner is None and alone and start[0] == old.start:
        moved = realloc(old.start, <size_t> more)
        if moved == NULL:
            raise MemoryError(f"no memory for {more} bytes of instructions")
        qctl_large_pages(moved, <size_t> more)
        old.start = <char *> moved
        old.n_bytes = more
        old.open_end = False
        new = old
    else:
        new = allocated(more)
        if used:
            memcpy(new.start, start[0], <size_t> used)
    start[0] = new.start
    room[0] = more
    return new


cdef Storage stored(object given, Py_ssize_t item):
    """Return whole items as memory that nobody changes: a bytes object's own, or a copy of anything else."""
    cdef const unsigned char[::1] view = given
    cdef object owner = given
    cdef const char *start
    cdef Storage new
    if view.shape[0] % item:
        raise ValueError(f"{view.shape[0]} bytes are not whole items of {item}")
    while type(owner) is np.ndarray or type(owner) is memoryview:
        owner = owner.base if type(owner) is np.ndarray else owner.obj
    if type(owner) is bytes and view.shape[0]:
        start = PyBytes_AS_STRING(owner)
        if (<const char *> &view[0] >= start and <const char *> &view[0] + view.shape[0] <= start + PyBytes_GET_SIZE(owner)
                and <size_t> &view[0] % 8 == 0):
            return adopted(owner, <char *> &view[0], view.shape[0])
    new = allocated(view.shape[0])
    if view.shape[0]:
        memcpy(new.start, &view[0], view.shape[0])
    return new


cdef int open_end(Storage store, char *end) except -1:
    """Let whoever comes first go on behind `end`."""
    store.used = end - store.start
    store.open_end = True
    return 0


cdef object seen(Storage store, char *start, Py_ssize_t count, object dtype):
    """Return an array over memory that no longer changes."""
    if not count:
        return np.frombuffer(b"", dtype)
    return np.frombuffer(store, dtype, count, start - store.start)
