"""Events of one sequencer: the plays and captures of its port in order of time, in the sequencer's own numbers."""

from libc.math cimport fabs
from libc.stdint cimport int32_t, int64_t, uint32_t

from qctl.cext.bounds cimport check_bounds
from qctl.cext.straight cimport Capture, Play
from qctl.cext.whole cimport nearest

FAULTS = ("", "gap", "overlap", "gain", "frequency", "acquisitions", "end", "order")
"""What is reported as `fault`: an index into this tuple."""
LEAD_NS = 4
"""From the start of a point to its time zero: the NCO starts there."""

cdef enum:
    _SHORTEST = 4
    _LEAD = 4
    _ACQUIRE_GAP = 300
    # A gain reaches 32767 steps. Full scale asks for 32769, as waveforms end at 32767 and not at 32768.
    _MOST_GAIN = 32767
    _FULL_GAIN = 32769


cdef int _gather(
    const Play* plays, int64_t n_plays, const Capture* captures, int64_t n_captures, uint32_t port,
    const int32_t[:, ::1] waves, const double[::1] steps_per_v, const int32_t[:, ::1] acquisitions, int64_t lead,
    int64_t period, Event* events, int64_t* n, int64_t* row, int64_t* reach
) noexcept nogil:
    """Put the plays and captures of one point in order of time; return a fault."""
    cdef int64_t a = 0, b = 0, last_start = -1, last_acquired = -1000000, busy = -1000000000, zero = -_LEAD
    cdef int32_t steps
    cdef double turns, phase_rad = 0.0
    cdef Event event
    cdef bint fresh = True
    event.gain = 0
    event.steps = 0
    event.phase = 0
    n[0] = 0
    while True:
        while a < n_plays and plays[a].port != port:
            a += 1
        while b < n_captures and captures[b].port != port:
            b += 1
        if a == n_plays and b == n_captures:
            break
        event.weights = -1
        if a < n_plays and (b == n_captures or plays[a].start <= captures[b].start):
            row[0] = a
            event.start = plays[a].start + lead
            event.length = waves[plays[a].waveform, 2]
            event.i = waves[plays[a].waveform, 0]
            event.q = waves[plays[a].waveform, 1]
            event.acquisition = -1
            turns = nearest(plays[a].amplitude * steps_per_v[plays[a].waveform])
            if not fabs(turns) <= _FULL_GAIN:
                return 3
            event.gain = <int32_t> max(min(turns, _MOST_GAIN), -_MOST_GAIN)
            turns = nearest(plays[a].frequency_hz * 4.0)
            if not fabs(turns) <= 2.0e9:
                return 4
            steps = <int32_t> turns
            phase_rad = plays[a].phase_rad
            if event.start < busy:
                return 2
            busy = event.start + event.length
            a += 1
        else:
            row[0] = -1 - b
            event.start = captures[b].start + lead
            event.i = event.q = -1
            event.acquisition = acquisitions[captures[b].capture, 0]
            event.weights = acquisitions[captures[b].capture, 1]
            event.length = acquisitions[captures[b].capture, 2]
            steps = acquisitions[captures[b].capture, 3]
            if event.start - last_acquired < _ACQUIRE_GAP:
                return 5
            last_acquired = event.start
            b += 1
        if event.start < 0 or event.start < last_start:
            return 7
        if not fresh and steps != event.steps:
            zero = event.start
        fresh = False
        event.steps = steps
        # The NCO turns from `zero` on; a sample is held for 1 ns, and its carrier taken at the middle.
        event.phase = phase_steps(steps * 0.25e-9 * (zero + 0.5), phase_rad)
        if n[0] and event.start - last_start < _SHORTEST:
            return 1
        last_start = event.start
        if event.start + (event.length if event.length > _SHORTEST else _SHORTEST) + _LEAD > period:
            return 6
        reach[0] = event.gain if event.gain < reach[0] else reach[0]
        reach[1] = event.gain if event.gain > reach[1] else reach[1]
        events[n[0]] = event
        n[0] += 1
    return 0


def gather(
    const Play[::1] plays not None, const int64_t[::1] bounds not None,
    const Capture[::1] captures not None, const int64_t[::1] capture_bounds not None,
    uint32_t port, const int32_t[:, ::1] waves not None, const double[::1] steps_per_v not None,
    const int32_t[:, ::1] acquisitions not None, int64_t lead_ns, int64_t period_ns,
    Event[::1] events not None, int64_t[::1] event_bounds not None, int64_t[::1] reach not None,
    int64_t[::1] fault not None, Py_ssize_t first=0, Py_ssize_t count=-1,
    Py_ssize_t captured_from=0,
):
    """Put the plays and captures of one port in order of time, in the sequencer's own numbers.

    Parameters
    ----------
    plays : (n_plays,) PLAY
        All points, one after the other; starts in ns.
    bounds : (n_points + 1,) int64
        Plays of point p are ``plays[bounds[p]:bounds[p + 1]]``.
    captures, capture_bounds
        Captures of all points, likewise.
    port : int
        Rows of other ports are left out.
    waves : (n_waveforms, 3) int32
        Index of I and of Q in the sequencer's memory, and number of samples.
    steps_per_v : (n_waveforms,) float64
        Steps of gain for an amplitude of 1 V.
    acquisitions : (n_captures, 4) int32
        Index of the acquisition, of its first weights or -1, length in ns, and NCO frequency in quarters of a hertz.
    lead_ns : int
        Added to all starts.
    period_ns : int
        Length of a point.
    events : (at least all rows of the port,) EVENT
        Filled.
    event_bounds : (n_points + 1,) int64
        Filled: events of each point.
    reach : (2,) int64
        Filled with the lowest and the highest gain of all events; 0 is between them.
    fault : (3,) int64
        Filled with an index into `FAULTS`, the point, and the row in it: of a play, or -1 less that of a capture.
    first, count : int
        Points that are looked at, from `first` on; all of them by default. `event_bounds` has room for these alone.
    captured_from : int
        Point that the first row of `capture_bounds` is of.

    Raises
    ------
    ValueError
        If shapes don't fit, or a row names a waveform or capture that is not there.
    """
    cdef Py_ssize_t n_all = bounds.shape[0] - 1, n_points = count if count >= 0 else n_all - first, p, k
    cdef int64_t at = 0, n = 0, row = 0, wanted = 0
    cdef const Play* all_plays
    cdef const Capture* all_captures
    cdef Event* all_events
    cdef int found = 0
    cdef Py_ssize_t n_captured = capture_bounds.shape[0] - 1, caught = first - captured_from
    if n_all < 0 or n_captured < 0 or (count < 0 and n_captured != n_all) or event_bounds.shape[0] != n_points + 1:
        raise ValueError(
            f"bounds are {bounds.shape[0]}, capture_bounds {capture_bounds.shape[0]}, event_bounds {event_bounds.shape[0]}"
        )
    if not 0 <= first <= n_all or n_points > n_all - first or not 0 <= caught <= n_captured or n_points > n_captured - caught:
        raise ValueError(f"points {first} to {first + n_points} of {n_all}, of {n_captured} from {captured_from} on")
    if waves.shape[1] != 3 or acquisitions.shape[1] != 4 or reach.shape[0] != 2 or fault.shape[0] != 3:
        raise ValueError(
            f"waves are {waves.shape[1]}, acquisitions {acquisitions.shape[1]}, reach {reach.shape[0]}, fault "
            f"{fault.shape[0]}, not 3, 4, 2, 3"
        )
    if steps_per_v.shape[0] != waves.shape[0]:
        raise ValueError(f"steps_per_v has {steps_per_v.shape[0]} rows, waves {waves.shape[0]}")
    if bounds[0] != 0 or bounds[n_all] != plays.shape[0]:
        raise ValueError(f"bounds {bounds[0]} … {bounds[n_all]} are not those of {plays.shape[0]} plays")
    if capture_bounds[0] != 0 or capture_bounds[n_captured] != captures.shape[0]:
        raise ValueError(f"capture_bounds don't end at {captures.shape[0]} captures")
    for p in range(n_points):
        if not (0 <= bounds[first + p] <= bounds[first + p + 1] <= plays.shape[0]
                and 0 <= capture_bounds[caught + p] <= capture_bounds[caught + p + 1] <= captures.shape[0]):
            raise ValueError(f"bounds go down at point {first + p}")
    for k in range(bounds[first], bounds[first + n_points]):
        if plays[k].port == port:
            wanted += 1
            if plays[k].waveform >= waves.shape[0]:
                raise ValueError(f"play {k} has waveform {plays[k].waveform} of {waves.shape[0]}")
    for k in range(capture_bounds[caught], capture_bounds[caught + n_points]):
        if captures[k].port == port:
            wanted += 1
            if captures[k].capture >= acquisitions.shape[0]:
                raise ValueError(f"capture {k} is number {captures[k].capture} of {acquisitions.shape[0]}")
    if events.shape[0] < wanted:
        raise ValueError(f"events has {events.shape[0]} rows, {wanted} are needed")
    all_plays = &plays[0] if plays.shape[0] else NULL
    all_captures = &captures[0] if captures.shape[0] else NULL
    all_events = &events[0] if events.shape[0] else NULL
    reach[0] = reach[1] = 0
    with nogil:
        event_bounds[0] = 0
        for p in range(n_points):
            k = first + p
            found = _gather(
                all_plays + bounds[k], bounds[k + 1] - bounds[k], all_captures + capture_bounds[caught + p],
                capture_bounds[caught + p + 1] - capture_bounds[caught + p], port, waves, steps_per_v, acquisitions, lead_ns,
                period_ns, all_events + at, &n, &row, &reach[0],
            )
            if found:
                break
            at += n
            event_bounds[p + 1] = at
    fault[0] = found
    fault[1] = first + p if found else 0
    fault[2] = row if found else 0


def spaced(
    const Event[::1] events not None, const int64_t[::1] bounds not None, int64_t period_ns, int64_t tick_ns, bint turned,
    bint counted, int64_t preamble, int64_t bin_ticks, int64_t weight_ticks,
):
    """Say whether each event comes so long after the one before it that the core has time for all in front of it.

    Parameters
    ----------
    events : (n_events,) EVENT
        Of one sequencer, point by point.
    bounds : (n_points + 1,) int64
        Events of point p are ``events[bounds[p]:bounds[p + 1]]``.
    period_ns : int
        From point to point.
    tick_ns : int
        What an instruction takes.
    turned : bool
        Whether each event sets a phase.
    counted : bool
        Whether acquisitions count their bins.
    preamble, bin_ticks, weight_ticks : int
        Instructions at the head of each point, behind a counted acquisition, and in front of one with weights.

    Returns
    -------
    bool

    Raises
    ------
    ValueError
        If bounds don't fit.
    """
    cdef Py_ssize_t p, k, n_points = bounds.shape[0] - 1
    cdef int64_t last = 0, start, ticks
    cdef bint fine = True
    check_bounds(bounds, events.shape[0], " events", "point")
    with nogil:
        for p in range(n_points):
            for k in range(bounds[p], bounds[p + 1]):
                start = p * period_ns + events[k].start
                if k:
                    if k == bounds[p]:
                        ticks = preamble
                    else:
                        ticks = (events[k].gain != events[k - 1].gain) + 2 * (events[k].steps != events[k - 1].steps)
                    ticks += 1 + turned
                    if counted:
                        if events[k - 1].acquisition >= 0:
                            ticks += bin_ticks
                        if events[k].acquisition >= 0 and events[k].weights >= 0:
                            ticks += weight_ticks
                    if start - last < tick_ns * ticks:
                        fine = False
                        break
                last = start
            if not fine:
                break
    return fine
