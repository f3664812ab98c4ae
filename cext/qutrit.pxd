"""Three-level exponentials that other kernels share."""

cdef void exponential3(double e0, double e1, double e2, double complex drive, double dt, double complex* u) noexcept nogil
