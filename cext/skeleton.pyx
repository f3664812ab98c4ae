"""Collect rotations of the same two wires to items, and lay out which items wait for which."""

from libc.math cimport fabs
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from qctl.cext.entanglers cimport only_cz
from qctl.cext.gatelist cimport GONE, HELD, ZZ, node_t
from qctl.cext.kinds cimport fewest_gates, with_swap
from qctl.cext.spins cimport QCTL_PI
from qctl.cext.weyl cimport add_rotation, along_z, complex4_t, decompose, identity, reduce_within, settle

cdef struct building_t:
    int *group_of       # newest group of each wire
    int *origin         # group of the list that each group stands for
    int *count
    int *sole           # the only item of a group
    int *wire_of        # in the order of making
    int *item_of        # item of each node, or -1
    int *side_group     # group of each side of an item
    int *renumbered


cdef void close_building(building_t *self) noexcept nogil:
    free(self.group_of)
    free(self.origin)
    free(self.count)
    free(self.sole)
    free(self.wire_of)
    free(self.item_of)
    free(self.side_group)
    free(self.renumbered)


cdef int open_skeleton(skeleton_t *self, const gatelist_t *gates, const kinds_t *kinds, double bound) noexcept nogil:
    """Fill in the items of a list of gates; 0 if there is no memory."""
    cdef building_t work
    cdef int done
    cdef size_t n = gates.n_nodes + 1, n_sides = 2 * n + gates.n_held, n_wires = gates.n_wires + 1
    memset(self, 0, sizeof(skeleton_t))
    memset(&work, 0, sizeof(building_t))
    self.n_wires = gates.n_wires
    self.a = <int *> malloc(n * sizeof(int))
    self.b = <int *> malloc(n * sizeof(int))
    self.node_first = <int *> calloc(n + 1, sizeof(int))
    self.nodes = <int *> malloc(n * sizeof(int))
    self.side_first = <int *> calloc(n + 1, sizeof(int))
    self.sides = <int *> malloc(n_sides * sizeof(int))
    self.member_first = <int *> calloc(n_sides + 1, sizeof(int))
    self.members = <int *> malloc(n_sides * sizeof(int))
    self.wire_first = <int *> calloc(n_wires + 1, sizeof(int))
    self.group_wire = <int *> malloc(n_sides * sizeof(int))
    self.cost = <int8_t *> calloc(n, 1)
    self.cost_swapped = <int8_t *> calloc(n, 1)
    self.forms = <canonical_t *> malloc(n * sizeof(canonical_t))
    work.group_of = <int *> malloc(n_wires * sizeof(int))
    work.origin = <int *> malloc(n_sides * sizeof(int))
    work.count = <int *> calloc(n_sides, sizeof(int))
    work.sole = <int *> malloc(n_sides * sizeof(int))
    work.wire_of = <int *> malloc(n_sides * sizeof(int))
    work.item_of = <int *> malloc(n * sizeof(int))
    work.side_group = <int *> malloc(n_sides * sizeof(int))
    work.renumbered = <int *> malloc(n_sides * sizeof(int))
    done = (
        self.a != NULL and self.b != NULL and self.node_first != NULL and self.nodes != NULL
        and self.side_first != NULL and self.sides != NULL and self.member_first != NULL and self.members != NULL
        and self.wire_first != NULL and self.group_wire != NULL and self.cost != NULL and self.cost_swapped != NULL and self.forms != NULL
        and work.group_of != NULL and work.origin != NULL and work.count != NULL and work.sole != NULL
        and work.wire_of != NULL and work.item_of != NULL and work.side_group != NULL and work.renumbered != NULL
    )
    if done:
        collect(self, &work, gates)
        number_groups(self, &work)
        price(self, gates, kinds, bound)
    close_building(&work)
    return done


cdef void close_skeleton(skeleton_t *self) noexcept nogil:
    free(self.a)
    free(self.b)
    free(self.node_first)
    free(self.nodes)
    free(self.side_first)
    free(self.sides)
    free(self.member_first)
    free(self.members)
    free(self.wire_first)
    free(self.group_wire)
    free(self.cost)
    free(self.cost_swapped)
    free(self.forms)
    memset(self, 0, sizeof(skeleton_t))


cdef void enter(skeleton_t *self, building_t *work, int item, int side, int wire, int origin) noexcept nogil:
    """Put a side of an item into the wire's newest group if it stands for the same one, else into a new one."""
    cdef int g = work.group_of[wire]
    if g < 0 or work.origin[g] != origin:
        g = self.n_groups
        self.n_groups += 1
        work.origin[g] = origin
        work.wire_of[g] = wire
        work.sole[g] = item
        work.group_of[wire] = g
    work.count[g] += 1
    work.side_group[side] = g


cdef void collect(skeleton_t *self, building_t *work, const gatelist_t *gates) noexcept nogil:
    cdef int q, k, ga, gb, x, n_sides = 0, n_nodes = 0
    cdef Py_ssize_t i
    cdef const node_t *node
    for q in range(self.n_wires):
        work.group_of[q] = -1
    for i in range(gates.n_nodes):
        node = gates.nodes + i
        work.item_of[i] = -1
        if node.kind == GONE:
            continue
        if node.kind == ZZ:
            ga = work.group_of[node.a]
            gb = work.group_of[node.b]
            if ga >= 0 and gb >= 0 and work.count[ga] == 1 and work.count[gb] == 1 and work.sole[ga] == work.sole[gb]:
                x = work.sole[ga]
                if self.b[x] >= 0 and (self.a[x] == node.a or self.a[x] == node.b) and (
                    self.b[x] == node.a or self.b[x] == node.b
                ):
                    work.item_of[i] = x
                    continue
        x = self.n_items
        self.n_items += 1
        work.item_of[i] = x
        self.a[x] = node.a
        self.b[x] = node.b if node.kind == ZZ else -1
        self.side_first[x] = n_sides
        if node.kind == HELD:
            for k in range(node.group_b):
                if gates.held_group[node.ref + k] < 0:
                    continue
                enter(self, work, x, n_sides, gates.held[node.ref + k], gates.held_group[node.ref + k])
                n_sides += 1
        else:
            enter(self, work, x, n_sides, node.a, node.group_a)
            n_sides += 1
            if node.kind == ZZ:
                enter(self, work, x, n_sides, node.b, node.group_b)
                n_sides += 1
    self.side_first[self.n_items] = n_sides
    for i in range(gates.n_nodes):
        if work.item_of[i] >= 0:
            self.node_first[work.item_of[i] + 1] += 1
    for k in range(self.n_items):
        self.node_first[k + 1] += self.node_first[k]
    for i in range(gates.n_nodes - 1, -1, -1):      # from behind, so that node_first ends where it began
        x = work.item_of[i]
        if x >= 0:
            self.node_first[x + 1] -= 1
            self.nodes[self.node_first[x + 1]] = <int> i
    for k in range(self.n_items):
        self.node_first[k] = self.node_first[k + 1]
    for i in range(gates.n_nodes):
        n_nodes += work.item_of[i] >= 0
    self.node_first[self.n_items] = n_nodes


cdef void number_groups(skeleton_t *self, building_t *work) noexcept nogil:
    """Number the groups wire by wire, and list their members."""
    cdef int g, k, s, n_sides = self.side_first[self.n_items]
    for g in range(self.n_groups):
        self.wire_first[work.wire_of[g] + 1] += 1
    for k in range(self.n_wires):
        self.wire_first[k + 1] += self.wire_first[k]
        work.group_of[k] = self.wire_first[k]
    for g in range(self.n_groups):
        k = work.wire_of[g]
        work.renumbered[g] = work.group_of[k]
        self.group_wire[work.group_of[k]] = k
        work.group_of[k] += 1
    for s in range(n_sides):
        g = work.renumbered[work.side_group[s]]
        self.sides[s] = g
        self.member_first[g + 1] += 1
    for g in range(self.n_groups):
        self.member_first[g + 1] += self.member_first[g]
        work.count[g] = self.member_first[g]
    for k in range(self.n_items):
        for s in range(self.side_first[k], self.side_first[k + 1]):
            g = self.sides[s]
            self.members[work.count[g]] = k
            work.count[g] += 1


cdef void price(skeleton_t *self, const gatelist_t *gates, const kinds_t *kinds, double bound) noexcept nogil:
    """Fill in the canonical forms of the items, and what they cost alone and with a swap."""
    cdef int x, k
    cdef const node_t *node
    cdef complex4_t u
    cdef canonical_t swapped, kept
    cdef bint half
    for x in range(self.n_items):
        if self.b[x] < 0:
            continue
        node = gates.nodes + self.nodes[self.node_first[x]]
        if self.node_first[x + 1] - self.node_first[x] == 1:
            along_z(node.angle, node.fa, node.fb, self.forms + x)
            half = fabs(fabs(node.angle) - QCTL_PI / 2) < 1e-9
            if not only_cz(kinds):
                kept = swapped = self.forms[x]
                with_swap(&swapped)
                settle(&kept)
                settle(&swapped)
                self.cost[x] = <int8_t> fewest_gates(kinds, &kept)
                self.cost_swapped[x] = <int8_t> fewest_gates(kinds, &swapped)
                continue
            self.cost[x] = 1 if half else 2
            self.cost_swapped[x] = 2 if half else 3
            continue
        identity(&u)
        for k in range(self.node_first[x], self.node_first[x + 1]):
            node = gates.nodes + self.nodes[k]
            if node.a == self.a[x]:
                add_rotation(&u, node.angle, node.fa, node.fb)
            else:
                add_rotation(&u, node.angle, node.fb, node.fa)
        decompose(&u, self.forms + x)
        swapped = self.forms[x]
        with_swap(&swapped)
        settle(self.forms + x)
        settle(&swapped)
        kept = self.forms[x]
        reduce_within(&kept, bound)
        reduce_within(&swapped, bound)
        self.cost[x] = <int8_t> fewest_gates(kinds, &kept)
        self.cost_swapped[x] = <int8_t> fewest_gates(kinds, &swapped)
