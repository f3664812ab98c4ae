"""Build the list of rotations between frames: merge what commutes on the same wires, cancel what adds up to nothing."""

from libc.math cimport fabs, floor
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from qctl.cext.spins cimport QCTL_PI, about_x, about_z, after, axis_t, parallel, qctl_sincos, spin, spin_t, z_before

cdef extern from "exact.h" nogil:
    int qctl_room(void **block, Py_ssize_t *room, Py_ssize_t wanted, size_t size)

cdef enum:
    MOST_LOOKS = 64     # how far a partner is looked for in a group


cdef double NOTHING = 1e-11     # radians below which a rotation is none
cdef double ROOT = 0.70710678118654752440


cdef int open_list(gatelist_t *self, int n_wires) noexcept nogil:
    """Make an empty list; 0 if there is no memory."""
    cdef int q
    memset(self, 0, sizeof(gatelist_t))
    self.n_wires = n_wires
    self.frames = <spin_t *> calloc(n_wires + 1, sizeof(spin_t))
    self.last = <int *> calloc(n_wires + 1, sizeof(int))
    self.wire = <int *> calloc(n_wires + 1, sizeof(int))
    if self.frames == NULL or self.last == NULL or self.wire == NULL:
        return 0
    for q in range(n_wires):
        self.frames[q] = spin(1, 0, 0, 0)
        self.last[q] = -1
        self.wire[q] = q
    return 1


cdef void close_list(gatelist_t *self) noexcept nogil:
    free(self.frames)
    free(self.last)
    free(self.wire)
    free(self.nodes)
    free(self.groups)
    free(self.held)
    free(self.held_group)
    free(self.held_frame)
    memset(self, 0, sizeof(gatelist_t))


cdef void turn(gatelist_t *self, int a, spin_t by) noexcept nogil:
    """Append a one-qubit gate."""
    self.frames[a] = after(by, self.frames[a])


cdef int new_group(gatelist_t *self, int a, axis_t axis, bint closed) noexcept nogil:
    cdef group_t *made
    if not qctl_room(<void **> &self.groups, &self.groups_room, self.n_groups + 1, sizeof(group_t)):
        self.failed = True
        return -1
    made = self.groups + self.n_groups
    made.axis = axis
    made.closed = closed
    made.first = -1
    made.n = 0
    made.before = self.last[a]
    self.last[a] = <int> self.n_groups
    self.n_groups += 1
    return self.last[a]


cdef int new_node(gatelist_t *self, int kind, int a, int b) noexcept nogil:
    cdef node_t *made
    if not qctl_room(<void **> &self.nodes, &self.nodes_room, self.n_nodes + 1, sizeof(node_t)):
        self.failed = True
        return -1
    made = self.nodes + self.n_nodes
    memset(made, 0, sizeof(node_t))
    made.kind = kind
    made.a = a
    made.b = b
    made.source = self.source
    made.next_a = -1
    made.next_b = -1
    made.group_b = -1
    self.n_nodes += 1
    return <int> (self.n_nodes - 1)


cdef int joined(gatelist_t *self, int a, axis_t axis, int *sign) noexcept nogil:
    """Return the wire's last group if something about the axis may join it, else -1."""
    cdef int g = self.last[a]
    if g < 0 or self.groups[g].closed:
        return -1
    sign[0] = parallel(self.groups[g].axis, axis)
    return g if sign[0] else -1


cdef void enter(gatelist_t *self, int n, int side, int g) noexcept nogil:
    """Put a side of a node into a group."""
    if side == 0:
        self.nodes[n].group_a = g
        self.nodes[n].next_a = self.groups[g].first
    else:
        self.nodes[n].group_b = g
        self.nodes[n].next_b = self.groups[g].first
    self.groups[g].first = 2 * n + side
    self.groups[g].n += 1


cdef void leave(gatelist_t *self, int a, int g) noexcept nogil:
    """Take one member off the last group of a wire; an empty one is gone."""
    self.groups[g].n -= 1
    if self.groups[g].n == 0:
        self.last[a] = self.groups[g].before


cdef int partner(gatelist_t *self, int g, int kind, int a, int b, int other) noexcept nogil:
    """Return the node of a group on wires a, b whose other side is in group `other`, or -1."""
    cdef int at = self.groups[g].first, looks = 0
    cdef node_t *node
    while at >= 0 and looks < MOST_LOOKS:
        node = self.nodes + (at >> 1)
        if node.kind == kind:
            if kind == TURN:
                if node.ref == other:
                    return at >> 1
            elif node.a == a and node.b == b and node.group_b == other or (
                node.a == b and node.b == a and node.group_a == other
            ):
                return at >> 1
        at = node.next_b if at & 1 else node.next_a
        looks += 1
    return -1


cdef void turn_z(gatelist_t *self, int a, angle_t angle) noexcept nogil:
    """Append a turn about z by a number and a multiple of an expression."""
    cdef axis_t axis
    cdef int sign = 1, g, n
    if angle.number != 0:
        turn(self, a, about_z(angle.number))
    if angle.times == 0:
        return
    axis = z_before(self.frames[a])
    g = joined(self, a, axis, &sign)
    if g >= 0:
        n = partner(self, g, TURN, a, -1, <int> angle.expression)
        if n >= 0:
            self.nodes[n].angle += angle.times * (1 if parallel(z_before(self.nodes[n].fa), axis) > 0 else -1)
            if self.nodes[n].angle == 0:
                self.nodes[n].kind = GONE
                leave(self, a, g)
            return
    else:
        g = new_group(self, a, axis, False)
    n = new_node(self, TURN, a, -1)
    if self.failed:
        return
    self.nodes[n].angle = angle.times
    self.nodes[n].ref = <int> angle.expression
    self.nodes[n].fa = self.frames[a]
    enter(self, n, 0, g)


cdef double halved(gatelist_t *self, int a, int b, double angle) noexcept nogil:
    """Return an angle within [-pi/2, pi/2] and turn both wires for what went: exp(-i pi/2 ZZ) is Z and Z."""
    cdef double k = floor(angle / QCTL_PI + 0.5)
    angle -= k * QCTL_PI
    if k != 2 * floor(k / 2):
        turn(self, a, spin(0, 0, 0, 1))
        turn(self, b, spin(0, 0, 0, 1))
    return angle


cdef void rotate(gatelist_t *self, int a, int b, double angle) noexcept nogil:
    """Append exp(-i angle/2 ZZ) on two wires."""
    cdef axis_t axis_a, axis_b
    cdef int sign_a = 0, sign_b = 0, ga, gb, n
    cdef node_t *node
    angle = halved(self, a, b, angle)
    if fabs(angle) < NOTHING:
        return
    axis_a = z_before(self.frames[a])
    axis_b = z_before(self.frames[b])
    ga = joined(self, a, axis_a, &sign_a)
    gb = joined(self, b, axis_b, &sign_b)
    if ga >= 0 and gb >= 0:
        n = partner(self, ga, ZZ, a, b, gb)
        if n >= 0:
            node = self.nodes + n
            if node.a == a:
                sign_a = parallel(z_before(node.fa), axis_a) * parallel(z_before(node.fb), axis_b)
            else:
                sign_a = parallel(z_before(node.fb), axis_a) * parallel(z_before(node.fa), axis_b)
            node.angle = halved(self, a, b, node.angle * (1 if sign_a >= 0 else -1) + angle) * (1 if sign_a >= 0 else -1)
            if fabs(node.angle) < NOTHING:
                node.kind = GONE
                leave(self, a, ga)
                leave(self, b, gb)
            return
    if ga < 0:
        ga = new_group(self, a, axis_a, False)
    if gb < 0:
        gb = new_group(self, b, axis_b, False)
    n = new_node(self, ZZ, a, b)
    if self.failed:
        return
    self.nodes[n].angle = angle
    self.nodes[n].fa = self.frames[a]
    self.nodes[n].fb = self.frames[b]
    enter(self, n, 0, ga)
    enter(self, n, 1, gb)


cdef void swap(gatelist_t *self, int q, int p) noexcept nogil:
    """Append a swap of two qubits of the program: their names change places, or three rotations do it."""
    cdef int a = self.wire[q], b = self.wire[p]
    cdef spin_t to_x = spin(ROOT, 0, -ROOT, 0), to_y = spin(ROOT, ROOT, 0, 0)
    if self.relabel:
        self.wire[q] = b
        self.wire[p] = a
        return
    rotate(self, a, b, QCTL_PI / 2)
    turn(self, a, to_x)
    turn(self, b, to_x)
    rotate(self, a, b, QCTL_PI / 2)
    turn(self, a, spin(to_x.w, 0, -to_x.y, 0))
    turn(self, b, spin(to_x.w, 0, -to_x.y, 0))
    turn(self, a, to_y)
    turn(self, b, to_y)
    rotate(self, a, b, QCTL_PI / 2)
    turn(self, a, spin(to_y.w, -to_y.x, 0, 0))
    turn(self, b, spin(to_y.w, -to_y.x, 0, 0))


cdef void hold(gatelist_t *self, const int *wires, int n) noexcept nogil:
    """Append a row that stays as it is and that nothing on its wires passes."""
    cdef int k, g, newest = <int> self.n_groups
    cdef Py_ssize_t start = self.n_held
    cdef axis_t none
    cdef int node = new_node(self, HELD, wires[0] if n else -1, -1)
    none.x = none.y = none.z = 0
    if not qctl_room(<void **> &self.held, &self.held_room, start + n, sizeof(int)) or (
        not qctl_room(<void **> &self.held_group, &self.held_group_room, start + n, sizeof(int))
        or not qctl_room(<void **> &self.held_frame, &self.held_frame_room, start + n, sizeof(spin_t))
    ):
        self.failed = True
    if self.failed:
        return
    for k in range(n):
        g = self.last[wires[k]]
        if g < newest:      # a wire that is named twice is held once
            g = new_group(self, wires[k], none, True)
            if self.failed:
                return
            self.groups[g].n = 1
            self.held_group[start + k] = g
        else:
            self.held_group[start + k] = -1
        self.held[start + k] = wires[k]
        self.held_frame[start + k] = self.frames[wires[k]]
    self.n_held += n
    self.nodes[node].ref = <int> start
    self.nodes[node].group_b = n


cdef inline double rotation_infidelity(double angle) noexcept nogil:
    """Return the average gate infidelity of exp(-i angle/2 ZZ) to the identity: (d/(d+1)) (1 - |tr U|^2 / d^2), d = 4."""
    cdef double s, c
    qctl_sincos(0.5 * angle, &s, &c)
    return 0.8 * s * s


cdef void forget(gatelist_t *self, int a) noexcept nogil:
    """Begin a wire's frame anew: it was reset."""
    self.frames[a] = spin(1, 0, 0, 0)


cdef double approximate(gatelist_t *self, double bound) noexcept nogil:
    """Drop two-qubit rotations whose average gate infidelity to none is within a bound, make those near a quarter turn one.

    Return the sum of the infidelities.
    """
    cdef Py_ssize_t i
    cdef double lost, sum_ = 0, rest
    cdef node_t *node
    for i in range(self.n_nodes):
        node = self.nodes + i
        if node.kind != ZZ:
            continue
        lost = rotation_infidelity(node.angle)
        if lost <= bound:
            node.kind = GONE
            sum_ += lost
            continue
        rest = fabs(node.angle) - QCTL_PI / 2
        lost = rotation_infidelity(rest)
        if fabs(rest) > 1e-9 and lost <= bound:
            node.angle = QCTL_PI / 2 if node.angle > 0 else -QCTL_PI / 2
            sum_ += lost
    return sum_
