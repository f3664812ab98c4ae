"""Exponentials of small matrices, for other kernels; complex numbers are pairs of doubles."""

cdef void multiply(const double* a, const double* b, double* c, int m) noexcept nogil
cdef void exponential(double* h, double dt, double* out, double* work, int m) noexcept nogil
cdef void exponential_real(double* h, double dt, double* out, int m) noexcept nogil
