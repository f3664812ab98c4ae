"""Lay out a coupling graph: neighbours, and the number of edges between every two qubits."""

from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset


cdef int open_graph(graph_t *self, int n, const int *p, const int *q, int n_edges) noexcept nogil:
    """Fill in a coupling graph from its edges; 0 if there is no memory. The edges are kept as they are."""
    cdef int k, at, head, tail, other
    cdef int *queue
    memset(self, 0, sizeof(graph_t))
    self.n = n
    self.n_edges = n_edges
    self.p = p
    self.q = q
    self.near_first = <int *> calloc(n + 2, sizeof(int))
    self.near = <int *> malloc((2 * n_edges + 1) * sizeof(int))
    self.near_edge = <int *> malloc((2 * n_edges + 1) * sizeof(int))
    self.far = <int16_t *> malloc((<size_t> n * n + 1) * sizeof(int16_t))
    queue = <int *> malloc((n + 1) * sizeof(int))
    if self.near_first == NULL or self.near == NULL or self.near_edge == NULL or self.far == NULL or queue == NULL:
        free(queue)
        return 0
    for k in range(n_edges):
        self.near_first[p[k] + 2] += 1
        self.near_first[q[k] + 2] += 1
    for k in range(n):
        self.near_first[k + 2] += self.near_first[k + 1]
    for k in range(n_edges):
        at = self.near_first[p[k] + 1]
        self.near[at] = q[k]
        self.near_edge[at] = k
        self.near_first[p[k] + 1] += 1
        at = self.near_first[q[k] + 1]
        self.near[at] = p[k]
        self.near_edge[at] = k
        self.near_first[q[k] + 1] += 1
    for k in range(n * n):
        self.far[k] = FAR_AWAY
    for k in range(n):
        self.far[k * n + k] = 0
        queue[0] = k
        head = 0
        tail = 1
        while head < tail:
            at = queue[head]
            head += 1
            for other in range(self.near_first[at], self.near_first[at + 1]):
                if self.far[k * n + self.near[other]] == FAR_AWAY:
                    self.far[k * n + self.near[other]] = self.far[k * n + at] + 1
                    queue[tail] = self.near[other]
                    tail += 1
    free(queue)
    return 1


cdef void close_graph(graph_t *self) noexcept nogil:
    free(self.near_first)
    free(self.near)
    free(self.near_edge)
    free(self.far)
    memset(self, 0, sizeof(graph_t))
