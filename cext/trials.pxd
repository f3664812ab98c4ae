"""Seeded trials of layouts."""

from libc.stdint cimport uint64_t

from qctl.cext.coupling cimport graph_t
from qctl.cext.placing cimport meetings_t
from qctl.cext.router cimport router_t

cdef struct effort_t:
    int n_visits        # of the search for a perfect layout; 0 for none
    int n_trials        # start layouts; 0 keeps the program's numbers
    int n_rounds        # there and back for each
    int n_threads

cdef int best_route(
    router_t *router, const meetings_t *meetings, const graph_t *graph, const effort_t *effort, uint64_t seed, int *layout
) noexcept nogil
cdef int bring_home(router_t *router, const graph_t *graph, const int *home) noexcept nogil
