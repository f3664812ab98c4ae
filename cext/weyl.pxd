"""Two-qubit unitaries in their canonical form."""

from qctl.cext.spins cimport spin_t

cdef struct canonical_t:
    double[3] c                 # pi/4 >= c0 >= c1 >= |c2|
    spin_t first_a, first_b     # U = (last_a x last_b) exp(i (c0 XX + c1 YY + c2 ZZ)) (first_a x first_b)
    spin_t last_a, last_b

cdef struct complex4_t:
    double complex[16] m        # row-major, the first qubit is the high bit

cdef void identity(complex4_t *u) noexcept nogil
cdef void add_rotation(complex4_t *u, double angle, spin_t fa, spin_t fb) noexcept nogil
cdef void decompose(const complex4_t *u, canonical_t *out) noexcept nogil
cdef void along_z(double angle, spin_t fa, spin_t fb, canonical_t *out) noexcept nogil
cdef void settle(canonical_t *u) noexcept nogil
cdef double reduce_within(canonical_t *u, double bound) noexcept nogil
cdef int n_entanglers(const canonical_t *u) noexcept nogil
cdef void exchange(canonical_t *u, int j, int k) noexcept nogil
cdef void negate(canonical_t *u, int j, int k) noexcept nogil
cdef spin_t pauli(int j) noexcept nogil
