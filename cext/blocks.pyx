"""Join what stands side by side on two qubits, swaps included, and write each such block with the fewest gates.

What one rotation or one swap needs is written at once, all else from its canonical form.
"""

from libc.math cimport fabs
from libc.stdint cimport uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from qctl.cext.entanglers cimport face, only_cz, put_form
from qctl.cext.opcodes cimport FIRST_GATE, LAST_GATE, OP_BARRIER, OP_DELAY, OP_MEASURE, OP_RESET
from qctl.cext.operands cimport WORD_PORT
from qctl.cext.gatelist cimport HELD, TURN, node_t
from qctl.cext.kinds cimport with_swap
from qctl.cext.native cimport finish_turn, put_cz, put_row, put_symbol, put_turn, put_word
from qctl.cext.records cimport FLAG_WIDE, instruction_t
from qctl.cext.spins cimport QCTL_PI, about_x, after, inverse, spin, spin_t
from qctl.cext.weyl cimport add_rotation, along_z, canonical_t, complex4_t, decompose, identity

cdef uint32_t NONE = 0xFFFFFFFFu
cdef double ROOT = 0.70710678118654752440

cdef struct block_t:
    int p, q            # the qubits; a block is open while both point to it
    int first, last     # its ops, linked by `next_`
    int n_items
    bint swapped

cdef struct writing_t:
    native_t *out
    const plan_t *plan
    spin_t *frames      # the physical state is that of the frames' picture behind these turns
    int *open_          # block of each physical qubit, or -1
    int *next_          # next op of a block
    block_t *blocks
    int n_blocks


cdef void put_swap(writing_t *self, int p, int q) noexcept nogil:
    """Write a swap alone: three cx, or what there is instead."""
    cdef spin_t h = spin(0, ROOT, 0, ROOT), kept = self.frames[p]
    cdef int k, t
    cdef canonical_t form
    if not only_cz(&self.out.kinds):
        form.c[0] = form.c[1] = form.c[2] = QCTL_PI / 4
        form.first_a = self.frames[p]
        form.first_b = self.frames[q]
        form.last_a = inverse(self.frames[q])
        form.last_b = inverse(self.frames[p])
        put_form(self.out, self.frames, &form, p, q)
        return
    for k in range(3):
        t = p if k & 1 else q
        put_turn(self.out, t, h)
        put_cz(self.out, p, q)
        put_turn(self.out, t, h)
    self.frames[p] = self.frames[q]
    self.frames[q] = kept


cdef void put_rotation(writing_t *self, const node_t *node, int p, int q) noexcept nogil:
    """Write one rotation of two qubits: one cz if it is a quarter turn, else two."""
    cdef spin_t h = spin(0, ROOT, 0, ROOT), s = spin(ROOT, 0, 0, ROOT if node.angle < 0 else -ROOT)
    cdef canonical_t form
    if not only_cz(&self.out.kinds):
        along_z(node.angle, node.fa, node.fb, &form)
        put_form(self.out, self.frames, &form, p, q)
        return
    if fabs(fabs(node.angle) - QCTL_PI / 2) < 1e-9:
        face(self.out, self.frames, p, node.fa)
        face(self.out, self.frames, q, node.fb)
        put_cz(self.out, p, q)
        self.frames[p] = after(s, node.fa)
        self.frames[q] = after(s, node.fb)
        return
    face(self.out, self.frames, p, after(h, node.fa))
    face(self.out, self.frames, q, node.fb)
    put_cz(self.out, p, q)
    put_turn(self.out, p, about_x(node.angle))
    put_cz(self.out, p, q)


cdef void close_block(writing_t *self, int p) noexcept nogil:
    """Write the block that a physical qubit is in, if any."""
    cdef int number = self.open_[p], at, k, x
    cdef block_t *block
    cdef const skeleton_t *items = self.plan.items
    cdef const node_t *node
    cdef const op_t *op
    cdef complex4_t u
    cdef canonical_t form
    cdef bint swapped = False, straight
    if number < 0:
        return
    block = self.blocks + number
    self.open_[block.p] = self.open_[block.q] = -1
    self.out.source = -1
    at = block.first
    while at >= 0:
        x = self.plan.ops[at].item
        if x >= 0:
            self.out.source = self.plan.gates.nodes[items.nodes[items.node_first[x]]].source
            break
        at = self.next_[at]
    if block.n_items == 0:
        if block.swapped:
            put_swap(self, block.p, block.q)
        return
    if block.n_items == 1 and at == block.first:
        op = self.plan.ops + at
        x = op.item
        if not block.swapped and items.node_first[x + 1] - items.node_first[x] == 1:
            put_rotation(self, self.plan.gates.nodes + items.nodes[items.node_first[x]], op.p, op.q)
            return
        form = items.forms[x]
        if block.swapped:
            with_swap(&form)
        put_form(self.out, self.frames, &form, op.p, op.q)
        return
    identity(&u)
    at = block.first
    while at >= 0:
        op = self.plan.ops + at
        x = op.item
        if x < 0:
            swapped = not swapped
        else:
            straight = (op.p == block.p) != swapped     # the item's first wire came in at p
            for k in range(items.node_first[x], items.node_first[x + 1]):
                node = self.plan.gates.nodes + items.nodes[k]
                if (node.a == items.a[x]) == straight:
                    add_rotation(&u, node.angle, node.fa, node.fb)
                else:
                    add_rotation(&u, node.angle, node.fb, node.fa)
        at = self.next_[at]
    decompose(&u, &form)
    if swapped:
        with_swap(&form)
    put_form(self.out, self.frames, &form, block.p, block.q)


cdef void add_op(writing_t *self, int i) noexcept nogil:
    """Put an op on two qubits into their block, or into a new one."""
    cdef const op_t *op = self.plan.ops + i
    cdef block_t *block
    cdef int number = self.open_[op.p]
    self.next_[i] = -1
    if number < 0 or self.open_[op.q] != number:
        close_block(self, op.p)
        close_block(self, op.q)
        number = self.n_blocks
        self.n_blocks += 1
        block = self.blocks + number
        block.p = op.p
        block.q = op.q
        block.first = block.last = i
        block.n_items = 0
        block.swapped = False
        self.open_[op.p] = self.open_[op.q] = number
    else:
        block = self.blocks + number
        self.next_[block.last] = i
        block.last = i
    if op.item < 0:
        block.swapped = not block.swapped
    else:
        block.n_items += 1


cdef void put_held(writing_t *self, const node_t *node, const int *place) noexcept nogil:
    """Write a row that stays as it is, on the qubits where its wires are now."""
    cdef const source_t *source = self.plan.source
    cdef const gatelist_t *gates = self.plan.gates
    cdef const instruction_t *row = source.rows + node.source
    cdef int k, p, op = row.op
    cdef bint ports = not (op == OP_BARRIER or op == OP_MEASURE or op == OP_RESET or op == OP_DELAY)
    cdef uint32_t a = row.a, start
    if op == OP_DELAY and row.a & WORD_PORT:
        ports = True
    if op == OP_BARRIER:
        for k in range(<int> row.b):
            ports = ports or (source.words[row.a + k] & WORD_PORT) != 0
    for k in range(node.group_b):
        p = place[gates.held[node.ref + k]]
        close_block(self, p)
        face(self.out, self.frames, p, gates.held_frame[node.ref + k])
        finish_turn(self.out, p, ports)
        if op == OP_MEASURE or op == OP_RESET:      # its phase is lost
            self.out.pending[p] = spin(1, 0, 0, 0)
        if op == OP_RESET:
            self.frames[p] = spin(1, 0, 0, 0)
    self.out.source = node.source
    if row.flags & FLAG_WIDE:
        start = <uint32_t> self.out.n_words
        for k in range(<int> (row.b + row.c)):
            a = source.words[row.a + k]
            if k < <int> row.b and not a & WORD_PORT:
                a = <uint32_t> place[<int> a if ports else gates.held[node.ref + k]]
            put_word(self.out, a)
        put_row(self.out, row.op, row.flags, start, row.b, row.c)
    elif not ports:
        put_row(self.out, row.op, row.flags, <uint32_t> place[gates.held[node.ref]], row.b, row.c)
    else:
        put_row(self.out, row.op, row.flags, row.a, row.b, row.c)


cdef void put_ops(writing_t *self, int *place, int *who) noexcept nogil:
    cdef const plan_t *plan = self.plan
    cdef const op_t *op
    cdef const node_t *node
    cdef int i, u, v
    for i in range(<int> plan.n_ops):
        op = plan.ops + i
        if op.item >= 0 and op.q < 0:
            node = plan.gates.nodes + plan.items.nodes[plan.items.node_first[op.item]]
            if node.kind == TURN:
                close_block(self, op.p)
                face(self.out, self.frames, op.p, node.fa)
                finish_turn(self.out, op.p, False)
                self.out.source = node.source
                put_symbol(self.out, op.p, node.angle, <uint32_t> node.ref)
            else:
                put_held(self, node, place)
            continue
        add_op(self, i)
        if op.item < 0:
            u = who[op.p]
            v = who[op.q]
            who[op.p] = v
            who[op.q] = u
            if u >= 0:
                place[u] = op.q
            if v >= 0:
                place[v] = op.p


cdef int write(native_t *out, const plan_t *plan) noexcept nogil:
    """Write routed items as native rows; 0 if there is no memory."""
    cdef writing_t work
    cdef int k, p, n = out.n_qubits
    cdef const instruction_t *row
    cdef int *place
    memset(&work, 0, sizeof(writing_t))
    work.out = out
    work.plan = plan
    work.frames = <spin_t *> malloc((n + 1) * sizeof(spin_t))
    work.open_ = <int *> malloc((3 * n + 3) * sizeof(int))
    work.next_ = <int *> malloc((plan.n_ops + 1) * sizeof(int))
    work.blocks = <block_t *> malloc((plan.n_ops + 1) * sizeof(block_t))
    if work.frames == NULL or work.open_ == NULL or work.next_ == NULL or work.blocks == NULL:
        out.failed = True
    else:
        place = work.open_ + n + 1
        for k in range(n):
            work.frames[k] = spin(1, 0, 0, 0)
            work.open_[k] = -1
            work.open_[2 * n + 2 + k] = -1
        for k in range(plan.items.n_wires):
            place[k] = plan.layout[k]
            work.open_[2 * n + 2 + place[k]] = k
        put_ops(&work, place, work.open_ + 2 * n + 2)
        for k in range(n):
            close_block(&work, k)
        for k in range(<int> plan.n_ends):
            p = place[plan.end_wires[k]]
            face(work.out, work.frames, p, plan.gates.frames[plan.end_wires[k]])
            finish_turn(out, p, False)
            out.pending[p] = spin(1, 0, 0, 0)
        for k in range(plan.items.n_wires):
            face(work.out, work.frames, place[k], plan.gates.frames[k])
        for k in range(n):
            if work.open_[2 * n + 2 + k] < 0:       # nobody's: it ends as it began
                face(work.out, work.frames, k, spin(1, 0, 0, 0))
            finish_turn(out, k, True)
        for k in range(<int> plan.n_ends):
            row = plan.source.rows + plan.ends[k]
            out.source = plan.ends[k]
            put_row(out, row.op, row.flags, <uint32_t> place[plan.end_wires[k]], row.b, row.c)
    free(work.frames)
    free(work.open_)
    free(work.next_)
    free(work.blocks)
    return not out.failed
