"""The front of a pass: what is to be brought together next, and what a swap gains there and behind it."""

from qctl.cext.router cimport router_t

cdef void open_front(router_t *self, bint backwards) noexcept nogil
cdef void enter_front(router_t *self, int item) noexcept nogil
cdef void leave_front(router_t *self, int item) noexcept nogil
cdef void pass_by(router_t *self, int item, bint backwards) noexcept nogil
cdef void shift(router_t *self, int wire, int sign) noexcept nogil
cdef void shift_ahead(router_t *self, int u, int v, int sign) noexcept nogil
cdef void look_ahead(router_t *self, bint backwards) noexcept nogil
