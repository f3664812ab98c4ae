"""A program as rotations between frames: what is left of it once every one-qubit gate went into its wire's frame.

The frame of a wire is the turn that took place on it so far. A two-qubit rotation exp(-i angle/2 ZZ) between frames A, B is
exp(-i angle/2 (A^-1 Z A)(B^-1 Z B)) at the start, so that two of them commute if they have the same axes on every
wire they share. Rotations that commute on a wire are one group of it.
"""

from libc.stdint cimport uint32_t

from qctl.cext.spins cimport axis_t, spin_t

cdef enum:
    ZZ = 0      # exp(-i angle/2 ZZ) of wires a, b
    TURN = 1    # exp(-i angle/2 e Z) of wire a, e the expression `ref`
    HELD = 2    # a row that stays as it is, on `group_b` wires from `ref` of the pools on
    GONE = 3    # cancelled

cdef struct node_t:
    int kind, a, b
    int group_a, group_b
    int next_a, next_b       # next in the group: 2 node + side, or -1
    int source               # row of the program
    int ref
    double angle
    spin_t fa, fb

cdef struct group_t:
    axis_t axis
    int closed               # holds one HELD row
    int first, n, before     # first of its members as 2 node + side, how many, the wire's group before it

cdef struct angle_t:
    double number, times     # number + times · expression
    uint32_t expression

cdef struct gatelist_t:
    int n_wires
    bint relabel             # a swap gate exchanges names
    int source
    bint failed              # no memory
    spin_t *frames
    int *last                # last group of a wire, or -1
    int *wire                # wire of each qubit of the program
    node_t *nodes
    Py_ssize_t n_nodes, nodes_room
    group_t *groups
    Py_ssize_t n_groups, groups_room
    int *held                # pools of HELD rows: wire, group, frame
    int *held_group
    spin_t *held_frame
    Py_ssize_t n_held, held_room, held_group_room, held_frame_room

cdef int open_list(gatelist_t *self, int n_wires) noexcept nogil
cdef void close_list(gatelist_t *self) noexcept nogil
cdef void turn(gatelist_t *self, int a, spin_t by) noexcept nogil
cdef void turn_z(gatelist_t *self, int a, angle_t angle) noexcept nogil
cdef void rotate(gatelist_t *self, int a, int b, double angle) noexcept nogil
cdef void swap(gatelist_t *self, int q, int p) noexcept nogil
cdef void hold(gatelist_t *self, const int *wires, int n) noexcept nogil
cdef double approximate(gatelist_t *self, double bound) noexcept nogil
cdef void forget(gatelist_t *self, int a) noexcept nogil
