"""Memory that several instruction buffers may read, and one of them may extend."""

cdef class Storage:
    cdef char *start
    cdef Py_ssize_t n_bytes
    cdef Py_ssize_t used
    cdef bint open_end
    cdef bytes owner

cdef Storage allocated(Py_ssize_t n_bytes)
cdef Storage adopted(bytes owner, char *start, Py_ssize_t n_bytes)
cdef Storage extended(Storage old, bint alone, char **start, Py_ssize_t used, Py_ssize_t wanted, Py_ssize_t *room)
