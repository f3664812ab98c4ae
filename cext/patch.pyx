"""Patch timed lines of gates: changed angles become phases of plays, and these go to what each generator plays."""

from libc.math cimport isfinite
from libc.stdint cimport int8_t, int32_t, int64_t, uint16_t, uint32_t
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

cdef struct lines_t:
    const int32_t* places
    const int32_t* qubits
    const int32_t* couplers
    const int32_t* pairs
    const double* pair_values
    double* phases
    Py_ssize_t n_qubits, n_lines


cdef inline int64_t put(Play* play, double phase_rad) noexcept nogil:
    """Set a play's phase; return whether its bits changed."""
    cdef int64_t old, new
    memcpy(&old, &play.phase_rad, 8)
    memcpy(&new, &phase_rad, 8)
    play.phase_rad = phase_rad
    return old != new


cdef int64_t _again(
    const lines_t* on, const Row* rows, const int32_t* order, int64_t n_items, Play* plays
) noexcept nogil:
    """Give the plays of one line of gates their phases, in the order in which `frames.walk` does; return how many changed."""
    cdef Py_ssize_t k, pair, line
    cdef int64_t n_changed = 0
    cdef const Row* row
    cdef double angle
    for k in range(on.n_lines):
        on.phases[k] = 0.0
    for k in range(n_items):
        row = rows + order[k]
        if row.op == OP_RZ:
            memcpy(&angle, <const char*> row + 8, 8)
            on.phases[on.qubits[_WIDTH * on.places[row.a] + _DRIVE]] -= angle
        elif row.op == OP_SX:
            n_changed += put(plays, on.phases[on.qubits[_WIDTH * on.places[row.a] + _DRIVE]])
            plays += 1
        elif row.op == OP_MEASURE:
            n_changed += put(plays, on.phases[on.qubits[_WIDTH * on.places[row.a] + _READOUT]])
            plays += 1
        elif row.op == OP_CZ:
            pair = on.couplers[on.places[row.a] * on.n_qubits + on.places[row.b]]
            n_changed += put(plays, on.phases[on.pairs[_PAIR * pair + 1]])
            plays += 1
            line = on.qubits[_WIDTH * on.pairs[_PAIR * pair + 3] + _DRIVE]
            if line >= 0:
                on.phases[line] -= on.pair_values[3 * pair + 1]
            line = on.qubits[_WIDTH * on.pairs[_PAIR * pair + 4] + _DRIVE]
            if line >= 0:
                on.phases[line] -= on.pair_values[3 * pair + 2]
    return n_changed


cdef class Turns:
    """Timed lines of gates, whose angles may be set anew.

    The arrays are checked once and held, so that a change costs what it touches.

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

    cdef Row[::1] rows
    cdef Play[::1] plays
    cdef const int64_t[::1] bounds
    cdef const int32_t[::1] order, places
    cdef const int64_t[:, ::1] counts
    cdef const int32_t[:, ::1] qubits, couplers, pairs
    cdef const double[:, ::1] pair_values
    cdef int64_t[::1] play_bounds
    cdef double[::1] phases
    cdef int8_t[::1] marks
    cdef lines_t on

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
        self.marks = np.zeros(max(n_sequences, 1), np.int8)
        self.on.places = &places[0] if places.shape[0] else NULL
        self.on.qubits = &qubits[0, 0] if n_qubits else NULL
        self.on.couplers = &couplers[0, 0] if n_qubits else NULL
        self.on.pairs = &pairs[0, 0] if pairs.shape[0] else NULL
        self.on.pair_values = &pair_values[0, 0] if pairs.shape[0] else NULL
        self.on.phases = &self.phases[0]
        self.on.n_qubits = n_qubits
        self.on.n_lines = n_lines

    def turn(
        self, const int64_t[::1] gates not None, const double[::1] radians not None, int64_t[::1] sequences not None,
        int64_t[::1] changed not None,
    ):
        """Set angles of rz, and give the plays of these sequences their phases; return the number of sequences.

        Parameters
        ----------
        gates : (n,) int64
            Rows, in any order.
        radians : (n,) float64
            New angles.
        sequences : (n,) int64
            Filled as far as there are sequences: those of the gates, each once, in the gates' order.
        changed : (n,) int64
            Filled likewise: how many plays of each changed.

        Raises
        ------
        ValueError
            If a row is no rz or is not there, or an angle is not finite; nothing was changed.
        """
        cdef Py_ssize_t k, low, high, middle, n = gates.shape[0], n_found = 0
        cdef int64_t gate
        if radians.shape[0] != n or sequences.shape[0] != n or changed.shape[0] != n:
            raise ValueError(f"there are {n} gates, {radians.shape[0]} angles, {sequences.shape[0]}, {changed.shape[0]} rows")
        for k in range(n):
            gate = gates[k]
            if not 0 <= gate < self.rows.shape[0] or self.rows[gate].op != OP_RZ:
                raise ValueError(f"gate {gate} of {self.rows.shape[0]} is no rz")
            if not isfinite(radians[k]):
                raise ValueError(f"angle {radians[k]} of gate {gate} is not finite")
        with nogil:
            for k in range(n):
                gate = gates[k]
                memcpy(<char*> &self.rows[gate] + 8, &radians[k], 8)
                low = 0
                high = self.bounds.shape[0] - 1
                while high - low > 1:
                    middle = (low + high) >> 1
                    if self.bounds[middle] <= gate:
                        low = middle
                    else:
                        high = middle
                if not self.marks[low]:
                    self.marks[low] = 1
                    sequences[n_found] = low
                    n_found += 1
            for k in range(n_found):
                low = sequences[k]
                self.marks[low] = 0
                changed[k] = 0
                if self.play_bounds[low + 1] > self.play_bounds[low]:
                    changed[k] = _again(&self.on, &self.rows[self.bounds[low]], &self.order[self.bounds[low]],
                                        self.counts[low, 0], &self.plays[self.play_bounds[low]])
        return n_found


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


def redeal(
    const Play[::1] plays not None, int64_t first, int64_t last, const int32_t[::1] owner not None,
    Play[::1] dealt not None, const int64_t[:, ::1] dealt_bounds not None, int64_t point, int64_t[::1] changed not None,
):
    """Take the phases of one point's plays over into what `shots.deal` dealt.

    Parameters
    ----------
    plays : (n_plays,) PLAY
        Of all points.
    first, last : int
        Those of this point.
    owner, dealt, dealt_bounds
        As `shots.deal` took and filled them.
    point : int
        Its column of `dealt_bounds`.
    changed : (n_feeds,) int64
        Filled with the number of plays of each feed whose bits changed.

    Raises
    ------
    ValueError
        If shapes don't fit, or the plays are not those that were dealt.
    """
    cdef Py_ssize_t k, f, n_feeds = dealt_bounds.shape[0]
    cdef int64_t at
    cdef int64_t[64] next_of
    if not 0 <= first <= last <= plays.shape[0]:
        raise ValueError(f"plays {first} to {last} of {plays.shape[0]}")
    if not 0 <= point < dealt_bounds.shape[1] - 1 or changed.shape[0] != n_feeds or n_feeds > 64:
        raise ValueError(f"point {point} of {dealt_bounds.shape[1] - 1}, changed has {changed.shape[0]} of {n_feeds} rows")
    for f in range(n_feeds):
        next_of[f] = dealt_bounds[f, point]
        changed[f] = 0
    for k in range(first, last):
        if plays[k].port >= <uint32_t> owner.shape[0] or owner[plays[k].port] >= n_feeds:
            raise ValueError(f"play {k} has port {plays[k].port} of {owner.shape[0]}")
        f = owner[plays[k].port]
        if f >= 0:
            at = next_of[f]
            if not 0 <= at < dealt.shape[0] or at >= dealt_bounds[f, point + 1]:
                raise ValueError(f"play {k} is one more than was dealt")
            changed[f] += put(&dealt[at], plays[k].phase_rad)
            next_of[f] += 1
