"""The memory of a router, and where a pass over a program begins."""

from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset


cdef int open_router(router_t *self, const skeleton_t *items, const graph_t *graph) noexcept nogil:
    """Make room for passes of a program over a graph; 0 if there is no memory."""
    cdef int w, g, k, m, n_sides = items.side_first[items.n_items]
    cdef size_t n_items = items.n_items + 1, n = graph.n + 1, n_groups = items.n_groups + 1
    memset(self, 0, sizeof(router_t))
    self.items = items
    self.graph = graph
    self.rules.ahead = 0.5
    self.rules.price = 0.5
    self.rules.late = 0.01
    self.rules.n_ahead = 20
    self.place = <int *> malloc((items.n_wires + 1) * sizeof(int))
    self.who = <int *> malloc(n * sizeof(int))
    self.waits = <int *> malloc(n_items * sizeof(int))
    self.waits_at_start = <int *> malloc(2 * n_items * sizeof(int))
    self.left = <int *> malloc(n_groups * sizeof(int))
    self.group_ends = <int *> calloc(n_groups, sizeof(int))
    self.queue = <int *> malloc(n_items * sizeof(int))
    self.front = <int *> malloc(n_items * sizeof(int))
    self.front_at = <int *> malloc(n_items * sizeof(int))
    self.weighs = <uint8_t *> malloc(n_items)
    self.done = <uint8_t *> malloc(n_items)
    self.at = <int *> malloc((items.n_wires + 1) * sizeof(int))
    self.at_ahead = <int *> malloc((items.n_wires + 1) * sizeof(int))
    self.head = <int *> malloc((items.n_wires + 1) * sizeof(int))
    self.next_ = <int *> malloc(2 * n_items * sizeof(int))
    self.ahead = <int *> malloc(MOST_AHEAD * sizeof(int))
    self.touched = <int *> malloc((n_groups + 2 * n_items + n_sides) * sizeof(int))
    self.front_gain = <int *> malloc((graph.n_edges + 1) * sizeof(int))
    self.ahead_gain = <int *> malloc((graph.n_edges + 1) * sizeof(int))
    self.busy = <int *> malloc(n * sizeof(int))
    self.late = <int *> malloc(n * sizeof(int))
    self.tired = <double *> malloc(n * sizeof(double))
    self.met = <int *> malloc(n * sizeof(int))
    self.met_price = <int *> malloc(n * sizeof(int))
    if (
        self.place == NULL or self.who == NULL or self.waits == NULL or self.waits_at_start == NULL or self.left == NULL
        or self.group_ends == NULL or self.queue == NULL or self.front == NULL or self.front_at == NULL
        or self.weighs == NULL or self.done == NULL or self.at == NULL or self.at_ahead == NULL
        or self.head == NULL or self.next_ == NULL or self.ahead == NULL or self.touched == NULL
        or self.front_gain == NULL or self.ahead_gain == NULL or self.busy == NULL or self.late == NULL or self.tired == NULL
        or self.met == NULL or self.met_price == NULL
    ):
        return 0
    for k in range(items.n_items):
        self.waits_at_start[k] = self.waits_at_start[n_items + k] = items.side_first[k + 1] - items.side_first[k]
    for w in range(items.n_wires):
        if items.wire_first[w] == items.wire_first[w + 1]:
            continue
        g = items.wire_first[w]
        self.group_ends[g] |= 1
        for m in range(items.member_first[g], items.member_first[g + 1]):
            self.waits_at_start[items.members[m]] -= 1
        g = items.wire_first[w + 1] - 1
        self.group_ends[g] |= 2
        for m in range(items.member_first[g], items.member_first[g + 1]):
            self.waits_at_start[n_items + items.members[m]] -= 1
    return 1


cdef void close_router(router_t *self) noexcept nogil:
    free(self.place)
    free(self.who)
    free(self.waits)
    free(self.waits_at_start)
    free(self.left)
    free(self.group_ends)
    free(self.queue)
    free(self.front)
    free(self.front_at)
    free(self.weighs)
    free(self.done)
    free(self.at)
    free(self.at_ahead)
    free(self.head)
    free(self.next_)
    free(self.ahead)
    free(self.touched)
    free(self.front_gain)
    free(self.ahead_gain)
    free(self.busy)
    free(self.late)
    free(self.tired)
    free(self.met)
    free(self.met_price)
    free(self.ops)
    memset(self, 0, sizeof(router_t))
