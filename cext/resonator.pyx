"""Readout: how a resonator answers sampled drives, and how shots are put together from answers."""

cdef extern from *:
    """
    #if defined(__GNUC__) && !defined(__clang__)
    #pragma GCC optimize ("cx-limited-range")
    #endif
    """

cdef extern from "<complex.h>" nogil:
    double complex cexp(double complex z)


cdef enum:
    LEVELS = 3
    ROOM = 12


cdef struct grid_t:
    # times start + j step at which fields are wanted; `out` has a row of n for each level
    double start, step
    Py_ssize_t n, next
    double complex* out


cdef struct decays_t:
    # exp(-rate * since) for the distances that came up so far; samples and outputs meet at few of them
    double[ROOM] since
    double complex[ROOM * LEVELS] value
    int n


cdef void decay(decays_t* known, const double complex* rates, int n_levels, double since, double complex* out) noexcept nogil:
    """Fill `out` with exp(-rate * since) of each level."""
    cdef int k, level
    cdef double apart
    for k in range(known.n):
        apart = since - known.since[k]
        if -1e-18 < apart < 1e-18:
            # second order is below 1e-16 for rates up to 1e10 per second
            for level in range(n_levels):
                out[level] = known.value[LEVELS * k + level] * (1 - rates[level] * apart)
            return
    for level in range(n_levels):
        out[level] = cexp(-rates[level] * since)
    if known.n < ROOM:
        known.since[known.n] = since
        for level in range(n_levels):
            known.value[LEVELS * known.n + level] = out[level]
        known.n += 1


cdef void respond_grids(
    const double complex* drive, Py_ssize_t n_drive, double drive_start, double dt, const double complex* rates,
    double complex coupling, int n_levels, grid_t* grids, int n_grids,
) noexcept nogil:
    """Fill all grids with a resonator's field, for each level's rate, in one pass over the drive."""
    cdef decays_t known
    cdef double complex[LEVELS] decays
    cdef double complex[LEVELS] gains
    cdef double complex[LEVELS] steps
    cdef double complex[LEVELS] fields
    cdef double complex[LEVELS] parts
    cdef double complex held
    cdef double left, right, time
    cdef Py_ssize_t k
    cdef int level, g
    cdef grid_t* grid
    known.n = 0
    for level in range(n_levels):
        decays[level] = cexp(-rates[level] * dt)
        gains[level] = coupling / rates[level]
        steps[level] = gains[level] * (1 - decays[level])
        fields[level] = 0
    for g in range(n_grids):
        grid = grids + g
        grid.next = 0
        while grid.next < grid.n and grid.start + grid.next * grid.step <= drive_start:
            for level in range(n_levels):
                grid.out[level * grid.n + grid.next] = 0
            grid.next += 1
    for k in range(n_drive + 1):
        left = drive_start + k * dt
        right = left + dt
        held = drive[k] if k < n_drive else 0
        for g in range(n_grids):
            grid = grids + g
            while grid.next < grid.n:
                time = grid.start + grid.next * grid.step
                if time >= right and k < n_drive:
                    break
                decay(&known, rates, n_levels, time - left, parts)
                for level in range(n_levels):
                    grid.out[level * grid.n + grid.next] = (
                        fields[level] * parts[level] + gains[level] * held * (1 - parts[level])
                    )
                grid.next += 1
        for level in range(n_levels):
            fields[level] = fields[level] * decays[level] + steps[level] * held


def respond(
    const double complex[::1] drive not None,
    double drive_start_s,
    double dt_s,
    double complex rate,
    double complex coupling,
    double start_s,
    double step_s,
    double complex[::1] out not None,
):
    """Fill `out` with a linear resonator's field at equally spaced times.

    d field/dt = -rate field + coupling drive(t), solved exactly for a drive that is held for each
    sample and is zero outside.

    Parameters
    ----------
    drive : (n_drive,) complex128, V
        Held samples of I + iQ.
    drive_start_s, dt_s : float
        Time of the first sample and length of each, in seconds.
    rate, coupling : complex, 1/s
        kappa/2 - 2 pi i detuning, and kappa/2.
    start_s, step_s : float
        Times of `out`.
    out : (n_out,) complex128, V
        Overwritten.

    Raises
    ------
    ValueError
        If the rate is 0, or a step is not above 0.
    """
    if rate == 0 or not dt_s > 0 or not step_s > 0:
        raise ValueError(f"rate {rate}, dt_s {dt_s} and step_s {step_s} have to be above 0")
    cdef Py_ssize_t n = out.shape[0], n_drive = drive.shape[0], j
    cdef grid_t grid
    if n == 0:
        return
    if n_drive == 0:
        for j in range(n):
            out[j] = 0
        return
    grid.start, grid.step, grid.n, grid.out = start_s, step_s, n, &out[0]
    with nogil:
        respond_grids(&drive[0], n_drive, drive_start_s, dt_s, &rate, coupling, 1, &grid, 1)


def respond_levels(
    const double complex[::1] drive not None,
    double drive_start_s,
    double dt_s,
    const double complex[:, ::1] rates not None,
    const double complex[::1] couplings not None,
    const double[:, ::1] starts_s not None,
    const double[:, ::1] steps_s not None,
    double complex[:, :, ::1] seen not None,
    double complex[:, :, ::1] jumping not None,
):
    """Fill two grids with the fields of many resonators, each for all levels of its transmon; see `respond`.

    Parameters
    ----------
    drive : (n_drive,) complex128, V
        Held samples of I + iQ.
    drive_start_s, dt_s : float
        Time of the first sample and length of each, in seconds.
    rates : (n, 3) complex128, 1/s
        kappa/2 - 2 pi i detuning at each level.
    couplings : (n,) complex128, 1/s
        kappa/2, and all that the way to the digitizer does.
    starts_s, steps_s : (n, 2) float64
        Times of both grids, of each resonator.
    seen, jumping : (n, 3, n_out) complex128, V
        Overwritten.

    Raises
    ------
    ValueError
        If the shapes don't fit, a rate is 0, or a step is not above 0.
    """
    cdef Py_ssize_t n = rates.shape[0], n_drive = drive.shape[0], k, level, j
    cdef grid_t[2] grids
    if rates.shape[1] != LEVELS or couplings.shape[0] != n or starts_s.shape[0] != n or starts_s.shape[1] != 2 or (
        steps_s.shape[0] != n or steps_s.shape[1] != 2
    ):
        raise ValueError(
            f"rates {(n, rates.shape[1])}, couplings {couplings.shape[0]}, starts_s "
            f"{(starts_s.shape[0], starts_s.shape[1])} and steps_s {(steps_s.shape[0], steps_s.shape[1])} don't fit"
        )
    if seen.shape[0] != n or seen.shape[1] != LEVELS or jumping.shape[0] != n or jumping.shape[1] != LEVELS:
        raise ValueError(
            f"seen {(seen.shape[0], seen.shape[1], seen.shape[2])} and jumping "
            f"{(jumping.shape[0], jumping.shape[1], jumping.shape[2])} don't fit {n} resonators of {LEVELS} levels"
        )
    for k in range(n):
        for level in range(LEVELS):
            if rates[k, level] == 0 or not dt_s > 0 or not steps_s[k, 0] > 0 or not steps_s[k, 1] > 0:
                raise ValueError(
                    f"rate {rates[k, level]}, dt_s {dt_s} and steps_s {(steps_s[k, 0], steps_s[k, 1])} have to be above 0"
                )
    if n_drive == 0:
        seen[:] = 0
        jumping[:] = 0
        return
    grids[0].n = seen.shape[2]
    grids[1].n = jumping.shape[2]
    if n == 0 or grids[0].n == 0 or grids[1].n == 0:
        return
    for k in range(n):
        grids[0].start, grids[0].step, grids[0].out = starts_s[k, 0], steps_s[k, 0], &seen[k, 0, 0]
        grids[1].start, grids[1].step, grids[1].out = starts_s[k, 1], steps_s[k, 1], &jumping[k, 0, 0]
        with nogil:
            respond_grids(&drive[0], n_drive, drive_start_s, dt_s, &rates[k, 0], couplings[k], LEVELS, grids, 2)


cdef void _assemble(
    const float* templates, const int* chosen, Py_ssize_t n_shots, Py_ssize_t n_parts, Py_ssize_t width, float noise,
    float* records,
) noexcept nogil:
    cdef Py_ssize_t s, p, k
    cdef float* row
    cdef const float* part
    for s in range(n_shots):
        row = records + s * width
        for k in range(width):
            row[k] = noise * row[k]
        for p in range(n_parts):
            part = templates + chosen[s * n_parts + p] * width
            for k in range(width):
                row[k] = row[k] + part[k]


def assemble(
    const float[:, ::1] templates not None,
    const int[:, ::1] chosen not None,
    float noise_v,
    float[:, ::1] records not None,
):
    """Scale unit noise in `records` and add the chosen templates to each shot.

    Parameters
    ----------
    templates : (n_templates, width) float32, V
        Every answer that occurs, all inputs one after the other.
    chosen : (n_shots, n_parts) int32
        Rows of `templates` that make up each shot.
    noise_v : float
        Standard deviation of the noise.
    records : (n_shots, width) float32
        Standard normal numbers in, volts out.

    Raises
    ------
    ValueError
        If the shapes don't fit or an index is outside.
    """
    cdef Py_ssize_t n = records.shape[0], width = records.shape[1], parts = chosen.shape[1], s, p
    if templates.shape[1] != width or chosen.shape[0] != n:
        raise ValueError(
            f"templates {(templates.shape[0], templates.shape[1])}, chosen {(chosen.shape[0], parts)} "
            f"and records {(n, width)} don't fit"
        )
    for s in range(n):
        for p in range(parts):
            if not 0 <= chosen[s, p] < templates.shape[0]:
                raise ValueError(f"template {chosen[s, p]} of shot {s} is outside {templates.shape[0]} templates")
    if n == 0 or width == 0:
        return
    with nogil:
        _assemble(&templates[0, 0] if parts else NULL, &chosen[0, 0] if parts else NULL, n, parts, width, noise_v, &records[0, 0])
