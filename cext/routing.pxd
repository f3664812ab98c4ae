"""Routing: swaps that bring together what has to meet."""

from qctl.cext.router cimport router_t

cdef int run(router_t *self, const int *layout, bint backwards, bint recording, int most) noexcept nogil
cdef void swap(router_t *self, int p, int q) noexcept nogil
