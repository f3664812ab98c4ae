"""Straight lines of instructions and the tables of a processor that they are timed with: all indices checked once."""

from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t

from qctl.cext.bounds cimport check_bounds
from qctl.cext.opcodes cimport (
    OP_BARRIER, OP_CAPTURE, OP_CZ, OP_DELAY, OP_MEASURE, OP_PLAY, OP_RESET, OP_RZ, OP_SET_FREQUENCY, OP_SHIFT_PHASE,
    OP_SX)

QUBIT = ("begin", "end", "drive", "readout", "sx length", "measure length", "delay", "sx wave", "readout wave")
"""Columns of the table of qubits."""
PAIR = ("length", "line", "wave", "low qubit", "high qubit")
"""Columns of the table of couplers."""
LINE = ("record line", "qubit", "delay")
"""Columns of the table of lines."""

cdef uint32_t _PORT = 0x40000000u


cdef Py_ssize_t _wrong(
    const Row[::1] rows, const uint32_t[::1] words, Py_ssize_t n_qubits, Py_ssize_t n_frames, Py_ssize_t n_waves,
    Py_ssize_t n_captures, Py_ssize_t n_lengths
) noexcept nogil:
    """Return the first row that names something that is not there, or -1."""
    cdef Py_ssize_t k, j, n_words = words.shape[0]
    cdef uint32_t word
    cdef const Row* row
    for k in range(rows.shape[0]):
        row = &rows[k]
        if row.op == OP_SX or row.op == OP_RZ or row.op == OP_MEASURE or row.op == OP_RESET:
            if row.a >= n_qubits:
                return k
        elif row.op == OP_BARRIER:
            if row.a > n_words or row.b > n_words - row.a:
                return k
            for j in range(row.b):
                word = words[row.a + j]
                if (word & ~_PORT) >= (n_frames if word & _PORT else n_qubits):
                    return k
        elif row.op == OP_CZ:
            if row.a >= n_qubits or row.b >= n_qubits or row.a == row.b:
                return k
        elif row.op == OP_DELAY:
            if (row.a & ~_PORT) >= (n_frames if row.a & _PORT else n_qubits) or row.b >= n_lengths:
                return k
        elif row.op == OP_PLAY:
            if row.a >= n_frames or row.b >= n_waves:
                return k
        elif row.op == OP_CAPTURE:
            if row.a >= n_frames or row.b >= n_captures:
                return k
        elif row.op > OP_SET_FREQUENCY or (row.op >= OP_SHIFT_PHASE and row.a >= n_frames):
            return k
    return -1


def check(
    const Row[::1] rows not None, const int64_t[::1] bounds not None, const uint32_t[::1] words not None,
    const int32_t[::1] places not None, const int32_t[::1] qubit_lines not None, const int32_t[:, ::1] qubits not None,
    const int32_t[:, ::1] couplers not None, const int32_t[:, ::1] pairs not None, const int32_t[:, ::1] lines not None,
    const int32_t[::1] frames not None, const int32_t[::1] waves not None, const int32_t[::1] captures not None,
    const int64_t[:, ::1] lengths not None, const int64_t[:, :, ::1] swept not None, Py_ssize_t n_points,
):
    """Refuse rows and tables that name something that is not there.

    Parameters
    ----------
    rows : (n_rows,) INSTRUCTION
        rz, sx, cz, measure, reset, delay, barrier, play, capture and frame instructions of all sequences, with numbers as
        IMM. A delay's b is the index of its length, a play's b a column of waveforms, a capture's b its number.
    bounds : (n_sequences + 1,) int64
        Rows of sequence s are ``rows[bounds[s]:bounds[s + 1]]``.
    words : (n_words,) uint32
        Symbols of the barriers.
    places : (n,) int32
        Physical qubit of each of the program's qubits.
    qubit_lines : (n,) int32
        Lines that a qubit's gates occupy, one qubit after the other.
    qubits : (n_qubits, len(QUBIT)) int32
        Where its lines begin and end, its drive and readout line or -1, and indices of lengths and waveforms.
    couplers : (n_qubits, n_qubits) int32
        Index of the coupler of each pair, or -1.
    pairs : (n_couplers, len(PAIR)) int32
        Index of a gate's length, line that plays it or -1, waveform, and its qubits.
    lines : (n_lines, len(LINE)) int32
        Line that records what comes back or -1, qubit that it belongs to or -1, and index of its delay.
    frames : (n_frames,) int32
        Line of each port and frame of the program.
    waves, captures : int32
        Index of the length of each column of waveforms, and of each capture.
    lengths : (n_lengths, 2) int64, swept : (n_swept, n_points, 2) int64
        Whole numbers of 128 bits, low half first; indices go on from one table into the other.
    n_points : int
        Points of each sequence.

    Raises
    ------
    ValueError
        With the row or table that is wrong.
    """
    cdef Py_ssize_t k, j, n_all = lengths.shape[0] + swept.shape[0], n_qubits = qubits.shape[0]
    cdef Py_ssize_t n_lines = lines.shape[0], n_pairs = pairs.shape[0], n_sequences = bounds.shape[0] - 1
    check_bounds(bounds, rows.shape[0], "", "sequence")
    if qubits.shape[1] != 9 or pairs.shape[1] != 5 or lines.shape[1] != 3 or lengths.shape[1] != 2:
        raise ValueError(
            f"columns are {qubits.shape[1]}, {pairs.shape[1]}, {lines.shape[1]}, {lengths.shape[1]}, not 9, 5, 3, 2"
        )
    if n_points < 1 or (swept.shape[0] and (swept.shape[1] != n_points or swept.shape[2] != 2)):
        raise ValueError(f"swept is {swept.shape[0]} x {swept.shape[1]} x {swept.shape[2]}, n_points {n_points}")
    if couplers.shape[0] != n_qubits or (n_qubits and couplers.shape[1] != n_qubits):
        raise ValueError(f"couplers are {couplers.shape[0]} x {couplers.shape[1]}, not {n_qubits} x {n_qubits}")
    for k in range(n_qubits):
        if not 0 <= qubits[k, 0] <= qubits[k, 1] <= qubit_lines.shape[0]:
            raise ValueError(f"lines {qubits[k, 0]} … {qubits[k, 1]} of qubit {k} are outside {qubit_lines.shape[0]}")
        if not (-1 <= qubits[k, 2] < n_lines and -1 <= qubits[k, 3] < n_lines):
            raise ValueError(f"lines {qubits[k, 2]}, {qubits[k, 3]} of qubit {k} are outside {n_lines}")
        for j in range(4, 7):
            if not 0 <= qubits[k, j] < n_all:
                raise ValueError(f"length {qubits[k, j]} of qubit {k} is outside {n_all}")
        for j in range(n_qubits):
            if not -1 <= couplers[k, j] < n_pairs:
                raise ValueError(f"coupler {couplers[k, j]} of qubits {k}, {j} is outside {n_pairs}")
    for k in range(n_pairs):
        if not (0 <= pairs[k, 0] < n_all and -1 <= pairs[k, 1] < n_lines):
            raise ValueError(f"coupler {k} has length {pairs[k, 0]} of {n_all}, line {pairs[k, 1]} of {n_lines}")
        if not (0 <= pairs[k, 3] < n_qubits and 0 <= pairs[k, 4] < n_qubits):
            raise ValueError(f"coupler {k} has qubits {pairs[k, 3]}, {pairs[k, 4]} of {n_qubits}")
    for k in range(n_lines):
        if not (-1 <= lines[k, 0] and -1 <= lines[k, 1] < n_qubits and 0 <= lines[k, 2] < n_all):
            raise ValueError(f"line {k} has {lines[k, 0]}, {lines[k, 1]}, {lines[k, 2]}")
    for k in range(frames.shape[0]):
        if not 0 <= frames[k] < n_lines:
            raise ValueError(f"frame {k} is on line {frames[k]} of {n_lines}")
    for k in range(waves.shape[0]):
        if not 0 <= waves[k] < n_all:
            raise ValueError(f"waveform {k} has length {waves[k]} of {n_all}")
    for k in range(captures.shape[0]):
        if not 0 <= captures[k] < n_all:
            raise ValueError(f"capture {k} has length {captures[k]} of {n_all}")
    for k in range(places.shape[0]):
        if not 0 <= places[k] < n_qubits:
            raise ValueError(f"place {places[k]} of qubit {k} is outside {n_qubits}")
    k = _wrong(rows, words, places.shape[0], frames.shape[0], waves.shape[0], captures.shape[0], n_all)
    if k >= 0:
        raise ValueError(
            f"row {k} (op {rows[k].op:#x}, {rows[k].a}, {rows[k].b}) names what is not there: there are {places.shape[0]} "
            f"qubits, {frames.shape[0]} frames, {waves.shape[0]} waveforms, {captures.shape[0]} captures"
        )


def check_values(
    Py_ssize_t n_points, Py_ssize_t n_qubits, Py_ssize_t n_pairs, Py_ssize_t n_lines, Py_ssize_t n_frames,
    Py_ssize_t n_waves, const double[:, ::1] volts not None, const double[:, ::1] pair_values not None,
    const double[:, ::1] carriers not None, const int64_t[:, ::1] clocks not None,
    const int32_t[::1] frame_states not None, const double[::1] states_hz not None,
    const uint32_t[:, ::1] wave_numbers not None, const double[:, ::1] values not None,
    const int64_t[:, ::1] residuals not None,
):
    """Refuse tables of numbers that don't fit the tables of indices; `frames.walk` says what they are.

    Raises
    ------
    ValueError
        With the table that is wrong.
    """
    cdef Py_ssize_t k
    if volts.shape[0] != n_qubits or volts.shape[1] != 2 or pair_values.shape[0] != n_pairs or pair_values.shape[1] != 3:
        raise ValueError(
            f"volts are {volts.shape[0]} x {volts.shape[1]}, not {n_qubits} x 2; pair_values {pair_values.shape[0]} x "
            f"{pair_values.shape[1]}, not {n_pairs} x 3"
        )
    if carriers.shape[0] != n_lines or carriers.shape[1] != 3 or clocks.shape[0] != n_lines or clocks.shape[1] != 4:
        raise ValueError(
            f"carriers are {carriers.shape[0]} x {carriers.shape[1]}, clocks {clocks.shape[0]} x {clocks.shape[1]}, not "
            f"{n_lines} x 3 and 4"
        )
    for k in range(n_lines):
        if clocks[k, 1] < 0 or clocks[k, 3] < 0 or not (clocks[k, 0] or clocks[k, 1]) or not (clocks[k, 2] or clocks[k, 3]):
            raise ValueError(f"clock {k} is not above 0")
    if residuals.shape[0] != n_lines or residuals.shape[1] != 2:
        raise ValueError(f"residuals are {residuals.shape[0]} x {residuals.shape[1]}, not {n_lines} x 2")
    if frame_states.shape[0] != n_frames or states_hz.shape[0] < n_lines:
        raise ValueError(f"frame_states has {frame_states.shape[0]}, states_hz {states_hz.shape[0]} rows")
    for k in range(n_frames):
        if not 0 <= frame_states[k] < states_hz.shape[0]:
            raise ValueError(f"frame {k} has state {frame_states[k]} of {states_hz.shape[0]}")
    if wave_numbers.shape[0] != n_waves or (wave_numbers.shape[1] != 1 and wave_numbers.shape[1] != n_points):
        raise ValueError(f"wave_numbers are {wave_numbers.shape[0]} x {wave_numbers.shape[1]}, not {n_waves} x {n_points}")
    if values.shape[0] and values.shape[1] != n_points:
        raise ValueError(f"values are {values.shape[0]} x {values.shape[1]}, n_points {n_points}")
