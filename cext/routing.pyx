"""One pass of routing: swaps chosen by what they gain in front and behind it, by seeded chance among equals.

Sources: G. Li, Y. Ding, Y. Xie, ASPLOS 2019 (SABRE); H. Zou et al., arXiv:2409.08368 (2024) (LightSABRE, relative
scores). What commutes on a wire has no order here, and a swap is charged with the cz that it costs where it stands: behind a
two-qubit gate of the same pair it may cost none.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from qctl.cext.coupling cimport FAR_AWAY, graph_t
from qctl.cext.front cimport enter_front, leave_front, look_ahead, open_front, pass_by, shift, shift_ahead
from qctl.cext.router cimport distance, op_t
from qctl.cext.skeleton cimport skeleton_t

cdef extern from "exact.h" nogil:
    int qctl_below(uint64_t *state, int n)
    int qctl_room(void **block, Py_ssize_t *room, Py_ssize_t wanted, size_t size)

cdef extern from "moment.h" nogil:
    int64_t qctl_moment()

cdef enum:
    SWAP_COST = 3

cdef double TIRING = 0.001


cdef void record(router_t *self, int item, int p, int q) noexcept nogil:
    if not self.recording:
        return
    if not qctl_room(<void **> &self.ops, &self.ops_room, self.n_ops + 1, sizeof(op_t)):
        self.failed = True
        return
    self.ops[self.n_ops].item = item
    self.ops[self.n_ops].p = p
    self.ops[self.n_ops].q = q
    self.n_ops += 1


cdef inline void delay(router_t *self, int p, int q, int n) noexcept nogil:
    """Count n more cz on two qubits, behind all that is on either."""
    cdef int at = self.late[p] if self.late[p] > self.late[q] else self.late[q]
    at += n
    self.late[p] = self.late[q] = at
    if at > self.latest:
        self.latest = at


cdef void execute(router_t *self, int item, bint backwards) noexcept nogil:
    """Take an item as done; what waited for it may be queued."""
    cdef const skeleton_t *items = self.items
    cdef int s, g, m, p, q = -1, price = SWAP_COST
    p = self.place[items.a[item]] if items.a[item] >= 0 else -1
    if items.b[item] >= 0:
        q = self.place[items.b[item]]
        self.n_steps += 1
        self.met[p] = self.met[q] = self.n_steps
        self.met_price[p] = items.cost_swapped[item] - items.cost[item]
        delay(self, p, q, items.cost[item])
    elif p >= 0:
        self.n_steps += 1
        self.met[p] = self.n_steps
    record(self, item, p, q)
    if self.rules.ordered:
        pass_by(self, item, backwards)
    for s in range(items.side_first[item], items.side_first[item + 1]):
        g = items.sides[s]
        self.left[g] -= 1
        if self.left[g]:
            continue
        if self.group_ends[g] & (1 if backwards else 2):
            continue
        g += -1 if backwards else 1
        for m in range(items.member_first[g], items.member_first[g + 1]):
            self.waits[items.members[m]] -= 1
            if self.waits[items.members[m]] == 0:
                self.queue[self.n_queued] = items.members[m]
                self.n_queued += 1


cdef void advance(router_t *self, bint backwards) noexcept nogil:
    """Do all that is queued and can be done; the rest goes to the front."""
    cdef int item
    while self.n_done < self.n_queued:
        item = self.queue[self.n_done]
        self.n_done += 1
        if self.items.b[item] < 0 or distance(self, item) == 1:
            execute(self, item, backwards)
        else:
            enter_front(self, item)


cdef inline int swap_price(const router_t *self, int p, int q) noexcept nogil:
    if self.met[p] != self.met[q]:
        return SWAP_COST
    return self.met_price[p] if self.met_price[p] >= 0 else self.met_price[q]


cdef void swap(router_t *self, int p, int q) noexcept nogil:
    """Exchange what is on two coupled qubits."""
    cdef int u = self.who[p], v = self.who[q]
    shift(self, u, -1)
    shift(self, v, -1)
    shift_ahead(self, u, v, -1)
    self.cost += swap_price(self, p, q)
    delay(self, p, q, swap_price(self, p, q))
    self.n_swaps += 1
    self.n_steps += 1
    self.met[p] = self.met[q] = self.n_steps
    self.met_price[p] = SWAP_COST
    self.who[p] = v
    self.who[q] = u
    if u >= 0:
        self.place[u] = q
    if v >= 0:
        self.place[v] = p
    shift(self, u, 1)
    shift(self, v, 1)
    shift_ahead(self, u, v, 1)
    record(self, -1, p, q)


cdef int settled(router_t *self, int wire, bint backwards) noexcept nogil:
    """Do the front items of a wire that can be done now, and return how many."""
    cdef int at, n = 0, item
    if wire < 0:
        return 0
    at = self.head[wire]
    while at >= 0:
        item = at >> 1
        at = self.next_[at]
        if distance(self, item) == 1:
            leave_front(self, item)
            execute(self, item, backwards)
            n += 1
    return n


cdef int best_edge(router_t *self) noexcept nogil:
    """Return the edge whose swap leaves the least to do, one of the best by chance; -1 if there is none."""
    cdef const graph_t *graph = self.graph
    cdef double ahead = 0, score, least = 1e300, tired, front = self.front_sum
    cdef int e, p, q, n_best = 0, best = -1
    if self.n_ahead:
        ahead = self.rules.ahead * self.n_weighing / self.n_ahead
    for e in range(graph.n_edges):
        p = graph.p[e]
        q = graph.q[e]
        if self.busy[p] + self.busy[q] == 0:
            continue
        tired = self.tired[p] if self.tired[p] > self.tired[q] else self.tired[q]
        score = (front + self.front_gain[e] + ahead * (self.ahead_sum + self.ahead_gain[e])) * tired
        score += self.rules.price * swap_price(self, p, q)
        score += self.rules.late * (self.late[p] if self.late[p] > self.late[q] else self.late[q])
        if score < least - 1e-9:
            least = score
            best = e
            n_best = 1
        elif score <= least + 1e-9:
            n_best += 1
            if qctl_below(&self.draws, n_best) == 0:
                best = e
    return best


cdef void walk(router_t *self, int wire, int goal) noexcept nogil:
    """Swap a wire along a shortest way until it is at, or beside, a physical qubit with another wire."""
    cdef int k, p = self.place[wire], next_ = -1
    cdef const graph_t *graph = self.graph
    while graph.far[<Py_ssize_t> p * graph.n + goal] > 1:
        for k in range(graph.near_first[p], graph.near_first[p + 1]):
            next_ = graph.near[k]
            if graph.far[<Py_ssize_t> next_ * graph.n + goal] < graph.far[<Py_ssize_t> p * graph.n + goal]:
                break
        swap(self, p, next_)
        p = next_


cdef void rest(router_t *self) noexcept nogil:
    cdef int k
    for k in range(self.graph.n):
        self.tired[k] = 1


cdef int run(router_t *self, const int *layout, bint backwards, bint recording, int most) noexcept nogil:
    """Route from a layout; the last one is in `place`. Return what the swaps cost in cz, or -1 for more than `most`.

    A pass that isn't done at the deadline returns -1 too.

    `stuck` is set, and 0 returned, if there is no way between two that must meet.
    """
    cdef const skeleton_t *items = self.items
    cdef const graph_t *graph = self.graph
    cdef int k, e, p, q, u, v, n_since = 0, n_done, nearest
    memcpy(self.place, layout, items.n_wires * sizeof(int))
    for k in range(graph.n):
        self.who[k] = -1
        self.busy[k] = 0
        self.late[k] = 0
        self.met[k] = -1 - k
        self.met_price[k] = SWAP_COST
    for k in range(items.n_wires):
        self.who[self.place[k]] = k
    memcpy(self.waits, self.waits_at_start + (items.n_items + 1 if backwards else 0), items.n_items * sizeof(int))
    for k in range(items.n_groups):
        self.left[k] = items.member_first[k + 1] - items.member_first[k]
    open_front(self, backwards)
    rest(self)
    self.n_queued = self.n_done = self.cost = self.n_swaps = self.n_steps = 0
    self.latest = 0
    self.n_ops = 0
    self.recording = recording
    self.stuck = False
    for k in range(items.n_items):
        e = items.n_items - 1 - k if backwards else k
        if self.waits[e] == 0:
            self.queue[self.n_queued] = e
            self.n_queued += 1
    advance(self, backwards)
    look_ahead(self, backwards)
    while self.n_front and not self.failed:
        if self.cost > most or (self.deadline and self.n_swaps % 64 == 63 and qctl_moment() > self.deadline):
            return -1
        nearest = self.front[0]
        if n_since > 3 * graph.n:
            for k in range(self.n_front):
                if distance(self, self.front[k]) < distance(self, nearest):
                    nearest = self.front[k]
            if distance(self, nearest) >= FAR_AWAY:
                self.stuck = True
                return 0
            u = items.a[nearest]
            v = items.b[nearest]
            walk(self, u, self.place[v])
            n_done = 0
            for k in range(items.n_wires):
                n_done += settled(self, k, backwards)
        else:
            e = best_edge(self)
            if e < 0:
                self.stuck = True
                return 0
            p = graph.p[e]
            q = graph.q[e]
            swap(self, p, q)
            n_done = settled(self, self.who[p], backwards) + settled(self, self.who[q], backwards)
            n_since += 1
            self.tired[p] += TIRING
            self.tired[q] += TIRING
        if n_done:
            advance(self, backwards)
            look_ahead(self, backwards)
            rest(self)
            n_since = 0
        elif n_since % 5 == 0:
            rest(self)
    return self.cost
