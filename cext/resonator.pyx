"""Readout: how a resonator answers sampled drives, and how shots are put together from answers."""

cdef extern from *:
    """
    #if defined(__GNUC__) && !defined(__clang__)
    #pragma GCC optimize ("cx-limited-range")
    #endif
    """

cdef extern from "<complex.h>" nogil:
    double complex cexp(double complex z)


cdef void _respond(
    const double complex* drive, Py_ssize_t n_drive, double drive_start, double dt, double complex rate,
    double complex coupling, double start, double step, double complex* out, Py_ssize_t n_out,
) noexcept nogil:
    cdef double complex decay = cexp(-rate * dt)
    cdef double complex gain = coupling / rate
    cdef double complex field = 0, held, part
    cdef Py_ssize_t k = 0, j
    cdef double left = drive_start, time
    for j in range(n_out):
        time = start + j * step
        if time <= drive_start:
            out[j] = 0
            continue
        while k < n_drive and left + dt <= time:
            field = field * decay + gain * drive[k] * (1 - decay)
            k += 1
            left = drive_start + k * dt
        held = drive[k] if k < n_drive else 0
        part = cexp(-rate * (time - left))
        out[j] = field * part + gain * held * (1 - part)


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
    if n == 0:
        return
    if n_drive == 0:
        for j in range(n):
            out[j] = 0
        return
    with nogil:
        _respond(&drive[0], n_drive, drive_start_s, dt_s, rate, coupling, start_s, step_s, &out[0], n)


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
    if n == 0 or width == 0 or parts == 0:
        return
    with nogil:
        _assemble(&templates[0, 0], &chosen[0, 0], n, parts, width, noise_v, &records[0, 0])
