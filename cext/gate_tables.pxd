"""Tables of a processor that lines of gates alone are timed with: all indices and times checked once."""

from libc.math cimport fabs
from libc.stdint cimport int32_t, int64_t

from qctl.cext.gate_steps cimport longest_time


cdef inline int check_tables(
    const int32_t[::1] qubit_lines, const int32_t[:, ::1] qubits, const int32_t[:, ::1] couplers,
    const int32_t[:, ::1] pairs, const int32_t[:, ::1] lines, const int64_t[:, ::1] lengths, const double[:, ::1] volts,
    const double[:, ::1] pair_values, const double[:, ::1] carriers, const double[::1] states_hz,
    const int64_t[:, ::1] ratios, const int64_t[::1] offsets, int64_t unit, Py_ssize_t n_waves
) except -1:
    """Raise ValueError where shapes don't fit, a time has over 59 bits, or a qubit has no lines of its own."""
    cdef Py_ssize_t q, k, n_qubits = qubits.shape[0], n_lines = lines.shape[0], n_pairs = pairs.shape[0]
    cdef int32_t line
    cdef int64_t most = longest_time()
    if (qubits.shape[1] != 9 or pairs.shape[1] != 5 or lines.shape[1] != 3 or lengths.shape[1] != 2
            or couplers.shape[0] != n_qubits or couplers.shape[1] != n_qubits):
        raise ValueError(
            f"qubits, pairs, lines, lengths have {qubits.shape[1]}, {pairs.shape[1]}, {lines.shape[1]}, {lengths.shape[1]} "
            f"columns, couplers are {couplers.shape[0]} x {couplers.shape[1]}, not 9, 5, 3, 2, {n_qubits} x {n_qubits}"
        )
    if (volts.shape[0] != n_qubits or volts.shape[1] != 2 or pair_values.shape[0] != n_pairs or pair_values.shape[1] != 3
            or carriers.shape[0] != n_lines or carriers.shape[1] != 3 or states_hz.shape[0] < n_lines
            or ratios.shape[0] != n_lines or ratios.shape[1] != 2 or offsets.shape[0] != n_qubits):
        raise ValueError(
            f"volts, pair_values, carriers, states_hz, ratios, offsets have {volts.shape[0]}, {pair_values.shape[0]}, "
            f"{carriers.shape[0]}, {states_hz.shape[0]}, {ratios.shape[0]}, {offsets.shape[0]} rows, not {n_qubits}, "
            f"{n_pairs}, {n_lines}, {n_lines}, {n_lines}, {n_qubits}"
        )
    if unit < 1 or n_waves < 0:
        raise ValueError(f"unit is {unit}, n_waves {n_waves}")
    for k in range(lengths.shape[0]):
        if lengths[k, 1] != 0 and (lengths[k, 1] != -1 or lengths[k, 0] >= 0) or fabs(<double> lengths[k, 0]) > most:
            raise ValueError(f"length {k} has over 59 bits")
    for k in range(n_lines):
        if ratios[k, 0] < 1 or ratios[k, 1] < 1 or not -1 <= lines[k, 1] < n_qubits or not 0 <= lines[k, 2] < lengths.shape[0]:
            raise ValueError(f"line {k} has ratio {ratios[k, 0]} / {ratios[k, 1]}, qubit {lines[k, 1]}, delay {lines[k, 2]}")
    owner = [-1] * (2 * n_lines)
    for q in range(n_qubits):
        if not 0 <= qubits[q, 0] < qubits[q, 1] <= qubit_lines.shape[0]:
            raise ValueError(f"qubit {q} has no lines")
        for k in range(qubits[q, 0], qubits[q, 1]):
            line = qubit_lines[k]
            if not 0 <= line < 2 * n_lines or owner[line] not in (-1, q):
                raise ValueError(f"line {line} of qubit {q} is not its own")
            owner[line] = q
        for k in range(4, 7):
            if not 0 <= qubits[q, k] < lengths.shape[0] or lengths[qubits[q, k], 1]:
                raise ValueError(f"length {qubits[q, k]} of qubit {q} is not there, or below 0")
        for k in range(2, 4):
            if not -1 <= qubits[q, k] < n_lines or (k == 2 and qubits[q, k] >= 0 and owner[qubits[q, k]] != q):
                raise ValueError(f"line {qubits[q, k]} of qubit {q} is not its own")
            if not 0 <= qubits[q, k + 5] < max(n_waves, 1):
                raise ValueError(f"waveform {qubits[q, k + 5]} of qubit {q} is not there")
        for k in range(n_qubits):
            if not -1 <= couplers[q, k] < n_pairs:
                raise ValueError(f"qubits {q}, {k} have coupler {couplers[q, k]} of {n_pairs}")
        if not -most < offsets[q] < most:
            raise ValueError(f"offset {offsets[q]} of qubit {q} has over 59 bits")
    for k in range(n_pairs):
        if not (0 <= pairs[k, 0] < lengths.shape[0] and -1 <= pairs[k, 1] < n_lines and 0 <= pairs[k, 2] < max(n_waves, 1)
                and 0 <= pairs[k, 3] < n_qubits and 0 <= pairs[k, 4] < n_qubits) or lengths[pairs[k, 0], 1]:
            raise ValueError(f"coupler {k} names what is not there")
    return 0
