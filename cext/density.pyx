"""Density matrices as real vectors of Pauli coefficients: gates and channels are real superoperators, played in place."""

from libc.stdint cimport int32_t, int64_t

cdef extern from "density.h" nogil:
    void qctl_play_density_double(
        double* state, int n_qubits, const int32_t* qubits, const Py_ssize_t* offsets, const double* matrices,
        Py_ssize_t n_steps, int n_threads, int most, int64_t* watch,
    ) noexcept
    void qctl_play_density_float(
        float* state, int n_qubits, const int32_t* qubits, const Py_ssize_t* offsets, const float* matrices,
        Py_ssize_t n_steps, int n_threads, int most, int64_t* watch,
    ) noexcept

ctypedef fused real_t:
    float
    double

cdef enum:
    MOST_QUBITS = 30
    MOST_STEP_QUBITS = 3


def play(
    real_t[::1] state not None,
    int n_qubits,
    const int32_t[:, ::1] qubits not None,
    const Py_ssize_t[::1] offsets not None,
    const real_t[::1] matrices not None,
    int n_threads,
    int most=2,
    int64_t[::1] watch=None,
):
    """Play superoperators on a state, one after the other.

    The state is tr(P rho) for each product P of Pauli operators: the two bits 2q and 2q + 1 of the index say which of
    I, X, Y, Z stands on qubit q. All completely positive maps are real in this form. Source: O'Brien, Tarasinski,
    DiCarlo, npj Quantum Inf. 3, 39 (2017), who use real coefficients likewise.

    Parameters
    ----------
    state : (4**n_qubits,) float32 or float64
        Changed.
    n_qubits : int
        0 to 30.
    qubits : (n_steps, 3) int32
        The qubits of each step in ascending order, -1 behind the last one.
    offsets : (n_steps,) int
        Where each step's matrix begins in `matrices`.
    matrices : (n,) float32 or float64
        Matrices of 4**k rows and columns for a step of k qubits, row after row; the first qubit is the fastest digit
        of the index.
    n_threads : int
        1 or more; with few coefficients one does the work.
    most : int
        Widest vectors that may be used: 0 none, 1 AVX2, 2 AVX-512.
    watch : (2,) int64, optional
        Another thread may write something else than 0 into the first number: then no further step is played. The second
        one grows by 1 with each step.

    Raises
    ------
    ValueError
        If the shapes don't fit, or a qubit or an offset is out of range.
    """
    cdef Py_ssize_t n_steps = qubits.shape[0], step, size
    cdef int k, n_here
    if not 0 <= n_qubits <= MOST_QUBITS:
        raise ValueError(f"n_qubits = {n_qubits} is outside [0, {MOST_QUBITS}]")
    if state.shape[0] != <Py_ssize_t>1 << 2 * n_qubits:
        raise ValueError(f"state has {state.shape[0]} coefficients, not {1 << 2 * n_qubits} of {n_qubits} qubits")
    if qubits.shape[1] != MOST_STEP_QUBITS or offsets.shape[0] != n_steps:
        raise ValueError(f"qubits {(n_steps, qubits.shape[1])} and offsets {offsets.shape[0]} don't fit")
    if n_threads < 1:
        raise ValueError(f"n_threads = {n_threads} is below 1")
    for step in range(n_steps):
        n_here = 0
        for k in range(MOST_STEP_QUBITS):
            if qubits[step, k] >= 0:
                if n_here != k or qubits[step, k] >= n_qubits or (k and qubits[step, k - 1] >= qubits[step, k]):
                    raise ValueError(f"qubits[{step}] = {list(qubits[step])} don't ascend within {n_qubits} qubits")
                n_here += 1
        size = <Py_ssize_t>1 << 4 * n_here
        if n_here == 0:
            raise ValueError(f"qubits[{step}] = {list(qubits[step])} has no qubit")
        if not 0 <= offsets[step] <= matrices.shape[0] - size:
            raise ValueError(f"offsets[{step}] = {offsets[step]} is outside [0, {matrices.shape[0] - size}]")
    if watch is not None and watch.shape[0] != 2:
        raise ValueError(f"watch has {watch.shape[0]} numbers, not 2")
    cdef int64_t* told = NULL if watch is None else &watch[0]
    if n_steps == 0:
        return
    if n_qubits < 8:
        n_threads = 1
    with nogil:
        if real_t is double:
            qctl_play_density_double(
                &state[0], n_qubits, &qubits[0, 0], &offsets[0], &matrices[0], n_steps, n_threads, most, told
            )
        else:
            qctl_play_density_float(
                &state[0], n_qubits, &qubits[0, 0], &offsets[0], &matrices[0], n_steps, n_threads, most, told
            )
