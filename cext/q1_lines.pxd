"""How lines of Q1ASM are written, and when one says the same as the one before it."""

from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.string cimport memcpy

from qctl.cext.assembly cimport end_line, number, put, text_t
from qctl.cext.events cimport Event

cdef enum:
    LONGEST = 65535
    CHUNK = 65528
    SHORTEST = 4
    LEAD = 4
    LOOPED_RUN = 4
    UNKNOWN = -2147483647


cdef inline void command(text_t* text, const char* word, Py_ssize_t n, int64_t value, Py_ssize_t width) noexcept nogil:
    put(text, word, n)
    number(text, value, width)
    end_line(text)


cdef inline int64_t part(int64_t duration) noexcept nogil:
    """Return how long one instruction lasts of a time, so that the wait behind it has at least 4 ns."""
    return duration if duration <= LONGEST else CHUNK


cdef inline bint alike(const Event* a, const Event* b) noexcept nogil:
    """Say whether two plays are written alike."""
    return (a.acquisition < 0 and b.acquisition < 0 and a.i == b.i and a.q == b.q and a.gain == b.gain
            and a.phase == b.phase and a.steps == b.steps)


cdef struct tail_t:
    # "play …" as it was written last: most plays of a sequencer differ in nothing but their phase
    char[64] text
    Py_ssize_t n
    int64_t lasts
    int32_t i, q


cdef inline void phase_of(char* to, uint32_t value) noexcept nogil:
    """Write a number below 10**9 to 9 places, with blanks before it."""
    cdef char* end = to + 9
    memcpy(to, b"         ", 9)
    while value >= 10:
        end -= 1
        end[0] = <char> (48 + value % 10)
        value //= 10
    (end - 1)[0] = <char> (48 + value)


cdef inline bint again(text_t* text, tail_t* tail, const Event* before, const Event* event, int64_t gap) noexcept nogil:
    """Write a play that differs from the event before it in its phase alone; return whether that is what it is."""
    cdef text_t line
    cdef char* to
    if (event.acquisition >= 0 or gap > LONGEST or before.steps != event.steps or before.gain != event.gain
            or text.room - text.n < 96 or event.phase < 0):
        return False
    if tail.lasts != gap or tail.i != event.i or tail.q != event.q:
        line.data, line.room, line.n, line.lines = tail.text, 64, 0, 0
        put(&line, b"play ", 5)
        number(&line, event.i, 0)
        put(&line, b",", 1)
        number(&line, event.q, 0)
        command(&line, b",", 1, gap, 0)
        tail.n, tail.lasts, tail.i, tail.q = line.n, gap, event.i, event.q
    to = text.data + text.n
    if before.phase != event.phase:
        memcpy(to, b"set_ph ", 7)
        phase_of(to + 7, <uint32_t> event.phase)
        to[16] = 10
        to += 17
        text.lines += 1
        text.n += 17
    memcpy(to, tail.text, 64)
    text.lines += 1
    text.n += tail.n
    return True
