"""Gates on a state vector, in place: fused, blocked for the cache, on several threads.

The instructions are those of a program's body; measurements, barriers and delays among them are passed over.
"""

from libc.stdint cimport int64_t, uint32_t

cdef extern from "statevector_evolution.h" nogil:
    enum:
        QCTL_OK
        QCTL_NO_GATE
        QCTL_BAD_OPERAND
        QCTL_NO_MEMORY
        QCTL_MOST_QUBITS

    ctypedef struct qctl_set:
        int log_lanes

    ctypedef struct qctl_row:
        pass

    ctypedef struct qctl_code:
        const qctl_row* rows
        const uint32_t* operands
        const double* constants
        const double* expressions
        int64_t n_operands, n_constants, n_expressions
        int n_qubits

    ctypedef struct qctl_evolution:
        const qctl_set* set
        qctl_code code
        void* state
        int n_chunk, n_low
        int64_t next, end, n_left, n_passes, n_steps, bad_row
        int backward
        void* adjoint
        double* derivatives

    int qctl_widest(int most) noexcept
    const qctl_set* qctl_set_of(int set, int is_double) noexcept
    int qctl_chunk_qubits(int n_qubits, int size, int most) noexcept
    int qctl_advance(qctl_evolution* all, double budget_s, int n_threads) noexcept
    void qctl_end(qctl_evolution* all) noexcept

SETS = ("portable", "avx2", "avx512")
"""Instruction sets that there are kernels for; the first runs everywhere."""

ctypedef fused amplitude:
    float complex
    double complex


def best_set(str most="avx512"):
    """Return the best instruction set of this processor that is at most `most`.

    Raises
    ------
    ValueError
        If there is no such set.
    """
    if most not in SETS:
        raise ValueError(f"set = {most!r} is none of {SETS}")
    return SETS[qctl_widest(SETS.index(most))]


cdef class Evolution:
    """A range of instructions that is being played on a state; made by `evolution`."""

    cdef qctl_evolution all
    cdef object kept
    cdef int64_t n_rows

    def __dealloc__(self):
        qctl_end(&self.all)

    def advance(self, double budget_s=0.0, int threads=1):
        """Play on for about so many seconds (0: to the end); return the fraction of rows that are played.

        Raises
        ------
        ValueError
            If a row is no gate, or its operands lie outside of the state or the tables.
        MemoryError
            If there is no room for the plan.
        """
        cdef int error
        if not 1 <= threads <= 1024:
            raise ValueError(f"threads = {threads} is outside [1, 1024]")
        with nogil:
            error = qctl_advance(&self.all, budget_s, threads)
        if error == QCTL_NO_MEMORY:
            raise MemoryError("no room for the plan of an evolution")
        if error:
            what = "is no gate" if error == QCTL_NO_GATE else "has operands outside of the state or the tables"
            raise ValueError(f"row {self.all.bad_row} {what}")
        if self.n_rows == 0:
            return 1.0
        return 1.0 - (self.all.end - self.all.next + min(self.all.n_left, 1)) / <double> self.n_rows

    @property
    def finished(self):
        """Say whether every row is played."""
        return self.all.n_left == 0 and self.all.next == self.all.end

    @property
    def figures(self):
        """Return how many passes over the state and how many steps there were."""
        return {"passes": self.all.n_passes, "steps": self.all.n_steps}


def evolution(
    const unsigned char[::1] instructions not None,
    const unsigned int[::1] operands not None,
    const double[::1] constants not None,
    const double[::1] expressions not None,
    Py_ssize_t first,
    Py_ssize_t end,
    amplitude[::1] state not None,
    str set="avx512",
    int most_chunk_qubits=0,
):
    """Return an evolution of a state by a range of a program's instructions; nothing is played yet.

    Parameters
    ----------
    instructions : (16 n,) uint8
        Rows of a program's body.
    operands : (n,) uint32
    constants, expressions : (n,) float64
        `expressions` has the value of each expression of the body.
    first, end : int
        Rows first … end - 1 are played.
    state : (2**n_qubits,) complex64 or complex128
        Changed in place as `Evolution.advance` is called.
    set : str
        Instruction set of `SETS`; a better one than the processor has is replaced by the best.
    most_chunk_qubits : int
        Qubits of a chunk at most; 0 leaves it to the precision.

    Raises
    ------
    ValueError
        If the shapes don't fit.
    """
    cdef Evolution made = Evolution()
    cdef Py_ssize_t n_rows = instructions.shape[0] // 16
    cdef int n_qubits = 0, is_double = amplitude is doublecomplex
    if instructions.shape[0] % 16 or not 0 <= first <= end <= n_rows:
        raise ValueError(f"rows {first} to {end} are not within {instructions.shape[0]} bytes of instructions")
    while n_qubits < QCTL_MOST_QUBITS and (<Py_ssize_t>1 << n_qubits) < state.shape[0]:
        n_qubits += 1
    if n_qubits == 0 or (<Py_ssize_t>1 << n_qubits) != state.shape[0]:
        raise ValueError(f"state has shape {(state.shape[0],)}, not 2**n_qubits with 1 to {QCTL_MOST_QUBITS} qubits")
    if set not in SETS:
        raise ValueError(f"set = {set!r} is none of {SETS}")
    if not (most_chunk_qubits == 0 or 8 <= most_chunk_qubits <= 16):
        raise ValueError(f"most_chunk_qubits = {most_chunk_qubits} is neither 0 nor within [8, 16]")
    made.kept = (instructions, operands, constants, expressions, state)
    made.n_rows = end - first
    made.all.set = qctl_set_of(qctl_widest(SETS.index(set)), is_double)
    if n_rows:
        made.all.code.rows = <const qctl_row*> &instructions[0]
    if operands.shape[0]:
        made.all.code.operands = <const uint32_t*> &operands[0]
    if constants.shape[0]:
        made.all.code.constants = &constants[0]
    if expressions.shape[0]:
        made.all.code.expressions = &expressions[0]
    made.all.code.n_operands = operands.shape[0]
    made.all.code.n_constants = constants.shape[0]
    made.all.code.n_expressions = expressions.shape[0]
    made.all.code.n_qubits = n_qubits
    made.all.state = <void*> &state[0]
    made.all.n_chunk = qctl_chunk_qubits(n_qubits, 8 if is_double else 4, most_chunk_qubits)
    made.all.n_low = min(5, made.all.n_chunk)
    made.all.next = first
    made.all.end = end
    return made


def adjoint(
    const unsigned char[::1] instructions not None,
    const unsigned int[::1] operands not None,
    const double[::1] constants not None,
    const double[::1] expressions not None,
    Py_ssize_t first,
    Py_ssize_t end,
    amplitude[::1] state not None,
    amplitude[::1] partner not None,
    double[::1] derivatives not None,
    str set="avx512",
    int most_chunk_qubits=0,
):
    """Return an evolution that plays rows backwards on two states, and takes derivatives by the way.

    Parameters
    ----------
    instructions, operands, constants, expressions, first, end, set, most_chunk_qubits
        As of `evolution`.
    state : (2**n_qubits,) complex64 or complex128
        The state after the rows, |x>; it becomes the state before them.
    partner : (2**n_qubits,) of the same dtype
        An observable applied to it, |y>; changed likewise.
    derivatives : (n_expressions,) float64
        To each entry 2 Re <y| d/de |x> is added, where e is the value of the expression that is an angle.

    Raises
    ------
    ValueError
        If the shapes don't fit.
    """
    cdef Evolution made = evolution(
        instructions, operands, constants, expressions, first, end, state, set, most_chunk_qubits
    )
    if partner.shape[0] != state.shape[0]:
        raise ValueError(f"partner has shape {(partner.shape[0],)}, state {(state.shape[0],)}")
    if derivatives.shape[0] != expressions.shape[0]:
        raise ValueError(f"derivatives have shape {(derivatives.shape[0],)}, expressions {(expressions.shape[0],)}")
    made.kept = (made.kept, partner, derivatives)
    made.all.backward = 1
    made.all.adjoint = <void*> &partner[0]
    if derivatives.shape[0]:
        made.all.derivatives = &derivatives[0]
    return made
