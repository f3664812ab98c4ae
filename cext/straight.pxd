"""Rows, plays and captures as C sees them: rows are the instruction format's, with numbers in the place of expressions."""

from libc.stdint cimport int64_t, uint16_t, uint32_t

cdef extern from "wide.h" nogil:
    ctypedef long long wide_t  # in truth 128 bits: only whole assignments, sums and comparisons of it are safe
    wide_t wide_load(const int64_t* pair)
    void wide_store(int64_t* pair, wide_t value)
    wide_t wide_zero()
    int64_t wide_ticks(wide_t t, wide_t num, wide_t den, wide_t* error)
    int64_t wide_lasts(wide_t t, wide_t length, wide_t num, wide_t den, int64_t start, bint* ragged)
    double wide_seconds(wide_t t, wide_t unit)

cdef packed struct Row:
    uint16_t op
    uint16_t flags
    uint32_t a
    uint32_t b
    uint32_t c

cdef packed struct Play:
    uint32_t port
    uint32_t waveform
    int64_t start
    double amplitude
    double frequency_hz
    double phase_rad

cdef packed struct Capture:
    uint32_t port
    uint32_t capture
    int64_t start
