"""The reader of gate definitions that readers of program texts build on."""

from qctl.cext.angles cimport qctl_names_t
from qctl.cext.gate_texts cimport GateReader
from qctl.cext.scanner cimport qctl_scan_t

cdef class GateBodyReader(GateReader):
    cdef int check_depth(self, Py_ssize_t gate, Py_ssize_t at) except -1
    cdef Py_ssize_t end_body(self, Py_ssize_t first_call) except -1
    cdef int read_names(self, qctl_names_t *names, what, int end) except -1
    cdef int add_name(self, qctl_names_t *names, what) except -1
    cdef int own_qubit(self, bint may_repeat) except -1
    cdef qctl_scan_t begin_text(self, str text) except *
    cdef Py_ssize_t read_own_qubits(self, bint may_repeat) except -1
    cdef Py_ssize_t add_call(self, Py_ssize_t gate) except -1
    cdef Py_ssize_t read_body(self) except -1
