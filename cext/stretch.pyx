"""Stretches without flux: transmons of a joint state through drives, idling and ZZ between neighbours, in one call.

The joint state is a product of groups in one buffer. Transmons whose neighbours matter advance in common slices,
half of the ZZ before a slice and half after; the others advance in one go.
"""

from libc.math cimport fabs
from libc.stdint cimport int64_t
from libc.stdlib cimport qsort

from qctl.cext.pairs cimport MOST, check, couple, joint_t
from qctl.cext.qutrit cimport apply_matrix, apply_step, propagate_states


cdef extern from *:
    """
    #if defined(__GNUC__) && !defined(__clang__)
    #pragma GCC optimize ("cx-limited-range")
    #endif
    """

cdef extern from "<complex.h>" nogil:
    double complex cexp(double complex z)
    double complex csqrt(double complex z)

cdef struct bench_t:
    # what doesn't change within a call
    joint_t joint
    const double* levels
    const double* rates
    const double* relaxation
    const int64_t* pieces
    const double complex* omega
    const int64_t* stops
    int64_t* resting
    # steps of idling that were last worked out, and for how many samples
    double complex[14 * MOST] steps
    int64_t[MOST] known
    Py_ssize_t n, n_pieces
    int64_t last
    double dt


cdef void idle_step(const double* rates, const double* levels, double time, double complex* step) noexcept nogil:
    """Fill the 14 numbers of idling over any time: relaxation exactly, with the phases of both levels."""
    cdef double down = rates[0], up = rates[1], pure = rates[2], size, scale = time
    cdef double[9] p
    cdef double[9] total
    cdef double[9] work
    cdef int halvings = 0, i, j, k
    size = (down + 2 * up if down + 2 * up > 2 * down else 2 * down) * time
    while size > 0.015625:
        size *= 0.5
        scale *= 0.5
        halvings += 1
    p[0] = -up * scale
    p[1] = down * scale
    p[2] = 0.0
    p[3] = up * scale
    p[4] = (-down - 2 * up) * scale
    p[5] = 2 * down * scale
    p[6] = 0.0
    p[7] = 2 * up * scale
    p[8] = -2 * down * scale
    # Horner, to order 8: below 1e-18 at this size
    for i in range(9):
        total[i] = 1.0 if i % 4 == 0 else 0.0
    for k in range(8, 0, -1):
        for i in range(3):
            for j in range(3):
                work[3 * i + j] = (p[3 * i] * total[j] + p[3 * i + 1] * total[3 + j] + p[3 * i + 2] * total[6 + j]) / k
        for i in range(9):
            total[i] = work[i] + (1.0 if i % 4 == 0 else 0.0)
    for k in range(halvings):
        for i in range(3):
            for j in range(3):
                work[3 * i + j] = total[3 * i] * total[j] + total[3 * i + 1] * total[3 + j] + total[3 * i + 2] * total[6 + j]
        for i in range(9):
            total[i] = work[i]
    for i in range(9):
        step[i] = total[i]
    cdef double leave0 = 0.5 * up, leave1 = 0.5 * (down + 2 * up), leave2 = down
    cdef double complex a = (-leave0 - leave1 - pure + 1j * levels[0]) * time
    cdef double complex d = (-leave1 - leave2 - pure + 1j * (levels[1] - levels[0])) * time
    cdef double b = 1.4142135623730951 * down * time, c = 1.4142135623730951 * up * time
    cdef double complex mean = 0.5 * (a + d), half = 0.5 * (a - d)
    cdef double complex root = csqrt(half * half + b * c)
    cdef double complex plus = cexp(mean + root), minus = cexp(mean - root), sinhc
    if fabs(root.real) + fabs(root.imag) > 1e-12:
        sinhc = (plus - minus) / (2 * root)
    else:
        sinhc = cexp(mean)
    step[9] = 0.5 * (plus + minus) + sinhc * (a - mean)
    step[10] = sinhc * b
    step[11] = sinhc * c
    step[12] = 0.5 * (plus + minus) + sinhc * (d - mean)
    step[13] = cexp((-leave0 - leave2 - 4 * pure + 1j * levels[1]) * time)


cdef void idle(bench_t* on, Py_ssize_t q, int64_t samples) noexcept nogil:
    """Let one transmon idle; at rest there is nothing to do."""
    cdef double complex* step = on.steps + 14 * q
    if samples <= 0 or on.resting[q]:
        return
    if on.known[q] != samples:
        idle_step(on.rates + 3 * q, on.levels + 2 * q, samples * on.dt, step)
        on.known[q] = samples
    apply_step(on.joint.rho + on.joint.places[3 * q], on.joint.places[3 * q + 1], on.joint.places[3 * q + 2], step)


cdef void drive(bench_t* on, Py_ssize_t q, const double complex* omega, Py_ssize_t samples) noexcept nogil:
    """Drive one transmon; one of a group by its superoperator."""
    cdef double complex* rho = on.joint.rho + on.joint.places[3 * q]
    cdef Py_ssize_t left = on.joint.places[3 * q + 1], right = on.joint.places[3 * q + 2], i, j
    cdef double complex[81] states
    cdef double complex[81] matrix
    cdef const double* relaxation = on.relaxation + 42 * q
    on.resting[q] = 0
    if left == 1 and right == 1:
        propagate_states(omega, on.levels + 2 * q, 0, on.dt, relaxation, rho, samples, 1)
        return
    for i in range(81):
        states[i] = 1.0 if i % 10 == 0 else 0.0
    propagate_states(omega, on.levels + 2 * q, 0, on.dt, relaxation, states, samples, 9)
    for i in range(9):
        for j in range(9):
            matrix[9 * j + i] = states[9 * i + j]
    apply_matrix(rho, left, right, <double*> matrix)


cdef void advance_one(bench_t* on, Py_ssize_t q, int64_t start, int64_t stop) noexcept nogil:
    """Advance one transmon through its pieces of drive and the idling between them."""
    cdef const int64_t* piece
    cdef int64_t now = start, left, right
    cdef Py_ssize_t k
    for k in range(on.n_pieces):
        piece = on.pieces + 4 * k
        if piece[0] != q or piece[1] >= stop or piece[2] <= start:
            continue
        left = piece[1] if piece[1] > start else start
        right = piece[2] if piece[2] < stop else stop
        idle(on, q, left - now)
        drive(on, q, on.omega + piece[3] + (left - piece[1]), right - left)
        now = right
    idle(on, q, stop - now)


cdef bint driven(bench_t* on, Py_ssize_t q, int64_t start, int64_t stop) noexcept nogil:
    """Say whether a transmon is driven between two samples."""
    cdef Py_ssize_t k
    for k in range(on.n_pieces):
        if on.pieces[4 * k] == q and on.pieces[4 * k + 1] < stop and on.pieces[4 * k + 2] > start:
            return True
    return False


cdef int compare(const void* a, const void* b) noexcept nogil:
    cdef int64_t x = (<const int64_t*> a)[0], y = (<const int64_t*> b)[0]
    return 1 if x > y else -1 if x < y else 0


cdef void choose(bench_t* on, int64_t start, int64_t stop, int64_t* linked) noexcept nogil:
    """Mark the transmons whose neighbours matter here: both are, or will be, away from rest."""
    cdef bint[MOST] busy
    cdef Py_ssize_t q, k, low, high
    for q in range(on.n):
        linked[q] = on.joint.places[3 * q + 1] > 1 or on.joint.places[3 * q + 2] > 1
        busy[q] = on.stops[q] > start and (not on.resting[q] or driven(on, q, start, stop))
    for k in range(on.joint.n_couplers):
        low = on.joint.couplers[2 * k]
        high = on.joint.couplers[2 * k + 1]
        if busy[low] and busy[high]:
            linked[low] = linked[high] = 1
    for q in range(on.n):
        linked[q] = linked[q] and on.stops[q] > start


cdef Py_ssize_t cut(bench_t* on, int64_t start, int64_t stop, const int64_t* linked, int64_t* cuts) noexcept nogil:
    """Fill `cuts` with where drives and lives of the linked transmons begin and end; return how many there are."""
    cdef Py_ssize_t n = 2, k, kept = 0
    cdef int64_t edge
    cuts[0] = start
    cuts[1] = stop
    for k in range(2 * on.n_pieces):
        edge = on.pieces[4 * (k // 2) + 1 + k % 2]
        if linked[on.pieces[4 * (k // 2)]] and start < edge < stop:
            cuts[n] = edge
            n += 1
    for k in range(on.n):
        if linked[k] and start < on.stops[k] < stop:
            cuts[n] = on.stops[k]
            n += 1
    qsort(cuts, n, sizeof(int64_t), &compare)
    for k in range(n):
        if kept == 0 or cuts[k] != cuts[kept - 1]:
            cuts[kept] = cuts[k]
            kept += 1
    return kept


cdef Py_ssize_t _advance(
    bench_t* on, int64_t start, int64_t stop, const int64_t* slices, bint joint, int64_t* progress, int64_t* cuts
) noexcept nogil:
    cdef int64_t* linked = progress + 2
    cdef int64_t* alive = progress + 2 + on.n
    cdef Py_ssize_t n_cuts, c, q, merge
    cdef int64_t left, right, parts, part, longest, due
    cdef bint any_linked = False, changed
    cdef double time
    for q in range(on.n):
        on.known[q] = -1
    if progress[0] < 0:
        choose(on, start, stop, linked)
        for q in range(on.n):
            alive[q] = linked[q]
            if not linked[q] and on.stops[q] > start:
                advance_one(on, q, start, stop if stop < on.stops[q] else on.stops[q])
        progress[0] = start
        progress[1] = 0
    for q in range(on.n):
        any_linked = any_linked or linked[q]
    if not any_linked:
        return 0
    due = progress[1]
    n_cuts = cut(on, start, stop, linked, cuts)
    for c in range(n_cuts - 1):
        longest = slices[0]
        for q in range(on.n):
            if linked[q] and driven(on, q, cuts[c], cuts[c + 1]):
                longest = slices[1]
        parts = (cuts[c + 1] - cuts[c] + longest - 1) // longest
        for part in range(parts):
            left = cuts[c] + (cuts[c + 1] - cuts[c]) * part // parts
            right = cuts[c] + (cuts[c + 1] - cuts[c]) * (part + 1) // parts
            if left < progress[0]:
                continue
            progress[0] = left
            changed = False
            for q in range(on.n):
                changed = changed or (alive[q] and on.stops[q] <= left)
            if changed:
                time = 0.5 * due * on.dt
                merge = couple(&on.joint, alive, time, (on.last - left) * on.dt + time if joint else 0.0)
                if merge:
                    return merge
                for q in range(on.n):
                    alive[q] = linked[q] and on.stops[q] > left
                due = progress[1] = 0
            time = 0.5 * (due + right - left) * on.dt
            merge = couple(&on.joint, alive, time, (on.last - left) * on.dt + time if joint else 0.0)
            if merge:
                return merge
            for q in range(on.n):
                if alive[q]:
                    advance_one(on, q, left, right)
            due = progress[1] = right - left
    progress[0] = stop
    time = 0.5 * due * on.dt
    return couple(&on.joint, alive, time, (on.last - stop) * on.dt + time if joint else 0.0)


def advance(
    double complex[::1] rho not None,
    const int64_t[:, ::1] places not None,
    const int64_t[:, ::1] couplers not None,
    const double[:, :, ::1] zz not None,
    const double[:, ::1] levels not None,
    const double[:, ::1] rates not None,
    const double[:, :, ::1] relaxation not None,
    const int64_t[:, ::1] pieces not None,
    const double complex[::1] omega not None,
    const int64_t[::1] stops not None,
    int64_t[::1] resting not None,
    const int64_t[::1] span not None,
    bint joint,
    double dt_s,
    int64_t[::1] progress not None,
    int64_t[::1] cuts not None,
):
    """Advance all transmons of a joint state through a stretch of time, in place.

    Parameters
    ----------
    rho, places, couplers, zz
        The joint state, its n transmons and the ZZ between them, as `pairs.turn` takes them; `rho` is overwritten.
    levels : (n, 2) float64, rad/s
        Energies of levels 1 and 2 in the rotating frame.
    rates : (n, 3) float64, 1/s
        Down, up and pure dephasing, as `collapse_rates` gives them.
    relaxation : (n, 3, 14) float64
        As `qutrit.propagate` takes it.
    pieces : (n_pieces, 4) int64
        Transmon, first sample, sample after the last, and where it begins in `omega`; those of one transmon
        in order of time.
    omega : (n_driven,) complex128, rad/s
        Drives of all pieces.
    stops : (n,) int64
        Sample at which each transmon's measurement begins: it stands still from then on.
    resting : (n,) int64
        1 while relaxation leaves a transmon alone; overwritten.
    span : (4,) int64
        First sample, sample after the last, and the longest slices between ZZ: idling, driven.
    joint : bool
        Whether groups merge that ZZ correlates.
    dt_s : float
        Length of a sample, in seconds.
    progress : (2 + 2 n,) int64
        -1 at first; kept from call to call while groups merge.
    cuts : (2 + n + 2 n_pieces or more,) int64
        Overwritten.

    Returns
    -------
    int
        -1 when all is done. Otherwise a coupler whose transmons' groups have to merge; then call again.

    Raises
    ------
    ValueError
        If the shapes don't fit or an index is outside.
    """
    cdef Py_ssize_t n = places.shape[0], m = pieces.shape[0], k, found
    cdef bench_t on
    check(rho, places, couplers, zz)
    if levels.shape[0] != n or levels.shape[1] != 2 or rates.shape[0] != n or rates.shape[1] != 3 or (
        relaxation.shape[0] != n or relaxation.shape[1] != 3 or relaxation.shape[2] != 14
    ):
        raise ValueError(
            f"levels {(levels.shape[0], levels.shape[1])}, rates {(rates.shape[0], rates.shape[1])} and relaxation "
            f"{(relaxation.shape[0], relaxation.shape[1], relaxation.shape[2])} don't fit {n} transmons"
        )
    if pieces.shape[1] != 4 or stops.shape[0] != n or resting.shape[0] != n or span.shape[0] != 4 or (
        progress.shape[0] != 2 + 2 * n or cuts.shape[0] < 2 + n + 2 * m
    ):
        raise ValueError(
            f"pieces {(m, pieces.shape[1])}, stops {stops.shape[0]}, resting {resting.shape[0]}, span {span.shape[0]}, "
            f"progress {progress.shape[0]} and cuts {cuts.shape[0]} don't fit {n} transmons"
        )
    if span[2] < 1 or span[3] < 1:
        raise ValueError(f"slices of {span[2]} and {span[3]} samples: have to be above 0")
    for k in range(m):
        if not 0 <= pieces[k, 0] < n or pieces[k, 2] < pieces[k, 1] or pieces[k, 3] < 0 or (
            pieces[k, 3] + pieces[k, 2] - pieces[k, 1] > omega.shape[0]
        ):
            raise ValueError(
                f"piece {k} of transmon {pieces[k, 0]}, samples {pieces[k, 1]} to {pieces[k, 2]} from {pieces[k, 3]}, "
                f"is not in {n} transmons and {omega.shape[0]} samples"
            )
    if span[1] <= span[0]:
        return -1
    on.joint.rho = &rho[0]
    on.joint.places = &places[0, 0]
    on.joint.couplers = &couplers[0, 0] if couplers.shape[0] else NULL
    on.joint.zz = &zz[0, 0, 0] if couplers.shape[0] else NULL
    on.levels = &levels[0, 0]
    on.rates = &rates[0, 0]
    on.relaxation = &relaxation[0, 0, 0]
    on.pieces = &pieces[0, 0] if m else NULL
    on.omega = &omega[0] if m and omega.shape[0] else NULL
    on.stops = &stops[0]
    on.resting = &resting[0]
    on.n = on.joint.n = n
    on.joint.n_couplers = couplers.shape[0]
    on.n_pieces = m
    on.dt = dt_s
    on.last = 0
    for k in range(n):
        on.last = stops[k] if stops[k] > on.last else on.last
    with nogil:
        found = _advance(&on, span[0], span[1], &span[2], joint, &progress[0], &cuts[0])
    return found - 1
