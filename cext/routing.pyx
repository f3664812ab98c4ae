"""One pass of routing: swaps chosen by what they gain in front and behind it, by seeded chance among equals.

Sources: G. Li, Y. Ding, Y. Xie, ASPLOS 2019 (SABRE); H. Zou et al., arXiv:2409.08368 (2024) (LightSABRE, relative
scores). What commutes on a wire has no order here, and a swap is charged with the cz that it costs where it stands: behind a
two-qubit gate of the same pair it may cost none.
"""

from libc.stdint cimport int16_t, uint64_t
from libc.string cimport memcpy, memset

from qctl.cext.coupling cimport FAR_AWAY, graph_t
from qctl.cext.router cimport op_t
from qctl.cext.skeleton cimport skeleton_t

cdef extern from "exact.h" nogil:
    int qctl_below(uint64_t *state, int n)
    int qctl_room(void **block, Py_ssize_t *room, Py_ssize_t wanted, size_t size)

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


cdef inline void weigh(router_t *self, int item, int *gain, int sign) noexcept nogil:
    """Add what swaps along the edges at an item's ends would add to its distance."""
    cdef const graph_t *graph = self.graph
    cdef int x = self.place[self.items.a[item]], y = self.place[self.items.b[item]], k
    cdef const int16_t *from_y = graph.far + <Py_ssize_t> y * graph.n
    cdef const int16_t *from_x = graph.far + <Py_ssize_t> x * graph.n
    cdef int now = from_y[x]
    for k in range(graph.near_first[x], graph.near_first[x + 1]):
        if graph.near[k] != y:
            gain[graph.near_edge[k]] += sign * (from_y[graph.near[k]] - now)
    for k in range(graph.near_first[y], graph.near_first[y + 1]):
        if graph.near[k] != x:
            gain[graph.near_edge[k]] += sign * (from_x[graph.near[k]] - now)


cdef inline int distance(const router_t *self, int item) noexcept nogil:
    return self.graph.far[
        <Py_ssize_t> self.place[self.items.a[item]] * self.graph.n + self.place[self.items.b[item]]
    ]


cdef void link(router_t *self, int item, int side, int wire) noexcept nogil:
    self.next_[2 * item + side] = self.head[wire]
    self.head[wire] = 2 * item + side


cdef void unlink(router_t *self, int item, int side, int wire) noexcept nogil:
    cdef int at = self.head[wire], wanted = 2 * item + side
    if at == wanted:
        self.head[wire] = self.next_[at]
        return
    while self.next_[at] != wanted:
        at = self.next_[at]
    self.next_[at] = self.next_[wanted]


cdef void enter_front(router_t *self, int item) noexcept nogil:
    self.front_at[item] = self.n_front
    self.front[self.n_front] = item
    self.n_front += 1
    link(self, item, 0, self.items.a[item])
    link(self, item, 1, self.items.b[item])
    self.busy[self.place[self.items.a[item]]] += 1
    self.busy[self.place[self.items.b[item]]] += 1
    self.front_sum += distance(self, item)
    weigh(self, item, self.front_gain, 1)


cdef void leave_front(router_t *self, int item) noexcept nogil:
    cdef int at = self.front_at[item], moved
    self.n_front -= 1
    moved = self.front[self.n_front]
    self.front[at] = moved
    self.front_at[moved] = at
    unlink(self, item, 0, self.items.a[item])
    unlink(self, item, 1, self.items.b[item])
    self.busy[self.place[self.items.a[item]]] -= 1
    self.busy[self.place[self.items.b[item]]] -= 1
    self.front_sum -= distance(self, item)
    weigh(self, item, self.front_gain, -1)


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
    else:
        for s in range(items.side_first[item], items.side_first[item + 1]):
            pass
        if p >= 0:
            self.n_steps += 1
            self.met[p] = self.n_steps
    record(self, item, p, q)
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


cdef void look_ahead(router_t *self, bint backwards) noexcept nogil:
    """Find the next items behind the front, as if all in it were done."""
    cdef const skeleton_t *items = self.items
    cdef int *todo = self.touched
    cdef int *groups = self.touched + items.n_items + 1
    cdef int *waited = groups + items.side_first[items.n_items] + 1
    cdef int n_todo = self.n_front, n_groups = 0, n_waited = 0, k = 0, s, g, m, item
    memset(self.ahead_gain, 0, self.graph.n_edges * sizeof(int))
    self.ahead_sum = 0
    self.n_ahead = 0
    memcpy(todo, self.front, n_todo * sizeof(int))
    while k < n_todo and self.n_ahead < self.rules.n_ahead:
        item = todo[k]
        k += 1
        for s in range(items.side_first[item], items.side_first[item + 1]):
            g = items.sides[s]
            self.left[g] -= 1
            groups[n_groups] = g
            n_groups += 1
            if self.left[g] or self.group_ends[g] & (1 if backwards else 2):
                continue
            g += -1 if backwards else 1
            for m in range(items.member_first[g], items.member_first[g + 1]):
                item = items.members[m]
                self.waits[item] -= 1
                waited[n_waited] = item
                n_waited += 1
                if self.waits[item] == 0:
                    todo[n_todo] = item
                    n_todo += 1
                    if items.b[item] >= 0 and self.n_ahead < self.rules.n_ahead:
                        self.ahead[self.n_ahead] = item
                        self.n_ahead += 1
    for k in range(n_groups):
        self.left[groups[k]] += 1
    for k in range(n_waited):
        self.waits[waited[k]] += 1
    for k in range(self.n_ahead):
        self.ahead_sum += distance(self, self.ahead[k])
        weigh(self, self.ahead[k], self.ahead_gain, 1)


cdef void shift(router_t *self, int wire, int sign) noexcept nogil:
    """Take the front items of a wire out of the sums, or put them in again."""
    cdef int at
    if wire < 0:
        return
    at = self.head[wire]
    while at >= 0:
        self.front_sum += sign * distance(self, at >> 1)
        weigh(self, at >> 1, self.front_gain, sign)
        self.busy[self.place[self.items.a[at >> 1]]] += sign
        self.busy[self.place[self.items.b[at >> 1]]] += sign
        at = self.next_[at]


cdef void shift_ahead(router_t *self, int u, int v, int sign) noexcept nogil:
    cdef int k, a, b
    for k in range(self.n_ahead):
        a = self.items.a[self.ahead[k]]
        b = self.items.b[self.ahead[k]]
        if a == u or a == v or b == u or b == v:
            self.ahead_sum += sign * distance(self, self.ahead[k])
            weigh(self, self.ahead[k], self.ahead_gain, sign)


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
        ahead = self.rules.ahead * self.n_front / self.n_ahead
    for e in range(graph.n_edges):
        p = graph.p[e]
        q = graph.q[e]
        if self.busy[p] + self.busy[q] == 0:
            continue
        tired = self.tired[p] if self.tired[p] > self.tired[q] else self.tired[q]
        score = (front + self.front_gain[e] + ahead * (self.ahead_sum + self.ahead_gain[e])) * tired
        score += self.rules.price * swap_price(self, p, q)
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

    `stuck` is set, and 0 returned, if there is no way between two that must meet.
    """
    cdef const skeleton_t *items = self.items
    cdef const graph_t *graph = self.graph
    cdef int k, e, p, q, u, v, n_since = 0, n_done, nearest
    memcpy(self.place, layout, items.n_wires * sizeof(int))
    for k in range(graph.n):
        self.who[k] = -1
        self.busy[k] = 0
        self.met[k] = -1 - k
        self.met_price[k] = SWAP_COST
    for k in range(items.n_wires):
        self.who[self.place[k]] = k
        self.head[k] = -1
    memcpy(self.waits, self.waits_at_start + (items.n_items + 1 if backwards else 0), items.n_items * sizeof(int))
    for k in range(items.n_groups):
        self.left[k] = items.member_first[k + 1] - items.member_first[k]
    memset(self.front_gain, 0, graph.n_edges * sizeof(int))
    rest(self)
    self.front_sum = self.n_front = self.n_queued = self.n_done = self.cost = self.n_swaps = self.n_steps = 0
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
        if self.cost > most:
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
