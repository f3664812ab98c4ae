"""How many gates of each kind a two-qubit unitary needs."""

from qctl.cext.native cimport kinds_t
from qctl.cext.weyl cimport canonical_t

cdef void with_swap(canonical_t *u) noexcept nogil
cdef int n_gates(int kind, const canonical_t *u) noexcept nogil
cdef int fewest_gates(const kinds_t *kinds, const canonical_t *u) noexcept nogil
