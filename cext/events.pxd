"""What one sequencer does, in its own numbers."""

from libc.stdint cimport int32_t, int64_t

from qctl.cext.whole cimport below, nearest

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


cdef inline int32_t phase_steps(double turns, double phase_rad) noexcept nogil:
    """Return what the NCO is set to, in 1e-9 turns, whose carrier has made so many turns at phase 0."""
    cdef int32_t steps
    turns -= phase_rad * 0.15915494309189535
    turns -= below(turns)
    steps = <int32_t> nearest(turns * 1e9)
    return 0 if steps >= 1000000000 else steps
