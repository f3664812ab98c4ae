"""What is read from a state vector: norms, outcomes, samples, and expectation values of Pauli sums, without a copy."""

from libc.stdint cimport int64_t, uint64_t

cdef extern from "amplitudes.h" nogil:
    double qctl_weight_f32(const float* x, int64_t n) noexcept
    double qctl_weight_f64(const double* x, int64_t n) noexcept
    double qctl_ones_f32(const float* x, int n_qubits, int qubit) noexcept
    double qctl_ones_f64(const double* x, int n_qubits, int qubit) noexcept
    void qctl_collapse_f32(float* x, int n_qubits, int qubit, int outcome, int flip, double scale) noexcept
    void qctl_collapse_f64(double* x, int n_qubits, int qubit, int outcome, int flip, double scale) noexcept
    void qctl_find_f32(
        const float* x, int64_t n, int64_t block, const double* sums, const double* values, int64_t n_values, int64_t* out
    ) noexcept
    void qctl_find_f64(
        const double* x, int64_t n, int64_t block, const double* sums, const double* values, int64_t n_values,
        int64_t* out,
    ) noexcept
    void qctl_pauli_f32(
        const float* x, int64_t first, int64_t end, uint64_t flip, const uint64_t* z, const double* c, int64_t n_terms,
        double* out,
    ) noexcept
    void qctl_pauli_f64(
        const double* x, int64_t first, int64_t end, uint64_t flip, const uint64_t* z, const double* c, int64_t n_terms,
        double* out,
    ) noexcept
    void qctl_paint_f32(
        const float* x, int64_t n, uint64_t flip, const uint64_t* z, const double* c, int64_t n_terms, float* y
    ) noexcept
    void qctl_paint_f64(
        const double* x, int64_t n, uint64_t flip, const uint64_t* z, const double* c, int64_t n_terms, double* y
    ) noexcept

BLOCK = 4096
"""Amplitudes whose probabilities are summed up first; a sum over a state is one over its blocks."""

ctypedef fused amplitude:
    float complex
    double complex


cdef Py_ssize_t check_power(Py_ssize_t n) except -1:
    """Return log2 of a state's length."""
    cdef Py_ssize_t n_qubits = 0
    while n_qubits < 40 and (<Py_ssize_t>1 << n_qubits) < n:
        n_qubits += 1
    if n < 1 or (<Py_ssize_t>1 << n_qubits) != n:
        raise ValueError(f"state has shape {(n,)}, not 2**n_qubits")
    return n_qubits


def block_sums(const amplitude[::1] state not None, double[::1] out not None):
    """Fill `out` with the probability of each block of `BLOCK` neighbouring amplitudes.

    Parameters
    ----------
    state : (n,) complex64 or complex128
    out : (ceil(n / BLOCK),) float64
        Overwritten.

    Raises
    ------
    ValueError
        If the shapes don't fit.
    """
    cdef Py_ssize_t n = state.shape[0], b, n_blocks = (n + 4095) // 4096
    if out.shape[0] != n_blocks:
        raise ValueError(f"out has shape {(out.shape[0],)}, not {(n_blocks,)}")
    with nogil:
        for b in range(n_blocks):
            if amplitude is floatcomplex:
                out[b] = qctl_weight_f32(<const float*> &state[4096 * b], min(4096, n - 4096 * b))
            else:
                out[b] = qctl_weight_f64(<const double*> &state[4096 * b], min(4096, n - 4096 * b))


def find(
    const amplitude[::1] state not None,
    const double[::1] sums not None,
    const double[::1] values not None,
    int64_t[::1] out not None,
):
    """Find the amplitudes on which sorted numbers fall in the running sum of probabilities.

    Parameters
    ----------
    state : (n,) complex64 or complex128
    sums : (ceil(n / BLOCK),) float64
        As `block_sums` fills it.
    values : (n_values,) float64
        Ascending, from 0 up to the sum of `sums`.
    out : (n_values,) int64
        Overwritten.

    Raises
    ------
    ValueError
        If the shapes don't fit.
    """
    cdef Py_ssize_t n = state.shape[0], n_values = values.shape[0]
    if n == 0 or sums.shape[0] != (n + 4095) // 4096 or out.shape[0] != n_values:
        raise ValueError(f"state {(n,)}, sums {(sums.shape[0],)}, values {(n_values,)}, out {(out.shape[0],)} don't fit")
    if n_values == 0:
        return
    with nogil:
        if amplitude is floatcomplex:
            qctl_find_f32(<const float*> &state[0], n, 4096, &sums[0], &values[0], n_values, &out[0])
        else:
            qctl_find_f64(<const double*> &state[0], n, 4096, &sums[0], &values[0], n_values, &out[0])


def probability_of_one(const amplitude[::1] state not None, int qubit):
    """Return the summed probability of the amplitudes whose qubit is 1.

    Raises
    ------
    ValueError
        If the state's length is no power of two, or there is no such qubit.
    """
    cdef int n_qubits = <int> check_power(state.shape[0])
    cdef double found
    if not 0 <= qubit < n_qubits:
        raise ValueError(f"qubit = {qubit} is outside of a state of {n_qubits} qubits")
    with nogil:
        if amplitude is floatcomplex:
            found = qctl_ones_f32(<const float*> &state[0], n_qubits, qubit)
        else:
            found = qctl_ones_f64(<const double*> &state[0], n_qubits, qubit)
    return found


def collapse(amplitude[::1] state not None, int qubit, bint outcome, double scale, bint flip=False):
    """Keep the amplitudes whose qubit is `outcome`, in place; the others become 0.

    Parameters
    ----------
    state : (2**n_qubits,) complex64 or complex128
    qubit : int
    outcome : bool
    scale : float
        What those that are kept are multiplied by.
    flip : bool
        Whether the qubit is 0 afterwards, whatever it was.

    Raises
    ------
    ValueError
        If the state's length is no power of two, or there is no such qubit.
    """
    cdef int n_qubits = <int> check_power(state.shape[0])
    if not 0 <= qubit < n_qubits:
        raise ValueError(f"qubit = {qubit} is outside of a state of {n_qubits} qubits")
    with nogil:
        if amplitude is floatcomplex:
            qctl_collapse_f32(<float*> &state[0], n_qubits, qubit, outcome, flip, scale)
        else:
            qctl_collapse_f64(<double*> &state[0], n_qubits, qubit, outcome, flip, scale)


def flipped_sum(
    const amplitude[::1] state not None, uint64_t flip, const uint64_t[::1] signs not None, const double[::1] weights not None
):
    """Return sum over i of conj(state[i ^ flip]) state[i] sum over t of weights[t] (-1)**parity(i & signs[t]).

    Parameters
    ----------
    state : (2**n_qubits,) complex64 or complex128
    flip : int
        Below 2**n_qubits.
    signs : (n_terms,) uint64
    weights : (n_terms,) float64

    Raises
    ------
    ValueError
        If the shapes don't fit.
    """
    cdef int n_qubits = <int> check_power(state.shape[0])
    cdef Py_ssize_t n = state.shape[0], n_terms = signs.shape[0], first
    cdef double re = 0.0, im = 0.0
    cdef double[2] part
    if weights.shape[0] != n_terms or flip >> n_qubits:
        raise ValueError(
            f"signs {(n_terms,)}, weights {(weights.shape[0],)} and flip = {flip} don't fit a state of {n_qubits} qubits"
        )
    if n_terms == 0:
        return 0j
    with nogil:
        for first in range(0, n, 4096):
            if amplitude is floatcomplex:
                qctl_pauli_f32(
                    <const float*> &state[0], first, min(n, first + 4096), flip, &signs[0], &weights[0], n_terms, part
                )
            else:
                qctl_pauli_f64(
                    <const double*> &state[0], first, min(n, first + 4096), flip, &signs[0], &weights[0], n_terms, part
                )
            re += part[0]
            im += part[1]
    return complex(re, im)


def add_flipped(
    const amplitude[::1] state not None,
    uint64_t flip,
    const uint64_t[::1] signs not None,
    const double complex[::1] weights not None,
    amplitude[::1] out not None,
):
    """Add to out[i ^ flip] state[i] sum over t of weights[t] (-1)**parity(i & signs[t]).

    Parameters
    ----------
    state, out : (2**n_qubits,) complex64 or complex128
    flip : int
        Below 2**n_qubits.
    signs : (n_terms,) uint64
    weights : (n_terms,) complex128

    Raises
    ------
    ValueError
        If the shapes don't fit.
    """
    cdef int n_qubits = <int> check_power(state.shape[0])
    cdef Py_ssize_t n = state.shape[0], n_terms = signs.shape[0]
    if weights.shape[0] != n_terms or flip >> n_qubits or out.shape[0] != n:
        raise ValueError(
            f"signs {(n_terms,)}, weights {(weights.shape[0],)}, out {(out.shape[0],)} and flip = {flip} "
            f"don't fit a state of {n_qubits} qubits"
        )
    if n_terms == 0:
        return
    with nogil:
        if amplitude is floatcomplex:
            qctl_paint_f32(
                <const float*> &state[0], n, flip, &signs[0], <const double*> &weights[0], n_terms, <float*> &out[0]
            )
        else:
            qctl_paint_f64(
                <const double*> &state[0], n, flip, &signs[0], <const double*> &weights[0], n_terms, <double*> &out[0]
            )
