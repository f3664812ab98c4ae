"""The state of routing."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from qctl.cext.coupling cimport graph_t
from qctl.cext.skeleton cimport skeleton_t

cdef enum:
    MOST_AHEAD = 256

cdef struct op_t:
    int item                # -1: a swap
    int p, q                # where its wires a, b are

cdef struct rules_t:
    double ahead            # weight of what comes behind the front
    double price            # weight of the cz that a swap costs, beside edges of distance
    double late             # weight of the cz that are already on a qubit's way
    int n_ahead
    bint ordered            # only what is first on both its wires weighs, in the program's order

cdef struct router_t:
    const skeleton_t *items
    const graph_t *graph
    rules_t rules
    uint64_t draws
    int *place              # physical qubit of each wire
    int *who                # wire on each physical qubit, or -1
    int *waits              # of each item: sides whose group isn't reached
    int *waits_at_start     # for either direction
    int *left               # of each group: items to come
    int *group_ends         # bit 0: first of its wire, bit 1: last
    int *queue
    int n_queued, n_done
    int *front
    int *front_at           # place of an item in front
    int n_front
    uint8_t *weighs         # of each item: it is in the sums
    int n_weighing
    uint8_t *done           # of each item, and where each wire's first that is not done is among its members
    int *at
    int *at_ahead           # the same for the look ahead
    int *head               # of the front items of each wire: 2 item + side
    int *next_
    int *ahead
    int n_ahead
    int *touched            # undo logs of the look ahead
    int *front_gain         # what a swap along an edge adds to the distances in front, and behind it
    int *ahead_gain
    int front_sum, ahead_sum
    int *busy               # front items at each physical qubit
    double *tired
    int *met                # number of the last two-qubit step at each physical qubit, and what a swap costs there
    int *met_price
    int n_steps
    op_t *ops
    Py_ssize_t n_ops, ops_room
    bint recording, failed, stuck
    int64_t deadline        # moment at which a pass gives up; 0 for never
    int cost, n_swaps
    int *late               # cz on the longest way to each physical qubit's last step
    int latest

cdef int open_router(router_t *self, const skeleton_t *items, const graph_t *graph) noexcept nogil
cdef void close_router(router_t *self) noexcept nogil


cdef inline int distance(const router_t *self, int item) noexcept nogil:
    """Return how many edges are between the two wires of an item."""
    return self.graph.far[
        <Py_ssize_t> self.place[self.items.a[item]] * self.graph.n + self.place[self.items.b[item]]
    ]
