"""Perfect layouts: every two that meet are on coupled qubits."""

from libc.stdint cimport int64_t, uint64_t

from qctl.cext.coupling cimport graph_t
from qctl.cext.skeleton cimport skeleton_t

cdef struct meetings_t:
    int n_wires, n_pairs
    int *first          # n_wires + 1, into with_: whom a wire meets, and how many cz that takes
    int *with_
    int *times

cdef int open_meetings(meetings_t *self, const skeleton_t *items) noexcept nogil
cdef void close_meetings(meetings_t *self) noexcept nogil
cdef int perfect_layout(
    const meetings_t *meetings, const graph_t *graph, int n_visits, uint64_t seed, int64_t deadline, int *layout
) noexcept nogil
