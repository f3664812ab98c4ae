"""Plays that last a tick more or less than their waveform's nearest whole number: number the waveforms of those lengths."""

from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.stdlib cimport calloc, free

import numpy as np

from qctl.cext.straight cimport Play


cdef inline int64_t _kind(
    const Play* play, int64_t lasts, const int32_t[::1] clocks, const int64_t[:, ::1] nearest
) noexcept nogil:
    """Return the kind of waveform that a play needs, or -1 where it lasts the nearest whole number of ticks."""
    cdef int32_t clock = clocks[play.port]
    cdef int64_t whole = nearest[clock, play.waveform]
    if lasts != whole - 1 and lasts != whole + 1:
        return -1
    return 2 * (clock * nearest.shape[1] + play.waveform) + (lasts > whole)


cdef int64_t _number(
    const Play[::1] plays, const int64_t[::1] lasts, const int32_t[::1] clocks, const int64_t[:, ::1] nearest,
    int64_t* numbers, int64_t n_kinds
) noexcept nogil:
    """Number the kinds that there are in their order, from the waveforms' number on; return how many there are."""
    cdef Py_ssize_t k
    cdef int64_t kind, n_found = 0
    for k in range(plays.shape[0]):
        kind = _kind(&plays[k], lasts[k], clocks, nearest)
        if kind >= 0:
            numbers[kind] = 1
    for kind in range(n_kinds):
        if numbers[kind]:
            numbers[kind] = nearest.shape[1] + n_found
            n_found += 1
    return n_found


cdef void _take(
    Play[::1] plays, const int64_t[::1] lasts, const int32_t[::1] clocks, const int64_t[:, ::1] nearest,
    const int64_t* numbers, int64_t[:, ::1] counts
) noexcept nogil:
    """Give plays their numbers, and count those of each."""
    cdef Py_ssize_t k
    cdef int64_t kind
    for k in range(plays.shape[0]):
        kind = _kind(&plays[k], lasts[k], clocks, nearest)
        if kind >= 0:
            plays[k].waveform = <uint32_t> numbers[kind]
        counts[plays[k].port, plays[k].waveform] += 1


def fit(
    Play[::1] plays not None, const int64_t[::1] lasts not None, const int32_t[::1] clocks not None,
    const int64_t[:, ::1] nearest not None,
):
    """Give plays that last a tick more or less than their waveform's nearest whole number another number.

    Parameters
    ----------
    plays : (n_plays,) PLAY
        Their `waveform` is changed.
    lasts : (n_plays,) int64
        Ticks from each start to each end.
    clocks : (n_ports,) int32
        Number of each port's clock.
    nearest : (n_clocks, n_waveforms) int64
        Ticks of each clock that each waveform lasts, to the nearest whole number; less than 2**63 - 1.

    Returns
    -------
    kinds : tuple of int
        What the numbers from `n_waveforms` on stand for: twice clock * n_waveforms + waveform, and 1 more where it is
        longer; sorted.
    counts : (n_ports, n_waveforms + number of kinds) int64 or None
        How many plays of each there are on each port; not counted where there are no kinds.

    Raises
    ------
    ValueError
        If shapes don't fit, a waveform's ticks are out of range, or a play names a port or waveform that is not there.
    """
    cdef Py_ssize_t k, wave, n_ports = clocks.shape[0], n_clocks = nearest.shape[0], n_waves = nearest.shape[1]
    cdef int64_t n_kinds = 2 * n_clocks * n_waves, n_found, most = 0x7FFFFFFFFFFFFFFF
    cdef int64_t[:, ::1] counted
    if lasts.shape[0] != plays.shape[0]:
        raise ValueError(f"lasts has {lasts.shape[0]} rows; there are {plays.shape[0]} plays")
    for k in range(n_ports):
        if not 0 <= clocks[k] < n_clocks:
            raise ValueError(f"clock {clocks[k]} of port {k} is outside {n_clocks}")
    for k in range(n_clocks):
        for wave in range(n_waves):
            if not 0 <= nearest[k, wave] < most:
                raise ValueError(f"waveform {wave} lasts {nearest[k, wave]} ticks of clock {k}")
    for k in range(plays.shape[0]):
        if plays[k].port >= n_ports or plays[k].waveform >= n_waves:
            raise ValueError(
                f"play {k} has port {plays[k].port} of {n_ports}, waveform {plays[k].waveform} of {n_waves}"
            )
    numbers = <int64_t*> calloc(max(n_kinds, 1), sizeof(int64_t))
    if numbers == NULL:
        raise MemoryError(f"no memory for {n_kinds} kinds of waveforms")
    try:
        with nogil:
            n_found = _number(plays, lasts, clocks, nearest, numbers, n_kinds)
        if not n_found:
            return (), None
        counts = np.zeros((n_ports, n_waves + n_found), np.int64)
        counted = counts
        with nogil:
            _take(plays, lasts, clocks, nearest, numbers, counted)
        return tuple([kind for kind in range(n_kinds) if numbers[kind]]), counts
    finally:
        free(numbers)
