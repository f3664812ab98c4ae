"""The front of a pass: what is to be brought together next, and what a swap gains there and behind it.

All that could be done next, now that what commutes has no order, is in the front's lists. What of it weighs is a matter of
the rules: all, or (`ordered`) only what is also first on both its wires in the program's own order. The second keeps
programs in which everything commutes with everything, such as Fourier transforms, from pulling all their qubits to one heap.
"""

from libc.stdint cimport int16_t
from libc.string cimport memcpy, memset

from qctl.cext.coupling cimport graph_t
from qctl.cext.router cimport distance
from qctl.cext.skeleton cimport skeleton_t


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


cdef inline void put_in_sums(router_t *self, int item, int sign) noexcept nogil:
    """Put an item into the front's sums, or take it out."""
    self.busy[self.place[self.items.a[item]]] += sign
    self.busy[self.place[self.items.b[item]]] += sign
    self.front_sum += sign * distance(self, item)
    weigh(self, item, self.front_gain, sign)


cdef void open_front(router_t *self, bint backwards) noexcept nogil:
    """Begin with nothing in front and nothing done."""
    cdef const skeleton_t *items = self.items
    cdef int w
    self.front_sum = self.n_front = self.n_weighing = 0
    memset(self.front_gain, 0, self.graph.n_edges * sizeof(int))
    memset(self.weighs, 0, items.n_items)
    memset(self.done, 0, items.n_items)
    memset(self.front_at, 0xFF, items.n_items * sizeof(int))    # -1
    for w in range(items.n_wires):
        self.head[w] = -1
        self.at[w] = items.member_first[items.wire_first[w + 1]] - 1 if backwards else (
            items.member_first[items.wire_first[w]]
        )


cdef inline int first_of(const router_t *self, const int *at, int wire) noexcept nogil:
    """Return the item that a wire's place in the program's order is at, or -1 at its end."""
    cdef const skeleton_t *items = self.items
    if at[wire] < items.member_first[items.wire_first[wire]] or (
        at[wire] >= items.member_first[items.wire_first[wire + 1]]
    ):
        return -1
    return items.members[at[wire]]


cdef inline bint first_on_all(const router_t *self, const int *at, int item) noexcept nogil:
    """Say whether an item is first on each of its wires."""
    cdef const skeleton_t *items = self.items
    cdef int s
    for s in range(items.side_first[item], items.side_first[item + 1]):
        if first_of(self, at, items.group_wire[items.sides[s]]) != item:
            return False
    return True


cdef void enter_front(router_t *self, int item) noexcept nogil:
    """Put an item whose wires are apart into the front."""
    cdef int a = self.items.a[item], b = self.items.b[item]
    self.front_at[item] = self.n_front
    self.front[self.n_front] = item
    self.n_front += 1
    self.next_[2 * item] = self.head[a]
    self.head[a] = 2 * item
    self.next_[2 * item + 1] = self.head[b]
    self.head[b] = 2 * item + 1
    if not self.rules.ordered or first_on_all(self, self.at, item):
        self.weighs[item] = True
        self.n_weighing += 1
        put_in_sums(self, item, 1)


cdef void unlink(router_t *self, int wanted, int wire) noexcept nogil:
    cdef int at = self.head[wire]
    if at == wanted:
        self.head[wire] = self.next_[at]
        return
    while self.next_[at] != wanted:
        at = self.next_[at]
    self.next_[at] = self.next_[wanted]


cdef void leave_front(router_t *self, int item) noexcept nogil:
    """Take an item out of the front."""
    cdef int at = self.front_at[item], moved
    self.n_front -= 1
    moved = self.front[self.n_front]
    self.front[at] = moved
    self.front_at[moved] = at
    self.front_at[item] = -1
    unlink(self, 2 * item, self.items.a[item])
    unlink(self, 2 * item + 1, self.items.b[item])
    if self.weighs[item]:
        self.weighs[item] = False
        self.n_weighing -= 1
        put_in_sums(self, item, -1)


cdef void pass_by(router_t *self, int item, bint backwards) noexcept nogil:
    """Take an item as done in the program's order: what is first now may weigh."""
    cdef const skeleton_t *items = self.items
    cdef int s, w, first, step = -1 if backwards else 1
    self.done[item] = True
    for s in range(items.side_first[item], items.side_first[item + 1]):
        w = items.group_wire[items.sides[s]]
        first = first_of(self, self.at, w)
        if first < 0 or not self.done[first]:
            continue
        while first >= 0 and self.done[first]:
            self.at[w] += step
            first = first_of(self, self.at, w)
        if first >= 0 and self.front_at[first] >= 0 and not self.weighs[first] and first_on_all(self, self.at, first):
            self.weighs[first] = True
            self.n_weighing += 1
            put_in_sums(self, first, 1)


cdef void shift(router_t *self, int wire, int sign) noexcept nogil:
    """Take the front items of a wire out of the sums, or put them in again."""
    cdef int at
    if wire < 0:
        return
    at = self.head[wire]
    while at >= 0:
        if self.weighs[at >> 1]:
            put_in_sums(self, at >> 1, sign)
        at = self.next_[at]


cdef void shift_ahead(router_t *self, int u, int v, int sign) noexcept nogil:
    """Take the items ahead of two wires out of the sums, or put them in again."""
    cdef int k, a, b
    for k in range(self.n_ahead):
        a = self.items.a[self.ahead[k]]
        b = self.items.b[self.ahead[k]]
        if a == u or a == v or b == u or b == v:
            self.ahead_sum += sign * distance(self, self.ahead[k])
            weigh(self, self.ahead[k], self.ahead_gain, sign)


cdef void behind_groups(router_t *self, bint backwards) noexcept nogil:
    """Find the next items behind the front, as if all in it were done."""
    cdef const skeleton_t *items = self.items
    cdef int *todo = self.touched
    cdef int *groups = self.touched + items.n_items + 1
    cdef int *waited = groups + items.side_first[items.n_items] + 1
    cdef int n_todo = self.n_front, n_groups = 0, n_waited = 0, k = 0, s, g, m, item
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


cdef void behind_firsts(router_t *self, bint backwards) noexcept nogil:
    """Find the next items in the program's order behind those that weigh, as if all these were done."""
    cdef const skeleton_t *items = self.items
    cdef int *todo = self.touched
    cdef int n_todo = 0, k = 0, s, w, item, first, step = -1 if backwards else 1
    memcpy(self.at_ahead, self.at, items.n_wires * sizeof(int))
    for k in range(self.n_front):
        if self.weighs[self.front[k]]:
            todo[n_todo] = self.front[k]
            n_todo += 1
    k = 0
    while k < n_todo and self.n_ahead < self.rules.n_ahead:
        item = todo[k]
        k += 1
        for s in range(items.side_first[item], items.side_first[item + 1]):
            w = items.group_wire[items.sides[s]]
            self.at_ahead[w] += step
            first = first_of(self, self.at_ahead, w)
            while first >= 0 and self.done[first]:
                self.at_ahead[w] += step
                first = first_of(self, self.at_ahead, w)
            if first < 0 or not first_on_all(self, self.at_ahead, first):
                continue
            todo[n_todo] = first
            n_todo += 1
            if items.b[first] >= 0 and self.n_ahead < self.rules.n_ahead:
                self.ahead[self.n_ahead] = first
                self.n_ahead += 1


cdef void look_ahead(router_t *self, bint backwards) noexcept nogil:
    """Fill in what comes next behind what weighs, and what swaps gain there."""
    cdef int k
    memset(self.ahead_gain, 0, self.graph.n_edges * sizeof(int))
    self.ahead_sum = 0
    self.n_ahead = 0
    if self.rules.ordered:
        behind_firsts(self, backwards)
    else:
        behind_groups(self, backwards)
    for k in range(self.n_ahead):
        self.ahead_sum += distance(self, self.ahead[k])
        weigh(self, self.ahead[k], self.ahead_gain, 1)
