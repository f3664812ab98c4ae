"""What of a program matters for routing: who has to meet whom, and in which order."""

from libc.stdint cimport int8_t

from qctl.cext.native cimport kinds_t
from qctl.cext.gatelist cimport gatelist_t
from qctl.cext.weyl cimport canonical_t

cdef struct skeleton_t:
    int n_wires, n_items, n_groups
    int *a              # wires of each item that acts on two; a of any other, with b = -1
    int *b
    int *node_first     # n_items + 1, into nodes: the rotations that an item is made of, in order
    int *nodes
    int *side_first     # n_items + 1, into sides: the groups that an item is in
    int *sides
    int *member_first   # n_groups + 1, into members: the items of a group, which commute on its wire
    int *members
    int *wire_first     # n_wires + 1: the groups of a wire, in order
    int *group_wire
    int8_t *cost        # cz of an item, and of it with a swap behind
    int8_t *cost_swapped
    canonical_t *forms

cdef int open_skeleton(skeleton_t *self, const gatelist_t *gates, const kinds_t *kinds, double bound) noexcept nogil
cdef void close_skeleton(skeleton_t *self) noexcept nogil
