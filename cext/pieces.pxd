"""What one sequencer plays piece by piece, and what each piece is made of."""

from libc.stdint cimport int32_t, int64_t

cdef packed struct Piece:
    int64_t start
    int32_t length
    int32_t entry

cdef packed struct Member:
    int32_t channel
    int32_t waveform
    int32_t offset
    int32_t amplitude
    int32_t phase
    int32_t beat

cdef packed struct Content:
    int32_t length
    int32_t first
    int32_t n_members

cdef packed struct Entry:
    int32_t content
    int32_t amplitude
    int32_t phase
    int32_t oscillator
