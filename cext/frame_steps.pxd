"""What a frame is while its line is walked: frequency and phase, and the ticks of what is played in it."""

from libc.math cimport fabs, fmod
from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.string cimport memcpy

from qctl.cext.opcodes cimport OP_SET_PHASE, OP_SHIFT_FREQUENCY, OP_SHIFT_PHASE
from qctl.cext.straight cimport Play, Row, wide_lasts, wide_load, wide_seconds, wide_store, wide_t, wide_ticks

cdef enum:
    _IMM = 1

cdef struct walk_t:
    const int32_t* places
    const int32_t* qubits
    const double* volts
    const int32_t* couplers
    const int32_t* pairs
    const double* pair_values
    const int32_t* lines
    const double* carriers
    const int64_t* clocks
    const int32_t* frames
    const int32_t* frame_states
    const double* states_hz
    const int32_t* waves
    const int32_t* captures
    const uint32_t* wave_numbers
    const double* values
    const int64_t* lengths
    const int64_t* swept
    double* state
    int64_t* residuals
    wide_t unit
    Py_ssize_t n_qubits, n_lines, n_states, n_points, n_lengths
    int64_t* lasts  # of the next play
    bint ragged


cdef inline wide_t length(const walk_t* on, Py_ssize_t index, Py_ssize_t point) noexcept nogil:
    if index < on.n_lengths:
        return wide_load(on.lengths + 2 * index)
    return wide_load(on.swept + 2 * ((index - on.n_lengths) * on.n_points + point))


cdef inline double operand(const walk_t* on, const Row* row, Py_ssize_t point) noexcept nogil:
    """Return the number of a row: its immediate, or a value at this point."""
    cdef double found
    if not row.flags & _IMM:
        return on.values[row.b * on.n_points + point]
    memcpy(&found, <const char*> row + 8, 8)
    return found


cdef inline int64_t ticks(walk_t* on, wide_t start, Py_ssize_t line, Py_ssize_t point) noexcept nogil:
    """Return a start in ticks of a line's clock, and keep the largest error."""
    cdef wide_t error, worst = wide_load(on.residuals + 2 * line)
    cdef int64_t found = wide_ticks(start + length(on, on.lines[3 * line + 2], point), wide_load(on.clocks + 4 * line),
                                    wide_load(on.clocks + 4 * line + 2), &error)
    if error > worst:
        wide_store(on.residuals + 2 * line, error)
    return found


cdef inline bint carrier(walk_t* on, Py_ssize_t line, Py_ssize_t state, double* if_hz) noexcept nogil:
    """Return a frame's frequency less that of the line's LO; false if the line can't reach it."""
    cdef double hz = on.state[2 * state]
    if on.carriers[3 * line + 2] == 0.0 and hz == 0.0:
        if_hz[0] = 0.0
        return True
    if_hz[0] = hz - on.carriers[3 * line]
    return fabs(if_hz[0]) < 0.5 * on.carriers[3 * line + 1]


cdef inline bint add(
    walk_t* on, Play* play, Py_ssize_t line, Py_ssize_t state, uint32_t wave, double volts, wide_t start, wide_t own,
    Py_ssize_t point
) noexcept nogil:
    if line < 0:
        return False
    play.port = <uint32_t> line
    play.waveform = wave
    play.start = ticks(on, start, line, point)
    on.lasts[0] = wide_lasts(start + length(on, on.lines[3 * line + 2], point), own, wide_load(on.clocks + 4 * line),
                             wide_load(on.clocks + 4 * line + 2), play.start, &on.ragged)
    on.lasts += 1
    play.amplitude = volts
    play.phase_rad = on.state[2 * state + 1]
    cdef double if_hz
    cdef bint fine = carrier(on, line, state, &if_hz)
    play.frequency_hz = if_hz
    return fine


cdef inline void set_frame(walk_t* on, const Row* row, wide_t start, Py_ssize_t point) noexcept nogil:
    cdef Py_ssize_t line = on.frames[row.a]
    cdef double* state = on.state + 2 * on.frame_states[row.a]
    cdef double value = operand(on, row, point), wanted, turns
    if row.op == OP_SHIFT_PHASE:
        state[1] += value
    elif row.op == OP_SET_PHASE:
        state[1] = value
    else:
        wanted = state[0] + value if row.op == OP_SHIFT_FREQUENCY else value
        # The phase runs on without a jump, so the extrapolation to time zero changes.
        turns = (wanted - state[0]) * wide_seconds(start + length(on, on.lines[3 * line + 2], point), on.unit)
        turns = fmod(turns, 1.0)
        if turns < 0.0:
            turns += 1.0
        state[1] += 6.283185307179586 * turns
        state[0] = wanted
