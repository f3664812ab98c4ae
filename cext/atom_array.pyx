"""Evolves an array of atoms exactly: levels of each that a drive couples, and a diagonal interaction of all."""

from libc.math cimport isfinite
from libc.stdint cimport int32_t, int64_t

cdef extern from "atom_array.h" nogil:
    int64_t qctl_atom_evolve(
        int n_atoms, const int32_t* levels, int64_t size, int64_t first, int64_t n_steps, const double* energies,
        const double* couplings, const double* interactions, int64_t n_epochs, const int32_t* epochs,
        const double* lengths, const double* losses, double floor, double* state,
    ) noexcept

cdef enum:
    MOST_ATOMS = 30
    MOST_LEVELS = 3


cdef bint _all_finite(const double* values, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(n):
        if not isfinite(values[k]):
            return False
    return True


def evolve(
    const int32_t[::1] levels not None,
    const double[:, :, ::1] energies not None,
    const double complex[:, :, ::1] couplings not None,
    const double[:, ::1] interactions not None,
    const int32_t[::1] epochs not None,
    const double[::1] lengths not None,
    double complex[::1] state not None,
    const double[::1] losses=None,
    double floor=0.0,
    Py_ssize_t first=0,
):
    """Play steps of constant Hamiltonian on a state, each by Chebyshev polynomials to 1e-14.

    In a step H = interaction + the sum over atoms of energies of their levels, and of c |l><0| + conj(c) |0><l| for
    their levels l = 1, 2. The index of the state is level of atom 0 + levels[0] * (level of atom 1 + levels[1] * …).
    Source: H. Tal-Ezer and R. Kosloff, J. Chem. Phys. 81, 3967 (1984).

    Parameters
    ----------
    levels : (n_atoms,) int32
        1, 2 or 3.
    energies : (n_steps, n_atoms, 3) float64, rad/s
        Of each level.
    couplings : (n_steps, n_atoms, 2) complex128, rad/s
        From level 0 to levels 1 and 2: half a Rabi frequency with its phase.
    interactions : (n_epochs, n_states) float64, rad/s
        Energies of states.
    epochs : (n_steps,) int32
        Which row of `interactions` is true in each step.
    lengths : (n_steps,) float64, s
    state : (n_states,) complex128
        Changed.
    losses : (n_states,) float64, 1/s, optional
        Rates at which populations decay: half of it before and half after each step, to third order of rate * length.
    floor : float
        With losses: stop after the step in which the norm falls to this.
    first : int
        Step to begin with.

    Returns
    -------
    int
        Steps that are played, those before `first` included.

    Raises
    ------
    ValueError
        If shapes don't fit, a number is not finite, or a length is below 0.
    MemoryError
        If there is no room for four more states.
    """
    cdef Py_ssize_t n_atoms = levels.shape[0], n_steps = lengths.shape[0], n_states = 1, k
    if n_atoms > MOST_ATOMS:
        raise ValueError(f"{n_atoms} atoms are over {MOST_ATOMS}")
    for k in range(n_atoms):
        if not 1 <= levels[k] <= MOST_LEVELS:
            raise ValueError(f"levels[{k}] = {levels[k]} is outside [1, {MOST_LEVELS}]")
        n_states *= levels[k]
        if n_states > 1 << 30:
            raise ValueError(f"{n_atoms} atoms have over {1 << 30} states")
    if energies.shape[0] != n_steps or energies.shape[1] != n_atoms or energies.shape[2] != MOST_LEVELS:
        raise ValueError(
            f"energies {(energies.shape[0], energies.shape[1], energies.shape[2])} are not "
            f"{(n_steps, n_atoms, MOST_LEVELS)}"
        )
    if couplings.shape[0] != n_steps or couplings.shape[1] != n_atoms or couplings.shape[2] != MOST_LEVELS - 1:
        raise ValueError(
            f"couplings {(couplings.shape[0], couplings.shape[1], couplings.shape[2])} are not "
            f"{(n_steps, n_atoms, MOST_LEVELS - 1)}"
        )
    if state.shape[0] != n_states or interactions.shape[1] != n_states:
        raise ValueError(
            f"state {state.shape[0]} and interactions {(interactions.shape[0], interactions.shape[1])} are not of "
            f"{n_states} states"
        )
    if losses is not None and losses.shape[0] != n_states:
        raise ValueError(f"losses {losses.shape[0]} are not of {n_states} states")
    if epochs.shape[0] != n_steps:
        raise ValueError(f"epochs {epochs.shape[0]} and lengths {n_steps} differ")
    if not 0 <= first <= n_steps:
        raise ValueError(f"first = {first} is outside [0, {n_steps}]")
    for k in range(n_steps):
        if not 0 <= epochs[k] < interactions.shape[0]:
            raise ValueError(f"epochs[{k}] = {epochs[k]} is outside [0, {interactions.shape[0]})")
        if not (isfinite(lengths[k]) and lengths[k] >= 0):
            raise ValueError(f"lengths[{k}] = {lengths[k]} is no length")
    if n_steps == 0:
        return 0
    cdef const double* driven = NULL
    cdef const double* raised = NULL
    cdef const double* lost = NULL
    cdef const int32_t* counts = NULL
    if n_atoms:
        driven, raised, counts = <const double*>&couplings[0, 0, 0], &energies[0, 0, 0], &levels[0]
    if losses is not None:
        lost = &losses[0]
    if not (
        _all_finite(raised, 3 * n_atoms * n_steps)
        and _all_finite(driven, 4 * n_atoms * n_steps)
        and _all_finite(&interactions[0, 0], interactions.shape[0] * n_states)
        and (lost == NULL or _all_finite(lost, n_states))
    ):
        raise ValueError("energies, couplings, interactions and losses have to be finite")
    cdef int64_t done
    with nogil:
        done = qctl_atom_evolve(
            <int>n_atoms, counts, n_states, first, n_steps, raised, driven, &interactions[0, 0],
            interactions.shape[0], &epochs[0], &lengths[0], lost, floor, <double*>&state[0],
        )
    if done < 0:
        raise MemoryError(f"no room for four states of {n_states} amplitudes")
    return done
