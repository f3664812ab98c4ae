"""The gates of the instruction format as frames and two-qubit rotations."""

from qctl.cext.gatelist cimport gatelist_t
from qctl.cext.operands cimport source_t

cdef void expand(gatelist_t *self, const source_t *source, Py_ssize_t i) noexcept nogil
