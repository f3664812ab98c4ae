"""Search a layout in which every two wires that meet are on coupled qubits: back-tracking with a budget of visits.

Neighbours of what is placed are tried first, those with the fewest free neighbours before others (H. C. von Warnsdorff,
1823), so that long chains fill a grid without holes.
"""

from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

cdef extern from "exact.h" nogil:
    int qctl_below(uint64_t *state, int n)

cdef extern from "moment.h" nogil:
    int64_t qctl_moment()

cdef enum:
    N_TRIES = 4


cdef int open_meetings(meetings_t *self, const skeleton_t *items) noexcept nogil:
    """Count who meets whom; 0 if there is no memory."""
    cdef int k, a, b, j, side, at, n = items.n_wires
    cdef int *room
    memset(self, 0, sizeof(meetings_t))
    self.n_wires = n
    self.first = <int *> calloc(n + 2, sizeof(int))
    self.with_ = <int *> malloc((2 * items.n_items + 1) * sizeof(int))
    self.times = <int *> malloc((2 * items.n_items + 1) * sizeof(int))
    room = <int *> calloc(n + 2, sizeof(int))
    if self.first == NULL or self.with_ == NULL or self.times == NULL or room == NULL:
        free(room)
        return 0
    for k in range(items.n_items):
        if items.b[k] >= 0:
            room[items.a[k] + 1] += 1
            room[items.b[k] + 1] += 1
    for k in range(n):
        room[k + 1] += room[k]
        self.first[k] = room[k]     # where the wire's meetings begin, for now with gaps behind them
    for k in range(items.n_items):
        if items.b[k] < 0:
            continue
        for side in range(2):
            a = items.b[k] if side else items.a[k]
            b = items.a[k] if side else items.b[k]
            j = self.first[a]
            while j < room[a] and self.with_[j] != b:
                j += 1
            if j == room[a]:
                self.with_[j] = b
                self.times[j] = 0
                room[a] += 1
                self.n_pairs += 1
            self.times[j] += items.cost[k]
    at = 0
    for k in range(n):
        j = self.first[k]
        self.first[k] = at
        while j < room[k]:
            self.with_[at] = self.with_[j]
            self.times[at] = self.times[j]
            at += 1
            j += 1
    self.first[n] = at
    self.n_pairs //= 2
    free(room)
    return 1


cdef void close_meetings(meetings_t *self) noexcept nogil:
    free(self.first)
    free(self.with_)
    free(self.times)
    memset(self, 0, sizeof(meetings_t))


cdef inline int degree(const meetings_t *meetings, int w) noexcept nogil:
    return meetings.first[w + 1] - meetings.first[w]


cdef inline int valence(const graph_t *graph, int p) noexcept nogil:
    return graph.near_first[p + 1] - graph.near_first[p]


cdef int two_coloured(int n, const int *first, const int *other, int *colour, int *queue) noexcept nogil:
    """Say whether a graph has no odd cycle."""
    cdef int s, k, at, head, tail
    for s in range(n):
        colour[s] = -1
    for s in range(n):
        if colour[s] >= 0:
            continue
        colour[s] = 0
        queue[0] = s
        head = 0
        tail = 1
        while head < tail:
            at = queue[head]
            head += 1
            for k in range(first[at], first[at + 1]):
                if colour[other[k]] < 0:
                    colour[other[k]] = 1 - colour[at]
                    queue[tail] = other[k]
                    tail += 1
                elif colour[other[k]] == colour[at]:
                    return 0
    return 1


cdef bint possible(const meetings_t *meetings, const graph_t *graph, int *colour, int *queue) noexcept nogil:
    """Say whether the numbers of neighbours and the colours leave room for a perfect layout."""
    cdef int k, d, there, needed = 0, had = 0
    if meetings.n_pairs > graph.n_edges:
        return False
    for d in range(20, 0, -1):
        needed = 0
        had = 0
        for k in range(meetings.n_wires):
            needed += degree(meetings, k) >= d
        for k in range(graph.n):
            had += valence(graph, k) >= d
        if needed > had:
            return False
    there = two_coloured(graph.n, graph.near_first, graph.near, colour, queue)
    return not there or two_coloured(meetings.n_wires, meetings.first, meetings.with_, colour, queue)


cdef int in_order(const meetings_t *meetings, int *order, int *before, int *seen) noexcept nogil:
    """Fill in the wires that meet any, each but a group's first behind one it meets; return how many."""
    cdef int n = meetings.n_wires, n_order = 0, w, k, best, most, value
    for w in range(n):
        seen[w] = -1 if degree(meetings, w) == 0 else 0     # how many of its neighbours are in the order
        before[w] = -1
    while True:
        best = -1
        most = -1
        for w in range(n):
            if seen[w] < 0:
                continue
            # A chain begins at its end, anything else at its busiest.
            value = degree(meetings, w) if seen[w] or degree(meetings, w) != 1 else 3
            value += 1000 * seen[w]
            if value > most:
                most = value
                best = w
        if best < 0:
            return n_order
        order[n_order] = best
        n_order += 1
        seen[best] = -1
        for k in range(meetings.first[best], meetings.first[best + 1]):
            w = meetings.with_[k]
            if seen[w] >= 0:
                seen[w] += 1
                if before[w] < 0:
                    before[w] = best


cdef int options(
    const meetings_t *meetings, const graph_t *graph, int w, int before, const int *layout, const int *who, int *found,
    int *keys, uint64_t *draws, bint shuffled
) noexcept nogil:
    """Fill in where a wire may go, the best last; return how many there are."""
    cdef int n = 0, k, j, p, key, first, end
    cdef bint fits
    if before >= 0:
        first = graph.near_first[layout[before]]
        end = graph.near_first[layout[before] + 1]
    else:
        first = 0
        end = graph.n
    for k in range(first, end):
        p = graph.near[k] if before >= 0 else k
        if who[p] >= 0 or valence(graph, p) < degree(meetings, w):
            continue
        fits = True
        for j in range(meetings.first[w], meetings.first[w + 1]):
            if layout[meetings.with_[j]] >= 0 and graph.far[layout[meetings.with_[j]] * graph.n + p] != 1:
                fits = False
                break
        if not fits:
            continue
        key = 0
        for j in range(graph.near_first[p], graph.near_first[p + 1]):
            key += who[graph.near[j]] < 0
        key = key * 64 + (qctl_below(draws, 64) if shuffled else (0 if p == w else 1))
        j = n
        while j > 0 and keys[j - 1] < key:
            keys[j] = keys[j - 1]
            found[j] = found[j - 1]
            j -= 1
        keys[j] = key
        found[j] = p
        n += 1
    return n


cdef int search(
    const meetings_t *meetings, const graph_t *graph, const int *order, const int *before, int n_order, int n_visits,
    uint64_t *draws, bint shuffled, int64_t deadline, int *layout, int *who, int *found, int *n_found, int *keys
) noexcept nogil:
    """Place the wires of an order one after the other; 1 if all are placed."""
    cdef int k = 0, w, p
    while k < n_order:
        w = order[k]
        if layout[w] < 0:
            n_found[k] = options(
                meetings, graph, w, before[w], layout, who, found + k * graph.n, keys, draws, shuffled
            )
        else:
            who[layout[w]] = -1
            layout[w] = -1
        if n_found[k] == 0:
            k -= 1
            if k < 0:
                return 0
            continue
        n_visits -= 1
        if n_visits < 0 or (deadline and n_visits % 64 == 0 and qctl_moment() > deadline):
            return 0
        n_found[k] -= 1
        p = found[k * graph.n + n_found[k]]
        layout[w] = p
        who[p] = w
        k += 1
    return 1


cdef void fill_up(int n_wires, int n, int *layout, int *who) noexcept nogil:
    """Place the wires that meet nobody, on their own numbers where these are free."""
    cdef int w, p = 0
    for w in range(n_wires):
        if layout[w] < 0 and who[w] < 0:
            layout[w] = w
            who[w] = w
    for w in range(n_wires):
        if layout[w] < 0:
            while who[p] >= 0:
                p += 1
            layout[w] = p
            who[p] = w


cdef int perfect_layout(
    const meetings_t *meetings, const graph_t *graph, int n_visits, uint64_t seed, int64_t deadline, int *layout
) noexcept nogil:
    """Fill in a perfect layout, the program's own numbers if they are one; 0 if none was found, -1 without memory."""
    cdef int n = meetings.n_wires, k, j, attempt, n_order, found = 1
    cdef int *room
    for k in range(n):
        layout[k] = k
        for j in range(meetings.first[k], meetings.first[k + 1]):
            found = found and graph.far[k * graph.n + meetings.with_[j]] == 1
    if found or n_visits == 0:
        return found
    room = <int *> malloc((<size_t> graph.n * graph.n + 8 * graph.n + 16) * sizeof(int))
    if room == NULL:
        return -1
    if possible(meetings, graph, room, room + graph.n):
        n_order = in_order(meetings, room, room + graph.n, room + 2 * graph.n)
        for attempt in range(N_TRIES):
            for k in range(graph.n):
                room[3 * graph.n + k] = -1
            for k in range(n):
                layout[k] = -1
            found = search(
                meetings, graph, room, room + graph.n, n_order, n_visits // N_TRIES, &seed, attempt > 0, deadline, layout,
                room + 3 * graph.n, room + 6 * graph.n + 8, room + 4 * graph.n, room + 5 * graph.n,
            )
            if found:
                fill_up(n, graph.n, layout, room + 3 * graph.n)
                break
    free(room)
    return found
