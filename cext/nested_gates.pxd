"""The reader of gates in blocks that invert or control them, that readers of program texts build on."""

from libc.stdint cimport int64_t, uint16_t

from qctl.cext.gate_bodies cimport GateBodyReader
from qctl.cext.gate_texts cimport gate_t

cdef enum:  # kinds of blocks
    DAGGER_NEST, CONTROL_NEST

cdef struct item_t:
    uint16_t op
    int n_controls, n_values
    Py_ssize_t first_wire, n_wires  # controls first
    double values[4]

cdef struct nest_t:
    int kind
    Py_ssize_t first_item, first_control, at

cdef struct rule_t:
    uint16_t inverse, base, once, twice  # once, twice: the base under one and two controls
    int turns, n_own  # how the angles are inverted; controls of the opcode itself

cdef class NestedGateReader(GateBodyReader):
    cdef item_t *items
    cdef int64_t *item_wires
    cdef int64_t *controls
    cdef nest_t nests[64]
    cdef rule_t rules[512]
    cdef int n_nests
    cdef Py_ssize_t n_items, items_room, n_item_wires, item_wires_room, n_controls, controls_room

    cdef object nest_word(self)
    cdef int begin_nest(self, int kind, Py_ssize_t at) except -1
    cdef int add_control(self, int64_t qubit, Py_ssize_t at) except -1
    cdef int end_nest(self, int kind, Py_ssize_t at) except -1
    cdef int refuse_open(self) except -1
    cdef int push_item_wire(self, int64_t qubit) except -1
    cdef item_t *push_item(self, uint16_t op, int n_controls) except NULL
    cdef int invert(self, item_t *item, Py_ssize_t at) except -1
    cdef int control(self, item_t *item, Py_ssize_t first, Py_ssize_t at) except -1
    cdef int flush(self) except -1
    cdef int emit_phase(self, double value) except -1
