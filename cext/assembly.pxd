"""Lines of text that kernels write into one buffer, and how many they are: assembly of instruments' processors."""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

cdef struct text_t:
    char* data
    int64_t room
    int64_t n
    int64_t lines


cdef inline void put(text_t* text, const char* word, Py_ssize_t n) noexcept nogil:
    if text.n + n <= text.room:
        memcpy(text.data + text.n, word, n)
    text.n += n


cdef inline void number(text_t* text, int64_t value, Py_ssize_t width) noexcept nogil:
    """Write a decimal number, filled up with blanks on the left: what a patch may change has a fixed width."""
    cdef char[32] digits
    cdef Py_ssize_t at = 32
    cdef uint64_t rest = <uint64_t> (value if value >= 0 else -value)
    while True:
        at -= 1
        digits[at] = <char> (48 + rest % 10)
        rest //= 10
        if not rest:
            break
    if value < 0:
        at -= 1
        digits[at] = 45
    while 32 - at < width:
        at -= 1
        digits[at] = 32
    put(text, digits + at, 32 - at)


cdef inline void end_line(text_t* text) noexcept nogil:
    put(text, b"\n", 1)
    text.lines += 1
