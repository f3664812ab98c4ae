"""Coupling graphs."""

from libc.stdint cimport int16_t

cdef enum:
    FAR_AWAY = 20000

cdef struct graph_t:
    int n, n_edges
    const int *p            # ends of each edge
    const int *q
    int *near_first         # n + 1, into near: the neighbours of each, and the edges to them
    int *near
    int *near_edge
    int16_t *far            # n x n edges on the way; FAR_AWAY if there is none

cdef int open_graph(graph_t *self, int n, const int *p, const int *q, int n_edges) noexcept nogil
cdef void close_graph(graph_t *self) noexcept nogil
