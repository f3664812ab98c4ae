"""Write two-qubit unitaries from their canonical forms, with the gates that cost the least on each pair.

Sources: F. Vatan, C. Williams, Phys. Rev. A 69, 032315 (2004) for three cx; what needs two is cz, rx on both, cz. An iswap is
a cz behind which the two qubits have exchanged their names. C. Huang et al., arXiv:2105.06074 (2021), algorithm 1, for the
root of an iswap.
"""

from libc.math cimport fabs, sqrt

from qctl.cext.kinds cimport n_gates, with_swap
from qctl.cext.native cimport TWO_CZ, TWO_ISWAP, TWO_ROOT_ISWAP, TWO_RZX, TWO_RZZ
from qctl.cext.native cimport put_cz, put_iswap, put_root_iswap, put_turn, put_zz
from qctl.cext.spins cimport QCTL_PI, about_x, about_y, about_z, after, inverse, qctl_atan2, qctl_sincos, spin
from qctl.cext.weyl cimport add_rotation, complex4_t, decompose, exchange, identity, n_entanglers, negate, pauli
from qctl.cext.weyl cimport reduce_within, settle

cdef double ROOT = 0.70710678118654752440
cdef double TOLERANCE = 1e-9        # of the coordinates, in radians

cdef struct pair_t:
    # Where a unitary is written: its wires a and b are on p and q, and iswap exchanges these.
    native_t *out
    spin_t *frames
    int p, q


cdef void face(native_t *out, spin_t *frames, int p, spin_t frame) noexcept nogil:
    """Turn a physical qubit to a frame."""
    put_turn(out, p, after(frame, inverse(frames[p])))
    frames[p] = frame


cdef void face_both(pair_t *at, spin_t a, spin_t b) noexcept nogil:
    face(at.out, at.frames, at.p, a)
    face(at.out, at.frames, at.q, b)


cdef void turn_both(pair_t *at, spin_t a, spin_t b) noexcept nogil:
    put_turn(at.out, at.p, a)
    put_turn(at.out, at.q, b)


cdef bint only_cz(const kinds_t *kinds) noexcept nogil:
    """Say whether there is one kind of gate, a cz but for turns of one qubit."""
    return kinds.n == 1 and kinds.each[0] < TWO_RZZ


cdef void put_either(pair_t *at, bint backwards) noexcept nogil:
    """Append a cz between wires; an iswap exchanges where they are."""
    cdef int p
    if at.out.two != TWO_ISWAP:
        if backwards:
            put_cz(at.out, at.q, at.p)
        else:
            put_cz(at.out, at.p, at.q)
        return
    turn_both(at, spin(ROOT, 0, 0, -ROOT), spin(ROOT, 0, 0, -ROOT))
    put_iswap(at.out, at.p, at.q)
    p = at.p
    at.p = at.q
    at.q = p


cdef double z_part(spin_t u) noexcept nogil:
    """Return the last angle of a turn as rz ry rz."""
    cdef double sum_ = 2 * qctl_atan2(u.z, u.w), difference = 2 * qctl_atan2(-u.x, u.y)
    if u.x * u.x + u.y * u.y < 1e-18:
        return sum_
    return difference if u.w * u.w + u.z * u.z < 1e-18 else 0.5 * (sum_ + difference)


cdef void through_iswap(canonical_t *u) noexcept nogil:
    """Push turns about z through an iswap: they change sides, and what is left before it has no free angle."""
    cdef double a = z_part(u.first_a), b = z_part(u.first_b)
    u.first_a = after(about_z(-a), u.first_a)
    u.first_b = after(about_z(-b), u.first_b)
    u.last_b = after(u.last_b, about_z(a))
    u.last_a = after(u.last_a, about_z(b))

cdef void put_cz_form(pair_t *at, canonical_t *u, int n) noexcept nogil:
    """Write a settled form with so many cz, at least as many as it needs."""
    cdef spin_t h = spin(0, ROOT, 0, ROOT), va, vb, last_a, last_b
    if n == 2 and u.c[0] + u.c[1] > QCTL_PI / 2 - 1e-9:
        through_iswap(u)
    last_a = inverse(u.last_a)
    last_b = inverse(u.last_b)
    if n == 0:
        va = after(after(at.frames[at.p], inverse(u.first_a)), last_a)
        vb = after(after(at.frames[at.q], inverse(u.first_b)), last_b)
    elif n == 1:            # x to z: exp(i pi/4 XX) is a cz but for turns about z
        va = spin(ROOT, 0, -ROOT, 0)
        face_both(at, after(va, u.first_a), after(va, u.first_b))
        put_either(at, False)
        vb = after(spin(ROOT, 0, 0, ROOT), va)
        va = after(vb, last_a)
        vb = after(vb, last_b)
    elif n == 2:            # cz exp(i c XI) cz = exp(i c XZ): x to x, y to z; x to z, y to x
        va = spin(ROOT, ROOT, 0, 0)
        vb = spin(0.5, -0.5, -0.5, -0.5)
        face_both(at, after(va, u.first_a), after(vb, u.first_b))
        put_either(at, False)
        turn_both(at, about_x(-2 * u.c[0]), about_x(-2 * u.c[1]))
        put_either(at, False)
        va = after(va, last_a)
        vb = after(vb, last_b)
    else:
        face_both(at, u.first_a, u.first_b)
        put_turn(at.out, at.q, spin(ROOT, 0, 0, -ROOT))
        put_turn(at.out, at.p, h)
        put_either(at, True)
        put_turn(at.out, at.p, h)
        turn_both(at, about_z(QCTL_PI / 2 - 2 * u.c[2]), about_y(2 * u.c[0] - QCTL_PI / 2))
        put_turn(at.out, at.q, h)
        put_either(at, False)
        put_turn(at.out, at.q, h)
        put_turn(at.out, at.q, about_y(QCTL_PI / 2 - 2 * u.c[1]))
        put_turn(at.out, at.p, h)
        put_either(at, True)
        put_turn(at.out, at.p, h)
        put_turn(at.out, at.p, spin(ROOT, 0, 0, ROOT))
        va = last_a
        vb = last_b
    at.frames[at.p] = va
    at.frames[at.q] = vb


cdef void put_turns(pair_t *at, const canonical_t *u) noexcept nogil:
    """Write a settled form as one turn of both qubits about each axis."""
    cdef spin_t v
    cdef int k
    face_both(at, u.first_a, u.first_b)
    for k in range(3):
        if fabs(u.c[k]) <= TOLERANCE:
            continue
        v = spin(ROOT, ROOT if k == 1 else 0, -ROOT if k == 0 else 0, 0) if k < 2 else spin(1, 0, 0, 0)
        turn_both(at, v, v)
        put_zz(at.out, at.p, at.q, -2 * u.c[k])
        turn_both(at, inverse(v), inverse(v))
    at.frames[at.p] = inverse(u.last_a)
    at.frames[at.q] = inverse(u.last_b)


cdef void add_root(complex4_t *v, spin_t a, spin_t b) noexcept nogil:
    """Multiply v by the root of an iswap between turns: of both qubits before it, and back."""
    cdef spin_t x = spin(0, ROOT, 0, ROOT), y = spin(ROOT, ROOT, 0, 0)
    add_rotation(v, -QCTL_PI / 4, after(x, a), after(x, b))
    add_rotation(v, -QCTL_PI / 4, after(y, a), after(y, b))


cdef void put_two_roots(pair_t *at, const canonical_t *u) noexcept nogil:
    """Write a settled form with c0 - c1 >= |c2| with two roots of an iswap and turns in between.

    The turns are those of equations 4 to 8 of the paper, as sines and cosines of their halves, which stay exact where
    an arc cosine does not.
    """
    cdef double sx, cx, sy, cy, sz, cz, plus, minus, root, sb, ca, d, even, gamma
    cdef double c
    cdef spin_t ka, kb
    cdef complex4_t v
    cdef canonical_t e
    qctl_sincos(u.c[0], &sx, &cx)
    qctl_sincos(u.c[1], &sy, &cy)
    qctl_sincos(u.c[2], &sz, &cz)
    plus = sy * cz + cy * sz
    minus = sy * cz - cy * sz
    root = (sx * sx - plus * plus) * (sx * sx - minus * minus)
    root = sqrt(root) if root > 0 else 0
    sb = sx * sx - plus * minus + root
    sb = sqrt(sb) if sb > 0 else 0
    ca = sqrt(cx * cx + plus * minus + root)
    even = (cx * cx - sx * sx) * (cy * cy - sy * sy) * (cz * cz - sz * sz)
    even = even if even > 0 else 0
    d = 4 * cx * cx * cz * cz * sy * sy + even
    gamma = qctl_atan2(sqrt(even), (-2 if u.c[2] < 0 else 2) * cx * cz * sy)
    c = 2 * sx * cy * fabs(sz) / sb if sb > 0 else 0
    ka = after(about_z(-gamma), after(about_x(-2 * qctl_atan2(c, ca)), about_z(-gamma)))
    kb = about_x(-2 * qctl_atan2(sb, sqrt(d) / ca))
    identity(&v)
    add_root(&v, spin(1, 0, 0, 0), spin(1, 0, 0, 0))
    add_root(&v, ka, kb)
    decompose(&v, &e)
    settle(&e)
    if fabs(QCTL_PI / 2 - e.c[0] - u.c[0]) + fabs(e.c[2] + u.c[2]) < fabs(e.c[0] - u.c[0]) + fabs(e.c[2] - u.c[2]):
        e.c[0] -= QCTL_PI / 2
        e.last_a = after(e.last_a, pauli(0))
        e.last_b = after(e.last_b, pauli(0))
        negate(&e, 0, 2)
    face_both(at, after(inverse(e.first_a), u.first_a), after(inverse(e.first_b), u.first_b))
    put_root_iswap(at.out, at.p, at.q)
    turn_both(at, ka, kb)
    put_root_iswap(at.out, at.p, at.q)
    at.frames[at.p] = after(ka, after(e.last_a, inverse(u.last_a)))
    at.frames[at.q] = after(kb, after(e.last_b, inverse(u.last_b)))


cdef void put_roots(pair_t *at, const canonical_t *u, int n) noexcept nogil:
    """Write a settled form with roots of an iswap: of three, the first two leave what one makes along two of the axes."""
    cdef canonical_t part
    cdef spin_t wa = spin(1, 0, 0, 0), wb = spin(1, 0, 0, 0), t = spin(ROOT, ROOT, 0, 0)
    cdef int k
    if n == 2:
        put_two_roots(at, u)
        return
    if n == 3:
        for k in range(4):
            part = u[0]
            part.last_a = part.last_b = spin(1, 0, 0, 0)
            part.c[0] -= QCTL_PI / 8
            part.c[1 if k < 2 else 2] += QCTL_PI / 8 if k == 0 or k == 2 else -QCTL_PI / 8
            settle(&part)
            if part.c[0] - part.c[1] > fabs(part.c[2]) - TOLERANCE:
                break
        put_two_roots(at, &part)
        wa = wb = t if k >= 2 else wa
        if k == 0 or k == 2:        # the other sign of the second axis
            wa = after(wa, pauli(0))
        face_both(at, wa, wb)
    else:
        face_both(at, u.first_a, u.first_b)
    put_root_iswap(at.out, at.p, at.q)
    at.frames[at.p] = after(wa, inverse(u.last_a))
    at.frames[at.q] = after(wb, inverse(u.last_b))


cdef void put_kind(pair_t *at, canonical_t *u, int kind) noexcept nogil:
    """Write a settled form with gates of one kind."""
    cdef int n = n_gates(kind, u)
    at.out.two = kind
    if n == 0 or kind < TWO_RZZ:
        put_cz_form(at, u, n)
    elif kind <= TWO_RZX:
        put_turns(at, u)
    elif kind == TWO_ROOT_ISWAP:
        put_roots(at, u, n)
    else:
        if n != 2:
            with_swap(u)
            settle(u)
        put_cz_form(at, u, n)


cdef void put_form(native_t *out, spin_t *frames, canonical_t *u, int p, int q) noexcept nogil:
    """Write a canonical form with the gates that cost the least on a pair."""
    cdef pair_t at
    cdef canonical_t near
    cdef const kinds_t *kinds = &out.kinds
    cdef Py_ssize_t n = out.n_qubits
    cdef double lost, cost, least = -1, price
    cdef int k, kind = kinds.each[0]
    cdef bint nearer = False
    at.out = out
    at.frames = frames
    at.p = p
    at.q = q
    settle(u)
    near = u[0]
    lost = reduce_within(&near, out.bound)
    if kinds.n > 1 or lost > 0:
        for k in range(kinds.n):
            price = kinds.prices[(k * n + p) * n + q] if kinds.prices != NULL else 1
            cost = n_gates(kinds.each[k], u) * price
            if least < 0 or cost < least:
                least = cost
                kind = kinds.each[k]
                nearer = False
            cost = n_gates(kinds.each[k], &near) * price
            if cost < least:
                least = cost
                kind = kinds.each[k]
                nearer = True
    if nearer:
        out.lost += lost
        put_kind(&at, &near, kind)
    else:
        put_kind(&at, u, kind)
