"""Assembly of a QICK tProcessor v2 for many points, written into one buffer; equal stretches become loops."""

from libc.stdint cimport int64_t

from qctl.cext.assembly cimport end_line, number, put, text_t
from qctl.cext.bounds cimport check_bounds

WAVE = 0
"""Kind of an event: an entry of wave memory goes to a generator or readout."""
PORT = 1
"""Kind of an event: a word goes to a data port."""
SET = 2
"""Kind of an event: a trigger line goes up."""
CLEAR = 3
"""Kind of an event: a trigger line goes down."""
JUMP_COST = 4
"""What a taken jump costs, in instructions."""

cdef enum:
    _START = 0
    _KIND = 1
    _PORT = 2
    _VALUE = 3
    _LONGEST_BLOCK = 8
    _FEWEST_TURNS = 3
    _LOOP = 5
    _TURN = 7
    _JUMP = 4
    _NEAR = 4194304


cdef inline void advance(text_t* text, int64_t ticks) noexcept nogil:
    """Move the time that instructions count from."""
    put(text, b"TIME #", 6)
    number(text, ticks, 0)
    put(text, b" inc_ref", 8)
    end_line(text)


cdef void one(text_t* text, const int64_t* event, int64_t since) noexcept nogil:
    """Write one event, at its time after `since`."""
    if event[_KIND] == 0:
        put(text, b"WPORT_WR p", 10)
        number(text, event[_PORT], 0)
        put(text, b" wmem [&", 8)
        number(text, event[_VALUE], 0)
        put(text, b"] @", 3)
    elif event[_KIND] == 1:
        put(text, b"DPORT_WR p", 10)
        number(text, event[_PORT], 0)
        put(text, b" imm ", 5)
        number(text, event[_VALUE], 0)
        put(text, b" @", 2)
    else:
        put(text, b"TRIG p", 6)
        number(text, event[_PORT], 0)
        if event[_KIND] == 2:
            put(text, b" set @", 6)
        else:
            put(text, b" clr @", 6)
    number(text, event[_START] - since, 0)
    end_line(text)


cdef int64_t turns_of(const int64_t* event, int64_t n, int64_t m) noexcept nogil:
    """Return how often the first `m` of `n` events stand one after the other, at equal distances."""
    cdef int64_t k = m, distance
    if 2 * m > n:
        return 1
    distance = event[4 * m] - event[0]
    while (k < n and event[4 * k] - event[4 * (k - m)] == distance and event[4 * k + 1] == event[4 * (k - m) + 1]
            and event[4 * k + 2] == event[4 * (k - m) + 2] and event[4 * k + 3] == event[4 * (k - m) + 3]):
        k += 1
    return k // m


cdef void _emit(
    const int64_t* events, const int64_t* bounds, int64_t n_points, int64_t period, int64_t resume, double pace,
    text_t* text, int64_t* done
) noexcept nogil:
    cdef int64_t p, k, end, m, best, turns, found, since, distance, spent, i, j
    for p in range(n_points):
        k = bounds[p]
        end = bounds[p + 1]
        since = spent = 0
        while k < end:
            best = turns = 1
            # A stretch may be a loop if its own time is long enough for the instructions around it.
            for m in range(1, _LONGEST_BLOCK + 1):
                found = turns_of(events + 4 * k, end - k, m)
                found -= 1  # the last one stands behind the loop, so that no time is passed before it is over
                if found < _FEWEST_TURNS or found * m <= best * turns or found * m <= m + _LOOP:
                    continue
                if (events[4 * (k + m)] - events[4 * k]) >= (m + _TURN) * pace:
                    best = m
                    turns = found
            if turns == 1:
                one(text, events + 4 * k, since)
                spent += 1
                done[k] = spent
                k += 1
                continue
            distance = events[4 * (k + best)] - events[4 * k]
            put(text, b"REG_WR r1 imm #0\nL", 18)
            text.lines += 1
            number(text, k, 0)
            put(text, b":\n", 2)
            for i in range(best):
                one(text, events + 4 * (k + i), since)
            advance(text, distance)
            put(text, b"REG_WR s15 label L", 18)
            number(text, k, 0)
            end_line(text)
            put(text, b"TEST -op(r1 - #", 15)
            number(text, turns - 1, 0)
            put(text, b")\nJUMP [s15] -if(NZ) -wr(r1 op) -op(r1 + #1)", 44)
            text.lines += 1
            end_line(text)
            spent += 1
            for j in range(turns):
                for i in range(best):
                    spent += 1
                    done[k + j * best + i] = spent
                spent += 3 + _JUMP
            since += distance * turns
            k += best * turns
        if resume - since > _NEAR:
            advance(text, resume - since)
            since = resume
        put(text, b"REG_WR s15 label SKIP\nWAIT [s15] @", 34)
        number(text, resume - since, 0)
        put(text, b" time", 5)
        text.lines += 2
        end_line(text)
        advance(text, period - since)


def emit(
    const int64_t[:, ::1] events not None, const int64_t[::1] bounds not None, int64_t period, int64_t resume,
    double ticks_per_instruction, char[::1] text not None, int64_t[::1] done not None, int64_t[::1] sizes not None,
):
    """Write all points of a shot, without what is around them.

    Parameters
    ----------
    events : (n_events, 4) int64
        Start in ticks of the timing clock after the point's, kind, port, and entry of wave memory or data word; each
        point's in order of time.
    bounds : (n_points + 1,) int64
        Events of each point.
    period : int
        Ticks from point to point.
    resume : int
        Tick of a point at which the processor goes on to the next one.
    ticks_per_instruction : float
        Ticks that an instruction takes: equal stretches become loops where there is time for them.
    text : (n,) char
        Filled as far as it has room.
    done : (n_events,) int64
        Filled: instructions from the point's start to the end of each event's, a jump counting `JUMP_COST`.
    sizes : (2,) int64
        Filled with the characters that the text needs, and the number of instructions.

    Raises
    ------
    ValueError
        If shapes or bounds don't fit.
    """
    cdef text_t out
    cdef Py_ssize_t n_points = bounds.shape[0] - 1
    check_bounds(bounds, events.shape[0], " events", "point")
    if events.shape[1] != 4 or done.shape[0] != events.shape[0] or sizes.shape[0] != 2:
        raise ValueError(
            f"events are {events.shape[0]} x {events.shape[1]}, done {done.shape[0]}, sizes {sizes.shape[0]}; not n x 4, n, 2"
        )
    out.data = &text[0] if text.shape[0] else NULL
    out.room = text.shape[0]
    out.n = 0
    out.lines = 0
    with nogil:
        _emit(
            &events[0, 0] if events.shape[0] else NULL, &bounds[0], n_points, period, resume, ticks_per_instruction,
            &out, &done[0] if done.shape[0] else NULL,
        )
    sizes[0] = out.n
    sizes[1] = out.lines
