"""The table of opcodes as Python sees it; the kernels have it from opcodes.h."""

from qctl.cext.opcodes cimport FIRST_GATE, LAST_GATE, N_OPS, qctl_op

cdef extern from *:
    """
    typedef struct { const char *name; int number; } qctl_named_t;
    static const qctl_named_t qctl_named[] = QCTL_OP_NAMES;
    static const int qctl_n_named = sizeof qctl_named / sizeof qctl_named[0];
    """
    ctypedef struct qctl_named_t:
        const char *name
        int number
    const qctl_named_t *qctl_named
    int qctl_n_named

TABLE: dict[int, tuple[str, int, int, int]] = {
    qctl_named[k].number: (
        qctl_named[k].name.decode(), qctl_op(qctl_named[k].number).form, qctl_op(qctl_named[k].number).n_qubits,
        qctl_op(qctl_named[k].number).n_params)
    for k in range(qctl_n_named)
}
"""Name, form, number of qubits and of angles of each opcode."""

GATE_RANGE: tuple[int, int] = (FIRST_GATE, LAST_GATE)
"""First and last opcode of a gate."""

SIZE: int = N_OPS
"""One more than the last opcode."""
