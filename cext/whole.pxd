"""Whole numbers near a number, in a few instructions of any processor: the library's functions are calls."""

from libc.math cimport fabs, floor


cdef inline double nearest(double x) noexcept nogil:
    """Return the whole number next to a number below 2**51, ties to even; of larger ones a large one."""
    return (x + 6755399441055744.0) - 6755399441055744.0


cdef inline double below(double x) noexcept nogil:
    """Return the largest whole number that is not above a number."""
    cdef double near = nearest(x)
    if not fabs(x) < 1e15:
        return floor(x)
    return near - 1.0 if near > x else near
