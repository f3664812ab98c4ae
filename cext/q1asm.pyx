"""Q1ASM of one sequencer for many sweep points, written into one buffer."""

from libc.stdint cimport int32_t, int64_t

from qctl.cext.assembly cimport end_line, number, put, text_t
from qctl.cext.bounds cimport check_bounds
from qctl.cext.events cimport Event
from qctl.cext.q1_lines cimport (
    CHUNK, LEAD, LONGEST, LOOPED_RUN, SHORTEST, UNKNOWN, again, alike, command, part, tail_t
)

cdef void wait(text_t* text, int64_t duration, int64_t label) noexcept nogil:
    """Wait for 0 or at least 4 ns; many waits become a loop, named by the event before it or, below 0, by the point."""
    cdef int64_t n, k
    if duration > LONGEST:
        n = duration // CHUNK
        if 0 < duration - n * CHUNK < SHORTEST:
            n -= 1
        duration -= n * CHUNK
        if n > 3:
            put(text, b"move ", 5)
            number(text, n, 0)
            put(text, b",R2", 3)
            end_line(text)
            put(text, b"w" if label >= 0 else b"v", 1)
            number(text, label if label >= 0 else -1 - label, 0)
            command(text, b": wait ", 7, CHUNK, 0)
            put(text, b"loop R2,@", 9)
            command(text, b"w" if label >= 0 else b"v", 1, label if label >= 0 else -1 - label, 0)
        else:
            for k in range(n):
                command(text, b"wait ", 5, CHUNK, 0)
    if duration > 0:
        command(text, b"wait ", 5, duration, 0)


cdef inline void settings(text_t* text, const Event* before, const Event* event) noexcept nogil:
    """Write what an event is played with where that is not as it was; `before` is the one before it in its point."""
    if before.steps != event.steps:
        command(text, b"set_freq ", 9, event.steps, 11)
        put(text, b"reset_ph", 8)
        end_line(text)
    if before.gain != event.gain:
        put(text, b"set_awg_gain ", 13)
        number(text, event.gain, 6)
        put(text, b",", 1)
        number(text, event.gain, 6)
        end_line(text)
    if before.phase != event.phase or before.steps != event.steps:
        command(text, b"set_ph ", 7, event.phase, 9)


cdef void one(
    text_t* text, const Event* event, int64_t gap, int64_t row, const int64_t* bin, int64_t looped, bint waits
) noexcept nogil:
    """Write one event, which lasts until the next one, or as long as one instruction may unless it waits."""
    cdef int64_t lasts = part(gap)
    if event.acquisition < 0:
        if looped:
            put(text, b"move ", 5)
            number(text, looped, 0)
            put(text, b",R3", 3)
            end_line(text)
            put(text, b"r", 1)
            number(text, row, 0)
            put(text, b": ", 2)
        put(text, b"play ", 5)
        number(text, event.i, 0)
        put(text, b",", 1)
        number(text, event.q, 0)
        command(text, b",", 1, lasts, 0)
        if looped:
            command(text, b"loop R3,@r", 10, row, 0)
    else:
        if event.weights >= 0 and bin == NULL:
            put(text, b"move ", 5)
            number(text, event.weights, 0)
            put(text, b",R4\nmove ", 9)
            number(text, event.weights + 1, 0)
            put(text, b",R5\nnop\n", 8)
            text.lines += 3
        put(text, b"acquire", 7)
        if event.weights >= 0:
            put(text, b"_weighed", 8)
        put(text, b" ", 1)
        number(text, event.acquisition, 0)
        put(text, b",", 1)
        if bin == NULL:
            put(text, b"R1", 2)
        else:
            number(text, bin[0], 0)
        if event.weights >= 0:
            if bin == NULL:
                put(text, b",R4,R5", 6)
            else:
                put(text, b",", 1)
                number(text, event.weights, 0)
                put(text, b",", 1)
                number(text, event.weights + 1, 0)
        command(text, b",", 1, lasts, 0)
    if waits and gap > lasts:
        wait(text, gap - lasts, row)


cdef inline void condition(text_t* text, int64_t mask, int64_t operator, int64_t lasts, int64_t* now) noexcept nogil:
    """Have what follows depend on triggers, or no more on them where the mask is 0; `now` is what it depends on."""
    if now[0] == mask and (mask == 0 or (now[1] == operator and now[2] == lasts)):
        return
    now[0], now[1], now[2] = mask, operator, lasts
    if mask:
        put(text, b"set_cond 1,", 11)
        number(text, mask, 0)
        put(text, b",", 1)
        number(text, operator, 0)
        command(text, b",", 1, lasts, 0)
    else:
        put(text, b"set_cond 0,0,0,4", 16)
        end_line(text)


cdef void steered(
    text_t* text, Event* before, const Event* event, const int32_t* steer, const int32_t* steer_before, int64_t gap,
    int64_t row, const int64_t* bin, int64_t* now
) noexcept nogil:
    """Write an event of a sequencer that follows triggers: `steer` has its mask and operator, below 0 to reset latches."""
    cdef int64_t lasts = part(gap), mask = steer[0]
    if steer_before != NULL and steer_before[0] and (steer_before[0] != mask or steer_before[1] != steer[1]):
        # Whether the settings of the event before are in effect depends on triggers.
        before.gain = before.phase = UNKNOWN
    if steer[1] < 0:
        condition(text, 0, 0, 0, now)
        command(text, b"latch_rst ", 10, lasts, 0)
    else:
        settings(text, before, event)
        condition(text, mask, steer[1], lasts, now)
        one(text, event, gap, row, bin, 0, False)
        before[0] = event[0]
    if gap > lasts:
        condition(text, 0, 0, 0, now)
        wait(text, gap - lasts, row)


cdef inline int64_t wait_lines(int64_t duration) noexcept nogil:
    """Return how many lines `wait` writes."""
    cdef int64_t n = 0
    if duration > LONGEST:
        n = duration // CHUNK
        if 0 < duration - n * CHUNK < SHORTEST:
            n -= 1
        duration -= n * CHUNK
        n = 3 if n > 3 else n
    return n + (duration > 0)


cdef void _count(
    const Event[::1] events, const int64_t[::1] bounds, int64_t period, int64_t loop_from, bint averaged, int64_t[:, ::1] ends
) noexcept nogil:
    """Count the lines that `_emit` writes up to the end of each point."""
    cdef int64_t p, k, begin, end, gap, run, n = 0
    cdef const Event* before
    cdef const Event* event
    for p in range(bounds.shape[0] - 1):
        begin = bounds[p]
        end = bounds[p + 1]
        n += 5 if begin < end else 2
        gap = events[begin].start + LEAD if begin < end else period
        if gap > part(gap):
            n += wait_lines(gap - part(gap))
        if begin < end:
            before = &events[begin]
        k = begin
        while k < end:
            event = &events[k]
            run = 0
            gap = (events[k + 1].start if k + 1 < end else period - LEAD) - event.start
            if event.acquisition < 0 and loop_from <= gap <= LONGEST:
                run = 1
                while (k + run < end and alike(event, &events[k + run]) and gap ==
                        (events[k + run + 1].start if k + run + 1 < end else period - LEAD) - events[k + run].start):
                    run += 1
                if run < LOOPED_RUN:
                    run = 0
            n += 1 + (before.gain != event.gain) + (before.phase != event.phase or before.steps != event.steps)
            if before.steps != event.steps:
                n += 2
            if run:
                n += 2
            if event.acquisition >= 0 and not averaged:
                n += 5 if event.weights >= 0 else 2
            if gap > part(gap):
                n += wait_lines(gap - part(gap))
            before = event
            k += run if run else 1
        ends[p, 1] = n


def count(
    const Event[::1] events not None, const int64_t[::1] bounds not None, int64_t period_ns, int64_t loop_from_ns,
    bint averaged, int64_t[:, ::1] ends not None,
):
    """Count the instructions that `emit` writes.

    Parameters
    ----------
    events, bounds, period_ns, loop_from_ns, averaged
        As `emit` takes them.
    ends : (n_points, 2) int64
        The second column is filled with the instructions up to the end of each point.

    Raises
    ------
    ValueError
        If shapes don't fit.
    """
    check_bounds(bounds, events.shape[0], " events", "point")
    if ends.shape[0] != bounds.shape[0] - 1 or ends.shape[1] != 2:
        raise ValueError(f"ends are {ends.shape[0]} x {ends.shape[1]}, not {bounds.shape[0] - 1} x 2")
    with nogil:
        _count(events, bounds, period_ns, loop_from_ns, averaged, ends)


cdef int64_t _emit(
    const Event[::1] events, const int64_t[::1] bounds, int64_t first, int64_t last, int64_t period,
    int64_t loop_from, int64_t averaged, const int32_t* steers, text_t* text, int64_t[::1] places, int64_t* ends
) noexcept nogil:
    """Write the points from `first` to before `last`."""
    cdef int64_t p, k, begin, end, gap, run
    cdef int64_t bin
    cdef int64_t[3] now
    cdef Event before
    cdef tail_t tail
    tail.lasts = -1
    now[0] = now[1] = now[2] = 0
    before.steps = before.gain = before.phase = 0
    for p in range(first, last):
        begin = bounds[p]
        end = bounds[p + 1]
        put(text, b"reset_ph\n", 9)
        text.lines += 1
        if begin < end:
            before = events[begin]
            command(text, b"set_freq ", 9, before.steps, 11)
            put(text, b"set_awg_gain ", 13)
            number(text, before.gain, 6)
            put(text, b",", 1)
            number(text, before.gain, 6)
            end_line(text)
            command(text, b"set_ph ", 7, before.phase, 9)
            gap = events[begin].start + LEAD
        else:
            gap = period
        command(text, b"upd_param ", 10, part(gap), 0)
        if gap > part(gap):
            wait(text, gap - part(gap), -1 - p)
        k = begin
        while k < end:
            places[k] = text.n
            run = 0
            gap = (events[k + 1].start if k + 1 < end else period - LEAD) - events[k].start
            if steers == NULL and events[k].acquisition < 0 and loop_from <= gap <= LONGEST:
                run = 1
                while (k + run < end and alike(&events[k], &events[k + run]) and gap ==
                        (events[k + run + 1].start if k + run + 1 < end else period - LEAD) - events[k + run].start):
                    places[k + run] = text.n
                    run += 1
                if run < LOOPED_RUN:
                    run = 0
            if steers == NULL and not run and again(text, &tail, &before, &events[k], gap):
                before.phase = events[k].phase
                k += 1
                continue
            bin = p
            if steers != NULL:
                steered(text, &before, &events[k], steers + 2 * k, steers + 2 * (k - 1) if k > begin else NULL, gap, k,
                        &bin if averaged else NULL, now)
            else:
                settings(text, &before, &events[k])
                one(text, &events[k], gap, k, &bin if averaged else NULL, run, True)
                before = events[k]
            if events[k].acquisition >= 0 and not averaged:
                put(text, b"add R1,1,R1\nnop\n", 16)
                text.lines += 2
            k += run if run else 1
        condition(text, 0, 0, 0, now)
        if ends != NULL:
            ends[2 * (p - first)] = text.n
            ends[2 * (p - first) + 1] = text.lines
    return 0


def emit(
    const Event[::1] events not None, const int64_t[::1] bounds not None, int64_t period_ns, int64_t loop_from_ns,
    bint averaged, char[::1] text not None, int64_t[::1] places not None, int64_t[::1] sizes not None,
    int64_t[:, ::1] ends=None, Py_ssize_t first=0, const int32_t[:, ::1] steers=None,
):
    """Write points of one sequencer, without what is around them.

    Parameters
    ----------
    events : (n_events,) EVENT
        As `events.gather` fills them.
    bounds : (n_points + 1,) int64
        Events of each point.
    period_ns : int
        Length of a point.
    loop_from_ns : int
        Equal plays at this distance or more become a loop; the classical core needs the time.
    averaged : bool
        Bins are the numbers of the points; otherwise register R1 counts them.
    text : (n,) char
        Filled as far as it has room.
    places : (n_events,) int64
        Filled: where each event's text begins; those of one loop begin together.
    sizes : (2,) int64
        Filled with the characters that the text needs, and the number of instructions.
    ends : (n, 2) int64, optional
        Filled: the same after each point. Only so many points are written then, from `first` on.
    first : int
        The first point that is written.
    steers : (n_events, 2) int32, optional
        Of a sequencer that follows triggers: the mask of addresses and the operator of each event's set_cond, 0 and 0
        where it always happens; 0 and -1 make latch_rst of an event. Nothing is written as a loop then.

    Raises
    ------
    ValueError
        If shapes don't fit.
    """
    cdef text_t out
    cdef Py_ssize_t n_points = bounds.shape[0] - 1
    cdef const int32_t* steer = NULL
    check_bounds(bounds, events.shape[0], " events", "point")
    if places.shape[0] != events.shape[0] or sizes.shape[0] != 2:
        raise ValueError(f"places has {places.shape[0]} rows, sizes {sizes.shape[0]}, not {events.shape[0]} and 2")
    if ends is not None and (ends.shape[1] != 2 or not 0 <= first <= n_points - ends.shape[0]):
        raise ValueError(f"ends are {ends.shape[0]} x {ends.shape[1]}, from point {first} of {n_points} on")
    if ends is None and first:
        raise ValueError(f"points from {first} on, and no ends")
    if steers is not None and (steers.shape[0] != events.shape[0] or steers.shape[1] != 2):
        raise ValueError(f"steers are {steers.shape[0]} x {steers.shape[1]}, not {events.shape[0]} x 2")
    if steers is not None and steers.shape[0]:
        steer = &steers[0, 0]
    out.data = &text[0] if text.shape[0] else NULL
    out.room = text.shape[0]
    out.n = 0
    out.lines = 0
    with nogil:
        if ends is None:
            _emit(events, bounds, 0, n_points, period_ns, loop_from_ns, averaged, steer, &out, places, NULL)
        else:
            _emit(events, bounds, first, first + ends.shape[0], period_ns, loop_from_ns, averaged, steer, &out,
                  places, &ends[0, 0] if ends.shape[0] else NULL)
    sizes[0] = out.n
    sizes[1] = out.lines
