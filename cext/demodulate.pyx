"""Turn records of ADC codes into complex IQ values, states and packed bit strings."""

import numpy as np

from libc.stdint cimport int16_t, int64_t, uint8_t, uint64_t

cdef enum:
    LANES = 8


def demodulate(
    const int16_t[:, :, ::1] records not None,
    const double[::1] volts_per_code not None,
    const double[::1] offset_v not None,
    Py_ssize_t input_i,
    Py_ssize_t input_q,
    Py_ssize_t start,
    const double complex[::1] weights not None,
    double complex[::1] iq not None,
):
    """Integrate one capture of each record.

    ``iq[s] = sum_n (v_i[s, start + n] + 1j * v_q[s, start + n]) * weights[n]`` in volts, where
    ``v = codes * volts_per_code + offset_v``. The weights hold the down-conversion and the norm.

    Products and sums are of single precision in eight lanes: each of both parts of ``iq[s]`` is off by at most
    ``(n / 8 + 4) 2**-24 sum_n (|c_i[n]| + |c_q[n]|) |w[n]|`` for n weights w and volts without offset c, which is 2e-6 of
    full scale for 256 weights of one size, and in practice ten times less (N. J. Higham, Accuracy and Stability of
    Numerical Algorithms, 2002, section 4.2, has such bounds).

    Parameters
    ----------
    records : (n_shots, n_inputs, n_samples) int16, ADC codes
        One record for each shot.
    volts_per_code, offset_v : (n_inputs,) float64
        Scale of each input.
    input_i, input_q : int
        Inputs of the record that carry I and Q; a negative `input_q` means that there is none.
    start : int
        First sample of the capture.
    weights : (n_weights,) complex128
        Integration weights.
    iq : (n_shots,) complex128
        Filled.

    Raises
    ------
    ValueError
        If the shapes don't fit, or the capture reaches past the record.
    """
    cdef Py_ssize_t n_shots = records.shape[0], n_inputs = records.shape[1], n_samples = records.shape[2]
    cdef Py_ssize_t n_weights = weights.shape[0]
    if volts_per_code.shape[0] != n_inputs or offset_v.shape[0] != n_inputs:
        raise ValueError(
            f"records have {n_inputs} inputs, volts_per_code {volts_per_code.shape[0]}, offset_v {offset_v.shape[0]}"
        )
    if not 0 <= input_i < n_inputs or input_q >= n_inputs:
        raise ValueError(f"inputs {input_i} and {input_q} are not among the {n_inputs} of the records")
    if n_weights < 1 or start < 0 or n_weights > n_samples or start > n_samples - n_weights:
        raise ValueError(f"samples {start} to {start + n_weights} reach past the record of {n_samples}")
    if iq.shape[0] != n_shots:
        raise ValueError(f"iq has {iq.shape[0]} places for {n_shots} shots")
    # Real and imaginary weights of each input, as floats: the kernel is four real sums.
    table = np.zeros((4, n_weights), np.float32)
    values = np.asarray(weights)
    table[0] = volts_per_code[input_i] * values.real
    table[1] = volts_per_code[input_i] * values.imag
    cdef double complex offset = offset_v[input_i]
    if input_q >= 0:
        table[2] = -volts_per_code[input_q] * values.imag
        table[3] = volts_per_code[input_q] * values.real
        offset = offset + 1j * offset_v[input_q]
    cdef double complex total = complex(values.sum())
    offset = offset * total
    cdef const float[:, ::1] rows = table
    with nogil:
        _demodulate(records, input_i, input_q, start, n_weights, rows, offset, iq)


cdef void _demodulate(
    const int16_t[:, :, ::1] records,
    Py_ssize_t input_i,
    Py_ssize_t input_q,
    Py_ssize_t start,
    Py_ssize_t n_weights,
    const float[:, ::1] rows,
    double complex offset,
    double complex[::1] iq,
) noexcept nogil:
    cdef Py_ssize_t shot
    cdef double real, imag
    for shot in range(records.shape[0]):
        real = _dot(&records[shot, input_i, start], &rows[0, 0], n_weights)
        imag = _dot(&records[shot, input_i, start], &rows[1, 0], n_weights)
        if input_q >= 0:
            real += _dot(&records[shot, input_q, start], &rows[2, 0], n_weights)
            imag += _dot(&records[shot, input_q, start], &rows[3, 0], n_weights)
        iq[shot] = real + 1j * imag + offset


cdef double _dot(const int16_t* codes, const float* row, Py_ssize_t n) noexcept nogil:
    """Sum products in eight lanes, so that the compiler may use vectors without reordering sums."""
    cdef float[LANES] sums
    cdef Py_ssize_t k, lane
    cdef Py_ssize_t n_blocks = n // LANES
    cdef double total = 0
    for lane in range(LANES):
        sums[lane] = 0
    for k in range(n_blocks):
        for lane in range(LANES):
            sums[lane] += codes[k * LANES + lane] * row[k * LANES + lane]
    for lane in range(LANES):
        total += sums[lane]
    for k in range(n_blocks * LANES, n):
        total += codes[k] * row[k]
    return total


def discriminate(
    const double complex[::1] iq not None, double angle_rad, double threshold_v, uint8_t[::1] states not None
):
    """Decide each shot's state: 1 where the rotated in-phase value is above the threshold.

    Parameters
    ----------
    iq : (n_shots,) complex128, volts
        Integrated captures.
    angle_rad : float
        ``real(iq * exp(-1j * angle_rad))`` separates the states.
    threshold_v : float
        In volts.
    states : (n_shots,) uint8
        Filled with 0 and 1.

    Raises
    ------
    ValueError
        If the lengths differ.
    """
    if states.shape[0] != iq.shape[0]:
        raise ValueError(f"states has {states.shape[0]} places for {iq.shape[0]} shots")
    cdef double complex turn = np.exp(-1j * angle_rad)
    cdef Py_ssize_t shot
    with nogil:
        for shot in range(iq.shape[0]):
            states[shot] = iq[shot].real * turn.real - iq[shot].imag * turn.imag > threshold_v


def pack_bits(const uint8_t[:, ::1] bits not None, uint64_t[:, ::1] words not None):
    """Pack each shot's bits into 64-bit words, bit 0 lowest in word 0.

    Parameters
    ----------
    bits : (n_shots, n_bits) uint8
        0, or anything else for 1.
    words : (n_shots, ceil(n_bits / 64)) uint64
        Filled.

    Raises
    ------
    ValueError
        If the shapes don't fit.
    """
    cdef Py_ssize_t n_shots = bits.shape[0], n_bits = bits.shape[1]
    if words.shape[0] != n_shots or words.shape[1] != (n_bits + 63) // 64:
        raise ValueError(f"words is {words.shape[0]} x {words.shape[1]} for {n_shots} shots of {n_bits} bits")
    cdef Py_ssize_t shot, bit
    with nogil:
        for shot in range(n_shots):
            for bit in range(words.shape[1]):
                words[shot, bit] = 0
            for bit in range(n_bits):
                if bits[shot, bit]:
                    words[shot, bit >> 6] |= (<uint64_t>1) << (bit & 63)


def histogram(const uint64_t[:, ::1] words not None, int64_t[::1] counts not None):
    """Count packed bit strings of one word each by their value.

    Parameters
    ----------
    words : (n_shots, 1) uint64
        From `pack_bits`.
    counts : (2**n_bits,) int64
        Filled.

    Raises
    ------
    ValueError
        If there is more than one word a shot, or a value is past the end of `counts`.
    """
    if words.shape[1] != 1:
        raise ValueError(f"a shot has {words.shape[1]} words, 1 is accepted")
    cdef Py_ssize_t shot, outside = 0
    cdef uint64_t size = counts.shape[0]
    with nogil:
        counts[:] = 0
        for shot in range(words.shape[0]):
            if words[shot, 0] < size:
                counts[<Py_ssize_t>words[shot, 0]] += 1
            else:
                outside += 1
    if outside:
        raise ValueError(f"{outside} bit strings are past the {size} places of counts")


def count_strings(bits):
    """Return how often each bit string occurred, in Qiskit's order (bit 0 rightmost).

    Parameters
    ----------
    bits : (n_shots, n_bits) uint8
        One row for each shot.

    Returns
    -------
    dict of str to int
        Sorted by bit string; empty when there are no bits.

    Raises
    ------
    ValueError
        If `bits` is not two-dimensional.
    """
    table = np.ascontiguousarray(bits, np.uint8)
    if table.ndim != 2:
        raise ValueError(f"bits has {table.ndim} dimensions, 2 are accepted")
    n_shots, n_bits = table.shape
    if not n_bits or not n_shots:
        return {}
    words = np.empty((n_shots, (n_bits + 63) // 64), np.uint64)
    pack_bits(table, words)
    if n_bits <= 16:
        counts = np.empty(1 << n_bits, np.int64)
        histogram(words, counts)
        return {format(key, f"0{n_bits}b"): int(counts[key]) for key in np.flatnonzero(counts)}
    found, numbers = np.unique(words, axis=0, return_counts=True)
    keys = (sum(int(word) << (64 * place) for place, word in enumerate(row)) for row in found)
    return dict(sorted((format(key, f"0{n_bits}b"), int(n)) for key, n in zip(keys, numbers, strict=True)))
