"""Fingerprints of what sequencers did in each shot: shots that are alike but for when they came have the same."""

from libc.stdint cimport int64_t, uint64_t

from qctl.cext.q1_machine cimport Row, _TURN, q1_mixed, q1_two


cdef void _fingerprint(
    const Row[::1] rows, const int64_t[::1] begins, const int64_t[::1] ends, const int64_t[::1] origins,
    int64_t first_acquisition, int64_t last_acquisition, bint turns, uint64_t[::1] out
) noexcept nogil:
    cdef Py_ssize_t k, i
    cdef const Row* row
    cdef uint64_t h
    cdef int64_t phase
    for k in range(out.shape[0]):
        h = q1_mixed(out[k], ends[k] - begins[k])
        if begins[k]:
            row = &rows[begins[k] - 1]
            if row.offs0 or row.offs1:
                h = q1_mixed(h, q1_two(row.offs0, row.offs1))
                if turns:
                    phase = (row.phase + <int64_t> row.freq * ((origins[k] - row.time) % _TURN) % _TURN) % _TURN
                    h = q1_mixed(q1_mixed(h, phase if phase >= 0 else phase + _TURN), row.freq)
        for i in range(begins[k], ends[k]):
            row = &rows[i]
            h = q1_mixed(h, row.time - origins[k])
            h = q1_mixed(h, q1_two(row.operation, row.a))
            if first_acquisition <= row.operation <= last_acquisition:
                h = q1_mixed(h, row.c)
            else:
                h = q1_mixed(h, q1_two(row.b, row.c))
            h = q1_mixed(h, q1_two(row.d, row.marker))
            h = q1_mixed(h, q1_two(row.gain0, row.gain1))
            h = q1_mixed(h, q1_two(row.offs0, row.offs1))
            if turns:
                h = q1_mixed(h, q1_two(row.freq, row.phase))
        out[k] = h


def fingerprint(
    const Row[::1] rows not None, const int64_t[::1] begins not None, const int64_t[::1] ends not None,
    const int64_t[::1] origins not None, int first_acquisition, int last_acquisition, bint turns,
    uint64_t[::1] out not None,
):
    """Go on with the fingerprint of each shot by what one sequencer did in it.

    Parameters
    ----------
    rows : (n_rows,) ROW
        All that it did.
    begins, ends : (n_shots,) int64
        Rows of each shot.
    origins : (n_shots,) int64
        Time in ns that the shot's times are relative to.
    first_acquisition, last_acquisition : int
        Operations whose `b` is a bin, which may differ between shots that are alike.
    turns : bool
        Whether an NCO is in use, so that its phase counts.
    out : (n_shots,) uint64
        Of the sequencers before; changed.

    Raises
    ------
    ValueError
        If shapes don't fit.
    """
    cdef Py_ssize_t k
    if not begins.shape[0] == ends.shape[0] == origins.shape[0] == out.shape[0]:
        raise ValueError(
            f"begins, ends, origins and out have {begins.shape[0]}, {ends.shape[0]}, {origins.shape[0]} and "
            f"{out.shape[0]} rows"
        )
    for k in range(out.shape[0]):
        if not 0 <= begins[k] <= ends[k] <= rows.shape[0]:
            raise ValueError(f"shot {k} has rows {begins[k]} to {ends[k]} of {rows.shape[0]}")
    with nogil:
        _fingerprint(rows, begins, ends, origins, first_acquisition, last_acquisition, turns, out)
