"""From routed items to native rows."""

from qctl.cext.operands cimport source_t
from qctl.cext.gatelist cimport gatelist_t
from qctl.cext.native cimport native_t
from qctl.cext.router cimport op_t
from qctl.cext.skeleton cimport skeleton_t

cdef struct plan_t:
    const source_t *source
    const gatelist_t *gates
    const skeleton_t *items
    const op_t *ops
    Py_ssize_t n_ops
    const int *layout       # physical qubit of each wire
    const int *last_layout
    const int *ends         # rows of the measurements at the end, and the wire of each
    const int *end_wires
    Py_ssize_t n_ends

cdef int write(native_t *out, const plan_t *plan) noexcept nogil
