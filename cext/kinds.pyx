"""How many gates of each kind a two-qubit unitary needs, from its settled canonical form.

Sources: V. Shende, S. Bullock, I. Markov, Phys. Rev. A 70, 012310 (2004) for cz; an iswap is a cz, a swap and turns of one
qubit; E. Peterson, L. Bishop, A. Javadi-Abhari, Quantum 6, 696 (2022) for turns by any angle; C. Huang et al.,
arXiv:2105.06074 (2021) for the root of an iswap.
"""

from libc.math cimport fabs
from libc.string cimport memset

from qctl.cext.native cimport N_TWO, TWO_ISWAP, TWO_ROOT_ISWAP, TWO_RZX, TWO_RZZ
from qctl.cext.spins cimport QCTL_PI, spin_t
from qctl.cext.weyl cimport n_entanglers, settle

cdef double TOLERANCE = 1e-9        # of the coordinates, in radians


cdef void with_swap(canonical_t *u) noexcept nogil:
    """Put a swap behind a canonical form: a quarter turn more along each axis, and what leaves it is exchanged."""
    cdef spin_t kept = u.last_a
    cdef int k
    u.last_a = u.last_b
    u.last_b = kept
    for k in range(3):
        u.c[k] += QCTL_PI / 4


cdef int n_gates(int kind, const canonical_t *u) noexcept nogil:
    """Return how many gates of a kind a settled form needs."""
    cdef int k, n = n_entanglers(u)
    cdef canonical_t swapped
    if n == 0 or kind < TWO_RZZ:
        return n
    if kind <= TWO_RZX:
        n = 0
        for k in range(3):
            n += fabs(u.c[k]) > TOLERANCE
        return n
    if kind == TWO_ISWAP:
        swapped = u[0]
        with_swap(&swapped)
        settle(&swapped)
        return 1 if n_entanglers(&swapped) == 1 else 2 if n <= 2 else 3
    if fabs(u.c[0] - QCTL_PI / 8) < TOLERANCE and fabs(u.c[1] - QCTL_PI / 8) < TOLERANCE and fabs(u.c[2]) < TOLERANCE:
        return 1
    return 2 if u.c[0] - u.c[1] > fabs(u.c[2]) - TOLERANCE else 3


cdef int fewest_gates(const kinds_t *kinds, const canonical_t *u) noexcept nogil:
    """Return how many gates a settled form needs of the kind that it needs the fewest of."""
    cdef int k, n, least = 3
    for k in range(kinds.n):
        n = n_gates(kinds.each[k], u)
        if n < least:
            least = n
    return least


def count_gates(const double[:, ::1] coordinates not None, int kind, int[::1] counts not None):
    """Count how many gates of a kind unitaries need.

    Parameters
    ----------
    coordinates : (n, 3) float64, rad
        c of exp(i (c0 XX + c1 YY + c2 ZZ)), any.
    kind : int
        0 cz, 1 cx, 2 to 5 rzx, rzz, rxx, ms by a quarter, 6 to 9 rzz, rxx, ms, rzx by any angle, 10 iswap, 11 sqrtiswap.
    counts : (n,) int32
        Filled in.

    Raises
    ------
    ValueError
        If the shapes don't fit, or the kind is none.
    """
    cdef Py_ssize_t n = coordinates.shape[0], i
    cdef canonical_t u
    cdef int k
    if coordinates.shape[1] != 3 or counts.shape[0] != n or not 0 <= kind < N_TWO:
        raise ValueError(
            f"coordinates {(n, coordinates.shape[1])}, counts {counts.shape[0]} and kind {kind} don't fit (n, 3), n and "
            f"0 to {N_TWO - 1}"
        )
    with nogil:
        for i in range(n):
            memset(&u, 0, sizeof(canonical_t))
            u.first_a.w = u.first_b.w = u.last_a.w = u.last_b.w = 1
            for k in range(3):
                u.c[k] = coordinates[i, k]
            settle(&u)
            counts[i] = n_gates(kind, &u)
