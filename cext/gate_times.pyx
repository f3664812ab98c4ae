"""Lines of gates alone, timed from their ends and played: one call from rows to plays, where times have 63 bits."""

from libc.math cimport fabs
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport free, llabs, malloc
from libc.string cimport memcmp

import numpy as np

from qctl.cext.bounds cimport check_bounds
from qctl.cext.gate_steps cimport (
    _CAUGHT, _LAST, _LOW, _OFFSET, longest_time, marks, ordered, pair_t, play_all, qubit_t, sound_t, spread, work_t)
from qctl.cext.gate_tables cimport check_tables
from qctl.cext.opcodes cimport OP_CZ, OP_MEASURE, OP_SX
from qctl.cext.straight cimport Capture, Play, Row

cdef enum:
    # columns of the tables of qubits and pairs
    _DRIVE = 2
    _READOUT = 3
    _WIDTH = 9
    _PAIR = 5


cdef inline int64_t _ticks(int64_t time, int64_t num, int64_t den, int64_t* worst) noexcept nogil:
    """Return a time in ticks, num / den of them in a unit, the earlier one of two, and keep the largest error, in parts of den."""
    cdef int64_t product = time * num, tick, rest
    if product >= 0:
        tick = <int64_t> (<uint64_t> product // <uint64_t> den)
    else:
        tick = -<int64_t> ((<uint64_t> -product + <uint64_t> den - 1) // <uint64_t> den)
    rest = product - tick * den
    if rest > den - rest:
        tick += 1
        rest = den - rest
    if rest > worst[0]:
        worst[0] = rest
    return tick


cdef class GateTimes:
    """A processor as lines of gates alone see it: what its gates are on their lines, checked and put together once.

    Parameters
    ----------
    qubit_lines, qubits, couplers, pairs, lines, lengths
        As `straight.check` takes them, and has checked them; lengths of one number for all points.
    volts, pair_values, carriers, states_hz
        As `frames.walk` takes them.
    ratios : (n_lines, 2) int64
        Ticks of each line in a unit of time, as a fraction in lowest terms.
    offsets : (n_qubits,) int64
        Units from the start of each qubit's measurement to its capture, with the delay of its line.
    unit : int
        Units of time in a second.
    n_waves : int
        Waveforms of the tables.

    Raises
    ------
    ValueError
        If shapes don't fit, a time has over 59 bits, or a qubit has no lines of its own.
    """

    cdef qubit_t* qubits
    cdef pair_t* pairs
    cdef const int32_t[:, ::1] couplers
    cdef const int64_t[:, ::1] ratios
    cdef int64_t[::1] delays
    cdef int64_t unit, most
    cdef Py_ssize_t n_qubits, n_lines, n_waves

    def __cinit__(
        self, const int32_t[::1] qubit_lines not None, const int32_t[:, ::1] qubits not None,
        const int32_t[:, ::1] couplers not None, const int32_t[:, ::1] pairs not None, const int32_t[:, ::1] lines not None,
        const int64_t[:, ::1] lengths not None, const double[:, ::1] volts not None,
        const double[:, ::1] pair_values not None, const double[:, ::1] carriers not None,
        const double[::1] states_hz not None, const int64_t[:, ::1] ratios not None, const int64_t[::1] offsets not None,
        int64_t unit, Py_ssize_t n_waves,
    ):
        cdef Py_ssize_t q, k, n_qubits = qubits.shape[0], n_lines = lines.shape[0], n_pairs = pairs.shape[0], end
        check_tables(qubit_lines, qubits, couplers, pairs, lines, lengths, volts, pair_values, carriers, states_hz, ratios,
                     offsets, unit, n_waves)
        self.n_qubits, self.n_lines, self.n_waves, self.unit = n_qubits, n_lines, max(n_waves, 1), unit
        self.couplers, self.ratios = couplers, ratios
        self.delays = np.array([lengths[lines[k, 2], 0] for k in range(n_lines)], np.int64)
        self.most = 1
        for k in range(n_lines):
            self.most = max(self.most, ratios[k, 0])
        self.qubits = <qubit_t*> malloc(max(n_qubits, 1) * sizeof(qubit_t))
        self.pairs = <pair_t*> malloc(max(n_pairs, 1) * sizeof(pair_t))
        if not self.qubits or not self.pairs:
            raise MemoryError(f"no memory for {n_qubits} qubits")
        for q in range(n_qubits):
            self.qubits[q].drive = qubits[q, _DRIVE]
            self.qubits[q].measured = lengths[qubits[q, 5], 0]
            self.qubits[q].caught = lengths[qubits[q, 6], 0]
            self.qubits[q].offset = offsets[q]
            self._sound(&self.qubits[q].sx, qubits[q, _DRIVE], qubits[q, 7], volts[q, 0], lengths[qubits[q, 4], 0],
                        carriers, states_hz)
            self._sound(&self.qubits[q].readout, qubits[q, _READOUT], qubits[q, 8], volts[q, 1], 0, carriers, states_hz)
        for k in range(n_pairs):
            self._sound(&self.pairs[k].cz, pairs[k, 1], pairs[k, 2], pair_values[k, 0], lengths[pairs[k, 0], 0], carriers,
                        states_hz)
            for end in range(2):
                self.pairs[k].turns[end] = pair_values[k, 1 + end]
                self.pairs[k].drives[end] = qubits[pairs[k, 3 + end], _DRIVE]

    def __dealloc__(self):
        free(self.qubits)
        free(self.pairs)

    cdef void _sound(
        self, sound_t* sound, int32_t line, int32_t wave, double volts, int64_t length, const double[:, ::1] carriers,
        const double[::1] states_hz
    ):
        """Put together what a kind of pulse is on its line; it is not fine where there is none, or out of its reach."""
        cdef double hz, if_hz = 0.0
        sound.fine = line >= 0
        sound.length = length
        if line < 0:
            return
        hz = states_hz[line]
        if carriers[line, 2] != 0.0 or hz != 0.0:
            if_hz = hz - carriers[line, 0]
            sound.fine = fabs(if_hz) < 0.5 * carriers[line, 1]
        sound.play.port = <uint32_t> line
        sound.play.waveform = <uint32_t> wave
        sound.play.start = 0
        sound.play.amplitude = volts
        sound.play.frequency_hz = if_hz
        sound.play.phase_rad = 0.0

    def time(
        self, const Row[::1] rows not None, const int64_t[::1] bounds not None, const uint32_t[::1] words not None,
        const int32_t[::1] places not None, const int64_t[:, ::1] lengths not None, int32_t[::1] order not None, int64_t[:, ::1] counts not None,
        int64_t[:, ::1] spans not None, int64_t[:, ::1] used not None, Play[::1] plays not None,
        int32_t[::1] play_rows not None, Capture[::1] captures not None, double[::1] captures_hz not None,
        int32_t[::1] capture_rows not None,
    ):
        """Give every item of many lines its time, and write plays and captures but for their starts.

        Parameters
        ----------
        rows, bounds, words, places, lengths
            As `straight.check` takes them; the lengths of this call begin with those of the tables.
        order, counts
            Filled as `schedule.schedule` does.
        spans : (n_sequences, 4) int64
            Filled, in units: the whole length of each line; from the start of its first measurement to the end, or -1;
            from that start to its capture; and from the end of its last pulse to the end.
        used : (n_lines, n_waves) int64
            Filled with the number of plays of each waveform on each line.
        plays, play_rows, captures, captures_hz, capture_rows
            Filled as `frames.walk` does, but starts are in units before the end of the line; see `place`.

        Returns
        -------
        latest : int
            The most units from the begin of a line to its first capture.
        lines : tuple of int
            Those that first captures are on; none where nothing is captured.
        waves : tuple of int
            Waveforms that are played.
        None
            Instead, where any row is not for this: `schedule.schedule` and `frames.walk` take all of them, or say what
            is wrong. What was filled is worth nothing then.

        Raises
        ------
        ValueError
            If shapes don't fit.
        """
        cdef Py_ssize_t s, k, n_sequences = bounds.shape[0] - 1, longest = 0
        cdef int64_t n_plays = 0, n_captures = 0, first, n, latest = -longest_time(), wanted
        cdef const qubit_t* qubit
        cdef work_t on
        cdef bint fine = True
        check_bounds(bounds, rows.shape[0], "", "sequence")
        if order.shape[0] != rows.shape[0] or counts.shape[0] != n_sequences or counts.shape[1] != 4:
            raise ValueError(f"order has {order.shape[0]}, counts {counts.shape[0]} x {counts.shape[1]} rows")
        if spans.shape[0] != n_sequences or spans.shape[1] != 4 or used.shape[0] != self.n_lines or used.shape[1] != self.n_waves:
            raise ValueError(
                f"spans are {spans.shape[0]} x {spans.shape[1]}, used {used.shape[0]} x {used.shape[1]}, not {n_sequences} x 4, "
                f"{self.n_lines} x {self.n_waves}"
            )
        for k in range(rows.shape[0]):
            n_plays += rows[k].op == OP_SX or rows[k].op == OP_CZ or rows[k].op == OP_MEASURE
            n_captures += rows[k].op == OP_MEASURE
        if plays.shape[0] != n_plays or play_rows.shape[0] != n_plays:
            raise ValueError(f"plays has {plays.shape[0]}, play_rows {play_rows.shape[0]} rows, not {n_plays}")
        if captures.shape[0] != n_captures or captures_hz.shape[0] != n_captures or capture_rows.shape[0] != n_captures:
            raise ValueError(f"captures has {captures.shape[0]} rows, not {n_captures}")
        for k in range(places.shape[0]):
            if not 0 <= places[k] < self.n_qubits:
                raise ValueError(f"place {places[k]} of qubit {k} is outside {self.n_qubits}")
        if lengths.shape[1] != 2:
            raise ValueError(f"lengths have {lengths.shape[1]} columns, not 2")
        for k in range(lengths.shape[0]):
            if lengths[k, 1] > 0 or lengths[k, 0] > longest_time():
                return None
        for s in range(n_sequences):
            longest = max(longest, bounds[s + 1] - bounds[s])
        used[:, :] = 0
        caught = np.zeros(self.n_lines, np.int8)
        cdef char[::1] heard = caught
        on.words = &words[0] if words.shape[0] else NULL
        on.places = &places[0] if places.shape[0] else NULL
        on.lengths = &lengths[0, 0] if lengths.shape[0] else NULL
        on.couplers = &self.couplers[0, 0] if self.n_qubits else NULL
        on.qubits, on.pairs = self.qubits, self.pairs
        on.used = &used[0, 0] if self.n_lines else NULL
        on.n_words, on.n_places, on.n_lengths = words.shape[0], places.shape[0], lengths.shape[0]
        on.n_qubits, on.n_lines, on.n_waves = self.n_qubits, self.n_lines, self.n_waves
        on.times = <int64_t*> malloc((longest + 2 * self.n_qubits + 1) * sizeof(int64_t))
        on.phases = <double*> malloc((self.n_lines + 1) * sizeof(double))
        on.joined = <int32_t*> malloc((longest + 1) * sizeof(int32_t))
        on.last = <char*> malloc(longest + self.n_qubits + 1)
        try:
            if not on.times or not on.phases or not on.joined or not on.last:
                raise MemoryError(f"no memory for {longest} rows")
            on.free = on.times + longest
            on.group = on.free + self.n_qubits
            on.touched = on.last + longest
            n_plays = n_captures = 0
            with nogil:
                for s in range(n_sequences):
                    first = bounds[s]
                    n = bounds[s + 1] - first
                    counts[s, 0] = counts[s, 1] = counts[s, 2] = 0
                    counts[s, 3] = spans[s, _CAUGHT] = -1
                    spans[s, _LAST] = spans[s, _OFFSET] = 0
                    spans[s, _LOW] = longest_time()
                    if not n:
                        continue
                    fine = (marks(&on, &rows[first], n) and ordered(&on, &rows[first], n, &order[first], &counts[s, 0])
                            and spread(&on, &rows[first], &order[first], &counts[s, 0], &spans[s, 0]))
                    if not fine:
                        break
                    if counts[s, 3] >= 0:
                        qubit = on.qubits + on.places[rows[first + order[first + counts[s, 3]]].a]
                        heard[qubit.readout.play.port] = 1
                        spans[s, _OFFSET] = qubit.offset
                        wanted = spans[s, _LAST] - spans[s, _CAUGHT] + qubit.offset
                        latest = wanted if wanted > latest else latest
                    play_all(&on, &rows[first], &order[first], &counts[s, 0],
                          &plays[0] + n_plays if plays.shape[0] else NULL, &play_rows[0] + n_plays if plays.shape[0] else NULL,
                          &captures[0] + n_captures if captures.shape[0] else NULL,
                          &captures_hz[0] + n_captures if captures.shape[0] else NULL,
                          &capture_rows[0] + n_captures if captures.shape[0] else NULL)
                    n_plays += counts[s, 1]
                    n_captures += counts[s, 2]
        finally:
            free(on.times)
            free(on.phases)
            free(on.joined)
            free(on.last)
        if not fine:
            return None
        lines = tuple([k for k in range(self.n_lines) if heard[k]])
        waves = []
        for k in range(self.n_waves):
            for s in range(self.n_lines):
                if used[s, k]:
                    waves.append(k)
                    break
        return latest, lines, tuple(waves)

    def place(
        self, const Row[::1] rows not None, const int64_t[::1] bounds not None, const int64_t[:, ::1] counts not None,
        const int64_t[:, ::1] spans not None, int64_t target, int64_t early, const uint32_t[::1] numbers not None,
        const int64_t[::1] lengths not None, Play[::1] plays not None, int64_t[::1] lasts not None, Capture[::1] captures not None, const double[::1] captures_hz not None,
        const int32_t[::1] capture_rows not None, double[::1] ends_s not None, int64_t[::1] residuals not None,
    ):
        """Give plays and captures their starts in ticks, now that it is known when the first captures are.

        Parameters
        ----------
        rows, bounds, counts, spans, captures_hz, capture_rows
            As `time` took and filled them.
        target : int
            Units from time zero to the first capture of every line that has one.
        early : int
            Units from time zero to the begin of every other line.
        numbers : (n_waves,) uint32
            New number of each waveform.
        lengths : (n_waves or 0,) int64
            Units of each waveform; none where all are whole ticks on their lines, and `lasts` is not filled.
        plays, captures
            As `time` filled them; their starts become ticks.
        lasts : (n_plays or 0,) int64
            Filled with the ticks of each play to that of its end.
        ends_s : (n_sequences,) float64
            Filled: end of the last pulse of each line.
        residuals : (n_lines,) int64
            Filled: the largest rounding error on each line, in parts of the denominator of its ticks in a unit.

        Returns
        -------
        alike : bool
            Whether all lines capture the same at the same time. None where times don't fit: see `time`.

        Raises
        ------
        ValueError
            If shapes don't fit.
        """
        cdef Py_ssize_t s, k, n_sequences = bounds.shape[0] - 1, n_plays = 0, n_captures = 0
        cdef int64_t shift, low, end, time, none = 0
        cdef uint32_t line
        cdef bint alike = True, ragged = lengths.shape[0] != 0
        cdef int64_t longest = max(llabs(target), llabs(early)), most = 0
        cdef const Row* one
        cdef const Row* other
        check_bounds(bounds, rows.shape[0], "", "sequence")
        if counts.shape[0] != n_sequences or counts.shape[1] != 4 or spans.shape[0] != n_sequences or spans.shape[1] != 4:
            raise ValueError(f"counts have {counts.shape[0]}, spans {spans.shape[0]} rows, not {n_sequences}")
        if numbers.shape[0] != self.n_waves or ends_s.shape[0] != n_sequences or residuals.shape[0] != self.n_lines:
            raise ValueError(
                f"numbers, ends_s, residuals have {numbers.shape[0]}, {ends_s.shape[0]}, {residuals.shape[0]} rows, not "
                f"{self.n_waves}, {n_sequences}, {self.n_lines}"
            )
        for s in range(n_sequences):
            if counts[s, 1] < 0 or counts[s, 2] < 0:
                raise ValueError(f"sequence {s} has {counts[s, 1]} plays, {counts[s, 2]} captures")
            n_plays += counts[s, 1]
            n_captures += counts[s, 2]
            most = max(most, spans[s, _LAST], llabs(spans[s, _OFFSET]))
        if plays.shape[0] != n_plays or captures.shape[0] != n_captures or captures_hz.shape[0] != n_captures or capture_rows.shape[0] != n_captures:
            raise ValueError(f"there are {plays.shape[0]} plays, {captures.shape[0]} captures, not {n_plays}, {n_captures}")
        if ragged and (lengths.shape[0] != self.n_waves or lasts.shape[0] != n_plays):
            raise ValueError(f"lengths, lasts have {lengths.shape[0]}, {lasts.shape[0]} rows, not {self.n_waves}, {n_plays}")
        for k in range(lengths.shape[0]):
            most = max(most, llabs(lengths[k]))
        for k in range(n_plays):
            if plays[k].port >= <uint32_t> self.n_lines or plays[k].waveform >= <uint32_t> self.n_waves:
                raise ValueError(f"play {k} has port {plays[k].port}, waveform {plays[k].waveform}")
        for k in range(n_captures):
            if captures[k].port >= <uint32_t> self.n_lines:
                raise ValueError(f"capture {k} has port {captures[k].port}")
        for k in range(self.n_lines):
            most = max(most, llabs(self.delays[k]))
            residuals[k] = 0
        if longest > longest_time() or most > longest_time() or (longest + 4 * most) > (<int64_t> 1 << 62) // self.most:
            return None
        n_plays = n_captures = 0
        with nogil:
            for s in range(n_sequences):
                shift = early
                if spans[s, _CAUGHT] >= 0:
                    shift = target - (spans[s, _LAST] - spans[s, _CAUGHT] + spans[s, _OFFSET])
                end = spans[s, _LAST] + shift
                for k in range(n_plays, n_plays + counts[s, 1]):
                    line = plays[k].port
                    time = end - plays[k].start + self.delays[line]
                    plays[k].start = _ticks(time, self.ratios[line, 0], self.ratios[line, 1], &residuals[line])
                    if ragged:
                        time += lengths[plays[k].waveform]
                        lasts[k] = _ticks(time, self.ratios[line, 0], self.ratios[line, 1], &none) - plays[k].start
                    plays[k].waveform = numbers[plays[k].waveform]
                n_plays += counts[s, 1]
                for k in range(n_captures, n_captures + counts[s, 2]):
                    line = captures[k].port
                    captures[k].start = _ticks(end - captures[k].start + self.delays[line], self.ratios[line, 0],
                                               self.ratios[line, 1], &residuals[line])
                low = end - spans[s, _LOW]
                ends_s[s] = <double> (<long double> low / <long double> self.unit) if counts[s, 1] and low > 0 else 0.0
                if s and alike:
                    alike = counts[s, 2] == counts[0, 2]
                    if alike and counts[s, 2]:
                        alike = (memcmp(&captures[n_captures], &captures[0], counts[0, 2] * sizeof(Capture)) == 0
                                 and memcmp(&captures_hz[n_captures], &captures_hz[0], counts[0, 2] * sizeof(double)) == 0)
                        for k in range(counts[s, 2]):
                            if not alike:
                                break
                            if not 0 <= capture_rows[n_captures + k] < bounds[s + 1] - bounds[s]:
                                alike = False
                                break
                            one = &rows[bounds[s] + capture_rows[n_captures + k]]
                            other = &rows[bounds[0] + capture_rows[k]]
                            alike = memcmp(one, other, sizeof(Row)) == 0
                n_captures += counts[s, 2]
        return alike


def sizes(const Row[::1] rows not None):
    """Return the plays and the captures that gates make.

    Parameters
    ----------
    rows : (n,) INSTRUCTION
        Gates.
    """
    cdef Py_ssize_t k
    cdef int64_t n_plays = 0, n_captures = 0
    with nogil:
        for k in range(rows.shape[0]):
            n_plays += rows[k].op == OP_SX or rows[k].op == OP_CZ or rows[k].op == OP_MEASURE
            n_captures += rows[k].op == OP_MEASURE
    return n_plays, n_captures
