"""What times lines of gates alone quickly, as Cython sees it; `late.h` says how."""

from libc.stdint cimport int32_t, int64_t, uint32_t

cdef extern from "late.h" nogil:
    ctypedef struct qctl_late_row:
        pass
    ctypedef struct qctl_late:
        const uint32_t* words
        const int32_t* places
        const int32_t* qubits
        const int32_t* couplers
        const int32_t* pairs
        const int64_t* lengths
        int64_t* free
        char* touched
        int64_t n_qubits
    int qctl_late_line(const qctl_late* on, const qctl_late_row* rows, int64_t n, int32_t* order, int32_t* joined,
                       int64_t* counts, int64_t* starts) noexcept
    int qctl_late_fits(const int32_t* qubits, int64_t n_qubits, const int32_t* qubit_lines, const int64_t* lengths,
                       int64_t n_lengths, int64_t n, int64_t* owner, int64_t n_free) noexcept
