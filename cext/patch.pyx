"""Patch timed lines of gates: changed angles become phases of plays, and which of these changed is noted."""

from libc.math cimport isfinite
from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t
from libc.stdlib cimport qsort
from libc.string cimport memcpy

import numpy as np

from qctl.cext.opcodes cimport OP_BARRIER, OP_CZ, OP_DELAY, OP_MEASURE, OP_NOP, OP_RESET, OP_RZ, OP_SX
from qctl.cext.straight cimport Play, Row

cdef enum:
    _IMM = 1
    # columns of the tables of qubits and pairs
    _DRIVE = 2
    _READOUT = 3
    _WIDTH = 9
    _PAIR = 5


cdef inline int64_t put(Play* play, double phase_rad) noexcept nogil:
    """Set a play's phase; return whether its bits changed."""
    cdef int64_t old, new
    memcpy(&old, &play.phase_rad, 8)
    memcpy(&new, &phase_rad, 8)
    play.phase_rad = phase_rad
    return old != new


cdef inline Py_ssize_t line_of(const lines_t* on, const Row* row) noexcept nogil:
    """Return the line that a row plays on, or -1 if it plays nothing."""
    if row.op == OP_SX:
        return on.qubits[_WIDTH * on.places[row.a] + _DRIVE]
    if row.op == OP_MEASURE:
        return on.qubits[_WIDTH * on.places[row.a] + _READOUT]
    if row.op == OP_CZ:
        return on.pairs[_PAIR * on.couplers[on.places[row.a] * on.n_qubits + on.places[row.b]] + 1]
    return -1


cdef inline void turn_by(const lines_t* on, const Row* row) noexcept nogil:
    """Turn the phases of lines by an rz, or by what is behind a cz."""
    cdef Py_ssize_t pair, line
    cdef double angle
    if row.op == OP_RZ:
        memcpy(&angle, <const char*> row + 8, 8)
        on.phases[on.qubits[_WIDTH * on.places[row.a] + _DRIVE]] -= angle
    elif row.op == OP_CZ:
        pair = on.couplers[on.places[row.a] * on.n_qubits + on.places[row.b]]
        line = on.qubits[_WIDTH * on.pairs[_PAIR * pair + 3] + _DRIVE]
        if line >= 0:
            on.phases[line] -= on.pair_values[3 * pair + 1]
        line = on.qubits[_WIDTH * on.pairs[_PAIR * pair + 4] + _DRIVE]
        if line >= 0:
            on.phases[line] -= on.pair_values[3 * pair + 2]


cdef int64_t _again(
    const lines_t* on, const Row* rows, const int32_t* order, int64_t n_items, int64_t from_item, Play* plays, int64_t play,
    int64_t first, int64_t* changed
) noexcept nogil:
    """Give the plays of one line of gates behind an item their phases on the lines that turn, in the order in which
    `frames.walk` does; note those whose bits change, and return how many they are.

    A play has the phase that its line had there, so the last ones before the item tell what the sums were.
    """
    cdef int64_t k = from_item, n_changed = 0, left = on.n_turning
    cdef Py_ssize_t j, line
    for j in range(on.n_turning):
        on.phases[on.turning[j]] = 0.0
        on.turns[on.turning[j]] = 1
    while k > 0 and left:
        k -= 1
        line = line_of(on, rows + order[k])
        if line >= 0:
            play -= 1
            if on.turns[line] == 1:
                on.turns[line] = 2
                left -= 1
    while k < from_item:
        line = line_of(on, rows + order[k])
        if line >= 0:
            if on.turns[line]:
                on.phases[line] = plays[play].phase_rad
            play += 1
        turn_by(on, rows + order[k])
        k += 1
    while k < n_items:
        line = line_of(on, rows + order[k])
        if line >= 0:
            if on.turns[line] and put(plays + play, on.phases[line]):
                changed[n_changed] = first + play
                n_changed += 1
            play += 1
        turn_by(on, rows + order[k])
        k += 1
    for j in range(on.n_turning):
        on.turns[on.turning[j]] = 0
    return n_changed


cdef int _earlier(const void* a, const void* b) noexcept nogil:
    cdef int64_t x = (<const int64_t*> a)[0], y = (<const int64_t*> b)[0]
    return (x > y) - (x < y)


cdef class Turns:
    """Timed lines of gates, whose angles may be set anew.

    The arrays are checked once and held, so that a change costs what it touches: gates behind the ones that turn, and as
    many before them as tell the phases there.

    Attributes
    ----------
    n_points : int
        Sequences of which any play changed its phase by the last call of `turn`.
    n_changed : int
        Plays that did.
    lines : int
        Bit k is set if line k turned.

    Parameters
    ----------
    rows, bounds, places, qubits, couplers, pairs
        As `straight.check` takes them; nop, barrier, measure, reset, delay, rz with a number, sx and cz alone.
    pair_values : (n_couplers, 3) float64
        Amplitude of cz, and the z turns of its two qubits behind it.
    n_lines : int
        Lines of the processor.
    order, counts
        As `schedule.schedule` filled them.
    plays : (n_plays,) PLAY
        As `frames.walk` filled them, with one point a sequence.

    Raises
    ------
    ValueError
        If shapes don't fit, or there is another instruction.
    """

    def __init__(
        self, Row[::1] rows not None, const int64_t[::1] bounds not None, const int32_t[::1] places not None,
        const int32_t[:, ::1] qubits not None, const int32_t[:, ::1] couplers not None,
        const int32_t[:, ::1] pairs not None, const double[:, ::1] pair_values not None, Py_ssize_t n_lines,
        const int32_t[::1] order not None, const int64_t[:, ::1] counts not None, Play[::1] plays not None,
    ):
        cdef Py_ssize_t s, k, n, p, q, pair, n_sequences = bounds.shape[0] - 1, n_qubits = qubits.shape[0]
        cdef int64_t n_plays, at = 0
        cdef uint16_t op
        if n_sequences < 0 or bounds[0] != 0 or bounds[n_sequences] != rows.shape[0] or order.shape[0] != rows.shape[0]:
            raise ValueError(
                f"bounds of {bounds.shape[0]} rows don't end at {rows.shape[0]} rows, or order has {order.shape[0]}"
            )
        if counts.shape[0] != n_sequences or counts.shape[1] != 4:
            raise ValueError(f"counts are {counts.shape[0]} x {counts.shape[1]}, not {n_sequences} x 4")
        if qubits.shape[1] != _WIDTH or pairs.shape[1] != _PAIR or couplers.shape[0] != n_qubits or couplers.shape[1] != n_qubits:
            raise ValueError(
                f"qubits have {qubits.shape[1]} columns, pairs {pairs.shape[1]}, couplers are {couplers.shape[0]} x "
                f"{couplers.shape[1]}, not {_WIDTH}, {_PAIR}, {n_qubits} x {n_qubits}"
            )
        if pair_values.shape[0] != pairs.shape[0] or pair_values.shape[1] != 3:
            raise ValueError(f"pair_values are {pair_values.shape[0]} x {pair_values.shape[1]}, not {pairs.shape[0]} x 3")
        for k in range(places.shape[0]):
            if not 0 <= places[k] < n_qubits:
                raise ValueError(f"qubit {k} has place {places[k]} of {n_qubits}")
        for k in range(n_qubits):
            if not (-1 <= qubits[k, _DRIVE] < n_lines and -1 <= qubits[k, _READOUT] < n_lines):
                raise ValueError(f"qubit {k} has lines {qubits[k, _DRIVE]}, {qubits[k, _READOUT]} of {n_lines}")
            for q in range(n_qubits):
                if not -1 <= couplers[k, q] < pairs.shape[0]:
                    raise ValueError(f"qubits {k}, {q} have coupler {couplers[k, q]} of {pairs.shape[0]}")
        for k in range(pairs.shape[0]):
            if not (-1 <= pairs[k, 1] < n_lines and 0 <= pairs[k, 3] < n_qubits and 0 <= pairs[k, 4] < n_qubits):
                raise ValueError(f"coupler {k} has line {pairs[k, 1]}, qubits {pairs[k, 3]}, {pairs[k, 4]}")
        self.play_bounds = np.zeros(n_sequences + 1, np.int64)
        self.items = np.full(rows.shape[0], -1, np.int32)
        self.before = np.zeros(rows.shape[0], np.int32)
        for s in range(n_sequences):
            n = bounds[s + 1] - bounds[s]
            if n < 0 or not 0 <= counts[s, 0] <= n:
                raise ValueError(f"sequence {s} has {counts[s, 0]} items of {n} rows")
            n_plays = 0
            for k in range(counts[s, 0]):
                p = order[bounds[s] + k]
                if not 0 <= p < n:
                    raise ValueError(f"item {k} of sequence {s} is row {p} of {n}")
                p += bounds[s]
                self.items[p] = k
                self.before[p] = n_plays
                op = rows[p].op
                if op == OP_RZ or op == OP_SX or op == OP_MEASURE or op == OP_CZ:
                    if rows[p].a >= <uint32_t> places.shape[0] or (op == OP_CZ and rows[p].b >= <uint32_t> places.shape[0]):
                        raise ValueError(f"row {p} has a qubit over {places.shape[0]}")
                    q = places[rows[p].a]
                    if op == OP_RZ and not rows[p].flags & _IMM:
                        raise ValueError(f"row {p} has an angle that is no number")
                    if op == OP_CZ:
                        pair = couplers[q, places[rows[p].b]]
                        if pair < 0 or pairs[pair, 1] < 0:
                            raise ValueError(f"row {p} has no line")
                    elif qubits[q, _READOUT if op == OP_MEASURE else _DRIVE] < 0:
                        raise ValueError(f"row {p} has no line")
                    n_plays += op != OP_RZ
                elif op != OP_NOP and op != OP_BARRIER and op != OP_RESET and op != OP_DELAY:
                    raise ValueError(f"row {p} has opcode {op:#x}, whose phases are not kept here")
            at += n_plays
            self.play_bounds[s + 1] = at
        if plays.shape[0] != at:
            raise ValueError(f"plays has {plays.shape[0]} rows, not {at}")
        self.rows, self.bounds, self.order, self.counts, self.plays = rows, bounds, order, counts, plays
        self.places, self.qubits, self.couplers = places, qubits, couplers
        self.pairs, self.pair_values = pairs, pair_values
        self.phases = np.zeros(max(n_lines, 1))
        self.turns = np.zeros(max(n_lines, 1), np.int8)
        self.turning = np.empty(max(n_lines, 1), np.int32)
        self.starts = np.full(max(n_sequences, 1), -1, np.int64)
        self.points = np.empty(max(n_sequences, 1), np.int64)
        self.changed_bounds = np.zeros(n_sequences + 1, np.int64)
        self.changed = np.empty(max(at, 1), np.int64)
        self.n_points = self.n_changed = 0
        self.lines = 0
        self.on.places = &places[0] if places.shape[0] else NULL
        self.on.qubits = &qubits[0, 0] if n_qubits else NULL
        self.on.couplers = &couplers[0, 0] if n_qubits else NULL
        self.on.pairs = &pairs[0, 0] if pairs.shape[0] else NULL
        self.on.pair_values = &pair_values[0, 0] if pairs.shape[0] else NULL
        self.on.phases = &self.phases[0]
        self.on.turns = &self.turns[0]
        self.on.turning = &self.turning[0]
        self.on.n_qubits = n_qubits
        self.on.n_lines = n_lines

    def turn(self, const int64_t[::1] gates not None, const double[::1] radians not None):
        """Set angles of rz, and give the plays behind them their phases.

        Parameters
        ----------
        gates : (n,) int64
            Rows, in any order.
        radians : (n,) float64
            New angles.

        Raises
        ------
        ValueError
            If a row is no rz or is not there, or an angle is not finite; nothing was changed.
        """
        cdef Py_ssize_t k, low, high, middle, row, n = gates.shape[0], n_found = 0, n_points = 0
        cdef int64_t gate, n_changed = 0, n_own
        cdef int32_t line
        if radians.shape[0] != n:
            raise ValueError(f"there are {n} gates, {radians.shape[0]} angles")
        for k in range(n):
            gate = gates[k]
            if not 0 <= gate < self.rows.shape[0] or self.rows[gate].op != OP_RZ:
                raise ValueError(f"gate {gate} of {self.rows.shape[0]} is no rz")
            if not isfinite(radians[k]):
                raise ValueError(f"angle {radians[k]} of gate {gate} is not finite")
        self.lines = 0
        with nogil:
            self.on.n_turning = 0
            low = 0
            for k in range(n):
                gate = gates[k]
                memcpy(<char*> &self.rows[gate] + 8, &radians[k], 8)
                if self.items[gate] < 0:
                    continue
                line = self.on.qubits[_WIDTH * self.on.places[self.rows[gate].a] + _DRIVE]
                if not self.turns[line]:
                    self.turns[line] = 1
                    self.turning[self.on.n_turning] = line
                    self.on.n_turning += 1
                if not self.bounds[low] <= gate < self.bounds[low + 1]:
                    low = 0
                    high = self.bounds.shape[0] - 1
                    while high - low > 1:
                        middle = (low + high) >> 1
                        if self.bounds[middle] <= gate:
                            low = middle
                        else:
                            high = middle
                if self.starts[low] < 0:
                    self.points[n_found] = low
                    n_found += 1
                if self.starts[low] < 0 or self.items[gate] < self.items[self.starts[low]]:
                    self.starts[low] = gate
            for k in range(1, n_found):
                if self.points[k] < self.points[k - 1]:
                    qsort(&self.points[0], n_found, 8, _earlier)
                    break
            for k in range(n_found):
                low = self.points[k]
                row = self.starts[low]
                self.starts[low] = -1
                n_own = 0
                if self.play_bounds[low + 1] > self.play_bounds[low]:
                    n_own = _again(&self.on, &self.rows[self.bounds[low]], &self.order[self.bounds[low]], self.counts[low, 0],
                                   self.items[row], &self.plays[self.play_bounds[low]], self.before[row],
                                   self.play_bounds[low], &self.changed[n_changed])
                if n_own:
                    self.points[n_points] = low
                    n_changed += n_own
                    n_points += 1
                    self.changed_bounds[n_points] = n_changed
            for k in range(self.on.n_turning):
                self.turns[self.turning[k]] = 0
        for k in range(self.on.n_turning):
            self.lines |= 1 << <object> self.turning[k]
        self.n_points, self.n_changed = n_points, n_changed

    def points_from(self, int64_t first, int64_t end):
        """Return which of the points that changed are in a range: the number of the first one, and that after the last."""
        return self.n_below(first), self.n_below(end)

    cdef Py_ssize_t n_below(self, int64_t point) noexcept:
        """Return how many of the points that changed are below one."""
        cdef Py_ssize_t low = 0, high = self.n_points, middle
        while low < high:
            middle = (low + high) >> 1
            if self.points[middle] < point:
                low = middle + 1
            else:
                high = middle
        return low

    def found(self):
        """Return the points that changed: (n_points,) int64; where their plays begin; and these: (n_changed,) int64."""
        n = self.n_points
        return (
            np.array(self.points[:n]), np.array(self.changed_bounds[: n + 1]), np.array(self.changed[: self.n_changed])
        )


def differing(const Row[::1] old not None, const Row[::1] new not None, int64_t[::1] gates not None, double[::1] radians not None):
    """Find the rows of new lines that differ from the old ones in nothing but the angle of an rz.

    Parameters
    ----------
    old, new : (n,) INSTRUCTION
        Rows with numbers.
    gates, radians : (n,) int64, float64
        Filled as far as there are changes: row and new angle.

    Returns
    -------
    int
        Number of changes, or -1 if there is any other difference.

    Raises
    ------
    ValueError
        If shapes don't fit.
    """
    cdef Py_ssize_t k, n = old.shape[0]
    cdef int64_t found = 0
    cdef int64_t[2] a, b
    if gates.shape[0] != n or radians.shape[0] != n:
        raise ValueError(f"gates and radians have {gates.shape[0]}, {radians.shape[0]} rows, not {n}")
    if new.shape[0] != n:
        return -1
    with nogil:
        for k in range(n):
            memcpy(a, &old[k], 16)
            memcpy(b, &new[k], 16)
            if a[0] == b[0] and a[1] == b[1]:
                continue
            if a[0] != b[0] or old[k].op != OP_RZ or not old[k].flags & _IMM:
                found = -1
                break
            gates[found] = k
            memcpy(&radians[found], &b[1], 8)
            found += 1
    return found
