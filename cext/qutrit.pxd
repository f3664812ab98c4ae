"""Three-level propagation that other kernels share; arguments as in qutrit.pyx."""

cdef void exponential3(double e0, double e1, double e2, double complex drive, double dt, double complex* u) noexcept nogil

cdef void propagate_states(
    const double complex* drive, const double* levels, Py_ssize_t stride, double dt, const double* relax,
    double complex* states, Py_ssize_t n_samples, Py_ssize_t n_states,
) noexcept nogil

cdef void apply_step(double complex* rho, Py_ssize_t n_left, Py_ssize_t n_right, const double complex* d) noexcept nogil

cdef void apply_matrix(double complex* rho, Py_ssize_t n_left, Py_ssize_t n_right, const double* m) noexcept nogil
