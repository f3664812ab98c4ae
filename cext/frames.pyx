"""Plays and captures of timed straight lines: each frame's frequency and phase is kept, each start becomes a tick."""

from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t

from qctl.cext.frame_steps cimport _IMM, add, carrier, length, operand, set_frame, ticks, walk_t
from qctl.cext.opcodes cimport OP_CAPTURE, OP_CZ, OP_MEASURE, OP_PLAY, OP_RZ, OP_SHIFT_PHASE, OP_SX
from qctl.cext.straight cimport Capture, Play, Row, wide_load, wide_seconds, wide_store, wide_t, wide_zero
from qctl.cext.straight import check, check_values

FAULTS = ("", "reach", "line")
"""What is reported as `fault`: an index into this tuple."""

cdef enum:
    # columns of the tables of qubits and pairs
    _DRIVE = 2
    _READOUT = 3
    _DELAY = 6
    _SX_WAVE = 7
    _READOUT_WAVE = 8
    _WIDTH = 9
    _PAIR = 5


cdef int _walk(
    walk_t* on, const Row* rows, const int32_t* order, const int64_t* starts, Py_ssize_t n_items, wide_t shift,
    Py_ssize_t point, Py_ssize_t waves_stride, Play* plays, int32_t* play_rows, Capture* captures, double* captures_hz,
    int32_t* capture_rows, double* end_s, int64_t* item
) noexcept nogil:
    """Write the plays and captures of one point; return a fault."""
    cdef Py_ssize_t k, line, pair, n_plays = 0, n_captures = 0
    cdef const Row* row
    cdef wide_t start, end, own, last = wide_zero()
    cdef int32_t q
    cdef bint fine = True
    for k in range(on.n_states):
        on.state[2 * k] = on.states_hz[k]
        on.state[2 * k + 1] = 0.0
    for k in range(n_items):
        item[0] = order[k]
        row = rows + order[k]
        start = wide_load(starts + 2 * k) + shift
        end = wide_zero()
        if row.op == OP_RZ:
            line = on.qubits[_WIDTH * on.places[row.a] + _DRIVE]
            if line < 0:
                return 2
            on.state[2 * line + 1] -= operand(on, row, point)
            continue
        if row.op == OP_SX:
            q = on.places[row.a]
            line = on.qubits[_WIDTH * q + _DRIVE]
            own = length(on, on.qubits[_WIDTH * q + 4], point)
            fine = add(on, plays + n_plays, line, line, on.qubits[_WIDTH * q + _SX_WAVE], on.volts[2 * q], start,
                       own, point)
            end = start + own
        elif row.op == OP_CZ:
            pair = on.couplers[on.places[row.a] * on.n_qubits + on.places[row.b]]
            if pair < 0 or on.pairs[_PAIR * pair + 1] < 0:
                return 2
            line = on.pairs[_PAIR * pair + 1]
            own = length(on, on.pairs[_PAIR * pair], point)
            fine = add(on, plays + n_plays, line, line, on.pairs[_PAIR * pair + 2], on.pair_values[3 * pair],
                       start, own, point)
            end = start + own
            line = on.qubits[_WIDTH * on.pairs[_PAIR * pair + 3] + _DRIVE]
            if line >= 0:
                on.state[2 * line + 1] -= on.pair_values[3 * pair + 1]
            line = on.qubits[_WIDTH * on.pairs[_PAIR * pair + 4] + _DRIVE]
            if line >= 0:
                on.state[2 * line + 1] -= on.pair_values[3 * pair + 2]
        elif row.op == OP_MEASURE:
            q = on.places[row.a]
            line = on.qubits[_WIDTH * q + _READOUT]
            own = length(on, on.qubits[_WIDTH * q + _DELAY], point)
            end = length(on, on.qubits[_WIDTH * q + 5], point)
            fine = add(on, plays + n_plays, line, line, on.qubits[_WIDTH * q + _READOUT_WAVE],
                       on.volts[2 * q + 1], start, end - own, point)
            if not fine:
                return 1
            end = start + end
            start = start + own
            captures[n_captures].port = <uint32_t> line
            captures[n_captures].capture = <uint32_t> n_captures
            captures[n_captures].start = ticks(on, start, line, point)
            captures_hz[n_captures] = plays[n_plays].frequency_hz
            capture_rows[n_captures] = order[k]
            n_captures += 1
        elif row.op == OP_PLAY:
            line = on.frames[row.a]
            own = length(on, on.waves[row.b], point)
            fine = add(on, plays + n_plays, line, on.frame_states[row.a],
                       on.wave_numbers[row.b * waves_stride + (point if waves_stride > 1 else 0)],
                       on.values[row.c * on.n_points + point], start, own, point)
            end = start + own
        elif row.op == OP_CAPTURE:
            line = on.frames[row.a]
            fine = carrier(on, line, on.frame_states[row.a], &captures_hz[n_captures])
            captures[n_captures].port = <uint32_t> line
            captures[n_captures].capture = <uint32_t> n_captures
            captures[n_captures].start = ticks(on, start, line, point)
            capture_rows[n_captures] = order[k]
            n_captures += 1
            end = start + length(on, on.captures[row.b], point)
        elif row.op >= OP_SHIFT_PHASE:
            set_frame(on, row, start, point)
            continue
        else:
            continue
        if not fine:
            return 1
        if row.op != OP_CAPTURE:
            play_rows[n_plays] = order[k]
            n_plays += 1
        if end > last:
            last = end
    end_s[0] = wide_seconds(last, on.unit)
    return 0


cdef void _all(
    walk_t* on, const Row[::1] rows, const int64_t[::1] bounds, const int32_t[::1] order, const int64_t[:, ::1] counts,
    const int64_t[:, ::1] starts, const int64_t[:, ::1] shifts, Py_ssize_t waves_stride, Play* plays,
    int32_t* play_rows, Capture* made, double* made_hz, int32_t* made_rows, double[::1] ends_s, int64_t[::1] fault
) noexcept nogil:
    cdef Py_ssize_t s, p, k
    cdef int64_t first, n, item = 0
    cdef int found
    for k in range(on.n_lines):
        wide_store(on.residuals + 2 * k, wide_zero())
    for s in range(bounds.shape[0] - 1):
        first = bounds[s]
        n = bounds[s + 1] - first
        for p in range(on.n_points):
            k = s * on.n_points + p
            if not n:
                ends_s[k] = 0.0
                continue
            found = _walk(on, &rows[first], &order[first], &starts[first * on.n_points + p * n, 0], counts[s, 0],
                          wide_load(&shifts[k, 0]), p, waves_stride, plays, play_rows, made, made_hz, made_rows,
                          &ends_s[k], &item)
            if found:
                fault[0] = found
                fault[1] = k
                fault[2] = item
                return
            plays += counts[s, 1]
            play_rows += counts[s, 1]
            made += counts[s, 2]
            made_hz += counts[s, 2]
            made_rows += counts[s, 2]


def walk(
    const Row[::1] rows not None, const int64_t[::1] bounds not None, const uint32_t[::1] words not None,
    const int32_t[::1] places not None, const int32_t[::1] qubit_lines not None, const int32_t[:, ::1] qubits not None,
    const int32_t[:, ::1] couplers not None, const int32_t[:, ::1] pairs not None, const int32_t[:, ::1] lines not None,
    const int32_t[::1] frames not None, const int32_t[::1] waves not None, const int32_t[::1] captures not None,
    const int64_t[:, ::1] lengths not None, const int64_t[:, :, ::1] swept not None, Py_ssize_t n_points,
    const double[:, ::1] volts not None, const double[:, ::1] pair_values not None,
    const double[:, ::1] carriers not None, const int64_t[:, ::1] clocks not None,
    const int32_t[::1] frame_states not None, const double[::1] states_hz not None,
    const uint32_t[:, ::1] wave_numbers not None, const double[:, ::1] values not None,
    const int32_t[::1] order not None, const int64_t[:, ::1] counts not None, const int64_t[:, ::1] starts not None,
    const int64_t[:, ::1] shifts not None, const int64_t[::1] unit not None, double[:, ::1] state not None,
    Play[::1] plays not None, int64_t[::1] lasts not None, int32_t[::1] play_rows not None, Capture[::1] made not None,
    double[::1] made_hz not None, int32_t[::1] made_rows not None, double[::1] ends_s not None,
    int64_t[:, ::1] residuals not None, int64_t[::1] fault not None,
):
    """Write the plays and captures of all points of many timed straight lines.

    Parameters
    ----------
    rows, bounds, words, places, qubit_lines, qubits, couplers, pairs, lines, frames, waves, captures, lengths, swept
        As `straight.check` takes them.
    n_points : int
        Points of each sequence.
    volts : (n_qubits, 2) float64
        Amplitudes of sx and of readout.
    pair_values : (n_couplers, 3) float64
        Amplitude of cz, and the z turns of its two qubits behind it.
    carriers : (n_lines, 3) float64
        Frequency of the LO in hertz, clock in hertz, and whether there is an LO.
    clocks : (n_lines, 4) int64
        A start of t units is at tick t * num / den: num and den, 128 bits each.
    frame_states : (n_frames,) int32, states_hz : (n_states,) float64
        Which frequency and phase each port and frame of the program has, and all frequencies at the start; those of the
        lines themselves come first.
    wave_numbers : (n_waveform columns, 1 or n_points) uint32
        Waveform of each column.
    values : (n_values, n_points) float64
        What rows without an immediate number index.
    order, counts, starts
        As `schedule.schedule` filled them.
    shifts : (n_sequences * n_points, 2) int64
        Added to all starts of a point.
    unit : (2,) int64
        Units of time in a second, 128 bits.
    state : (n_states, 2) float64
        For work.
    plays, lasts, play_rows : (n_plays,) PLAY, int64, int32
        Filled, point by point: plays, the ticks of each to that of its end, and its row.
    made, made_hz, made_rows : (n_captures,) CAPTURE, float64, int32
        Filled: captures, their intermediate frequency, and the row of each.
    ends_s : (n_sequences * n_points,) float64
        Filled with the end of each point's last play or capture.
    residuals : (n_lines, 2) int64
        Filled with the largest error of a tick, in parts of `den`.
    fault : (3,) int64
        Filled with an index into `FAULTS`, the point, and the row in its sequence.

    Returns
    -------
    ragged : bool
        Whether the length of any play is no whole number of ticks.

    Raises
    ------
    ValueError
        If shapes don't fit, or a row names something that is not there.
    """
    cdef walk_t on
    cdef Py_ssize_t s, k, p, n, n_sequences, n_lines = lines.shape[0], n_states = states_hz.shape[0]
    cdef int64_t n_plays, n_captures, n_all_plays = 0, n_all_captures = 0
    cdef uint16_t op
    cdef Play* all_plays
    cdef int32_t* all_play_rows
    cdef Capture* all_made
    cdef double* all_made_hz
    cdef int32_t* all_made_rows
    check(rows, bounds, words, places, qubit_lines, qubits, couplers, pairs, lines, frames, waves, captures, lengths,
          swept, n_points)
    n_sequences = bounds.shape[0] - 1
    check_values(n_points, qubits.shape[0], pairs.shape[0], n_lines, frames.shape[0], waves.shape[0], volts, pair_values,
                 carriers, clocks, frame_states, states_hz, wave_numbers, values, residuals)
    for k in range(rows.shape[0]):
        if rows[k].op == OP_PLAY and rows[k].c >= values.shape[0]:
            raise ValueError(f"row {k} has value {rows[k].c} of {values.shape[0]}")
        if (rows[k].op == OP_RZ or rows[k].op >= OP_SHIFT_PHASE) and not rows[k].flags & _IMM and rows[k].b >= values.shape[0]:
            raise ValueError(f"row {k} has value {rows[k].b} of {values.shape[0]}")
    if order.shape[0] != rows.shape[0] or starts.shape[0] != rows.shape[0] * n_points or starts.shape[1] != 2:
        raise ValueError(f"order has {order.shape[0]} rows, starts {starts.shape[0]} x {starts.shape[1]}")
    if counts.shape[0] != n_sequences or counts.shape[1] != 4:
        raise ValueError(f"counts are {counts.shape[0]} x {counts.shape[1]}, not {n_sequences} x 4")
    for s in range(n_sequences):
        n = bounds[s + 1] - bounds[s]
        if not 0 <= counts[s, 0] <= n:
            raise ValueError(f"sequence {s} has {counts[s, 0]} items of {n} rows")
        n_plays = n_captures = 0
        for k in range(counts[s, 0]):
            p = order[bounds[s] + k]
            if not 0 <= p < n:
                raise ValueError(f"item {k} of sequence {s} is row {p} of {n}")
            op = rows[bounds[s] + p].op
            n_plays += op == OP_SX or op == OP_CZ or op == OP_MEASURE or op == OP_PLAY
            n_captures += op == OP_MEASURE or op == OP_CAPTURE
        if n_plays != counts[s, 1] or n_captures != counts[s, 2]:
            raise ValueError(f"sequence {s} has {n_plays} plays, {n_captures} captures, not {counts[s, 1]}, {counts[s, 2]}")
        n_all_plays += n_plays
        n_all_captures += n_captures
    n = n_sequences * n_points
    n_all_plays *= n_points
    if plays.shape[0] != n_all_plays or lasts.shape[0] != n_all_plays or play_rows.shape[0] != n_all_plays:
        raise ValueError(
            f"plays has {plays.shape[0]}, lasts {lasts.shape[0]}, play_rows {play_rows.shape[0]} rows, not {n_all_plays}"
        )
    if made.shape[0] != n_all_captures * n_points or made_hz.shape[0] != made.shape[0] or made_rows.shape[0] != made.shape[0]:
        raise ValueError(f"made has {made.shape[0]} rows, not {n_all_captures * n_points}")
    if shifts.shape[0] != n or shifts.shape[1] != 2 or ends_s.shape[0] != n or unit.shape[0] != 2 or fault.shape[0] != 3:
        raise ValueError(f"shifts are {shifts.shape[0]} x {shifts.shape[1]}, ends_s {ends_s.shape[0]}, not {n}")
    if state.shape[0] != n_states or state.shape[1] != 2:
        raise ValueError(f"state is {state.shape[0]} x {state.shape[1]}, not {n_states} x 2")
    fault[:] = 0
    if not rows.shape[0]:
        ends_s[:] = 0.0
        return False
    on.places = &places[0] if places.shape[0] else NULL
    on.qubits = &qubits[0, 0] if qubits.shape[0] else NULL
    on.volts = &volts[0, 0] if volts.shape[0] else NULL
    on.couplers = &couplers[0, 0] if couplers.shape[0] else NULL
    on.pairs = &pairs[0, 0] if pairs.shape[0] else NULL
    on.pair_values = &pair_values[0, 0] if pairs.shape[0] else NULL
    on.lines = &lines[0, 0] if n_lines else NULL
    on.carriers = &carriers[0, 0] if n_lines else NULL
    on.clocks = &clocks[0, 0] if n_lines else NULL
    on.residuals = &residuals[0, 0] if n_lines else NULL
    on.frames = &frames[0] if frames.shape[0] else NULL
    on.frame_states = &frame_states[0] if frames.shape[0] else NULL
    on.states_hz = &states_hz[0] if n_states else NULL
    on.state = &state[0, 0] if n_states else NULL
    on.waves = &waves[0] if waves.shape[0] else NULL
    on.captures = &captures[0] if captures.shape[0] else NULL
    on.wave_numbers = &wave_numbers[0, 0] if waves.shape[0] else NULL
    on.values = &values[0, 0] if values.shape[0] else NULL
    on.lengths = &lengths[0, 0] if lengths.shape[0] else NULL
    on.swept = &swept[0, 0, 0] if swept.shape[0] else NULL
    on.unit = wide_load(&unit[0])
    on.n_qubits = qubits.shape[0]
    on.ragged = False
    on.n_lines = n_lines
    on.n_states = n_states
    on.n_points = n_points
    on.n_lengths = lengths.shape[0]
    all_plays = &plays[0] if plays.shape[0] else NULL
    on.lasts = &lasts[0] if plays.shape[0] else NULL
    all_play_rows = &play_rows[0] if plays.shape[0] else NULL
    all_made = &made[0] if made.shape[0] else NULL
    all_made_hz = &made_hz[0] if made.shape[0] else NULL
    all_made_rows = &made_rows[0] if made.shape[0] else NULL
    with nogil:
        _all(&on, rows, bounds, order, counts, starts, shifts, wave_numbers.shape[1], all_plays, all_play_rows, all_made,
             all_made_hz, all_made_rows, ends_s, fault)
    return on.ragged
