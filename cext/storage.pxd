"""Memory that several instruction buffers may read, and one of them may extend."""

cdef extern from *:
    """
    #ifdef Py_GIL_DISABLED
    #define QCTL_SHARES 0
    #else
    #define QCTL_SHARES 1
    #endif
    """
    const bint QCTL_SHARES  # without the GIL two threads could claim one open end
    Py_ssize_t count_of "Py_REFCNT"(void *)

cdef class Storage:
    cdef char *start
    cdef Py_ssize_t n_bytes
    cdef Py_ssize_t used
    cdef bint open_end
    cdef bytes owner

cdef Storage allocated(Py_ssize_t n_bytes)
cdef Storage adopted(bytes owner, char *start, Py_ssize_t n_bytes)
cdef Storage extended(Storage old, bint alone, char **start, Py_ssize_t used, Py_ssize_t wanted, Py_ssize_t *room)
cdef Storage stored(object given, Py_ssize_t item)
cdef int open_end(Storage store, char *end) except -1
cdef object seen(Storage store, char *start, Py_ssize_t count, object dtype)
cdef int refuse_over(Py_ssize_t wanted, str what) except -1
