"""Lines of text that kernels write into one buffer, and how many they are: programs of instruments' sequencers."""

from libc.stdint cimport int64_t

cdef extern from "line_text.h" nogil:
    ctypedef struct text_t "qctl_lines_t":
        char* data
        int64_t room
        int64_t n
        int64_t lines
    void put "qctl_put"(text_t* text, const char* word, int64_t n)
    void number "qctl_put_number"(text_t* text, int64_t value, int64_t width)
    void decimal "qctl_put_decimal"(text_t* text, int64_t value)


cdef inline void end_line(text_t* text) noexcept nogil:
    put(text, b"\n", 1)
    text.lines += 1
