"""What one sequencer does, in its own numbers."""

from libc.stdint cimport int32_t, int64_t

cdef packed struct Event:
    int64_t start
    int32_t length
    int32_t gain
    int32_t steps
    int32_t phase
    int32_t i
    int32_t q
    int32_t acquisition
    int32_t weights
