"""From canonical forms to gates of two qubits; `frames` has the turn that each qubit's state is behind."""

from qctl.cext.native cimport kinds_t, native_t
from qctl.cext.spins cimport spin_t
from qctl.cext.weyl cimport canonical_t

cdef void face(native_t *out, spin_t *frames, int p, spin_t frame) noexcept nogil
cdef bint only_cz(const kinds_t *kinds) noexcept nogil
cdef void put_form(native_t *out, spin_t *frames, canonical_t *u, int p, int q) noexcept nogil
