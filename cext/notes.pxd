"""Plays of one point in one sequencer's numbers, and how they are put in order of time."""

from libc.stdint cimport int32_t, int64_t

cdef struct note_t:
    int64_t start
    int64_t end
    int32_t row
    int32_t channel
    int32_t waveform
    int32_t amplitude
    int32_t frequency
    double turns


cdef inline note_t* in_order(note_t* notes, note_t* spare, int64_t n) noexcept nogil:
    """Sort by start; equal starts keep their order."""
    cdef int64_t width = 1, low, middle, high, a, b, k
    cdef note_t* other
    for k in range(1, n):
        if notes[k].start < notes[k - 1].start:
            break
    else:
        return notes
    while width < n:
        low = 0
        while low < n:
            middle = low + width if low + width < n else n
            high = low + 2 * width if low + 2 * width < n else n
            a = low
            b = middle
            for k in range(low, high):
                if a < middle and (b >= high or notes[a].start <= notes[b].start):
                    spare[k] = notes[a]
                    a += 1
                else:
                    spare[k] = notes[b]
                    b += 1
            low = high
        other = notes
        notes = spare
        spare = other
        width *= 2
    return notes
