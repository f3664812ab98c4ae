"""Choose a start layout: a perfect one if there is one, else the best of seeded trials that go there and back."""

from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from qctl.cext.placing cimport perfect_layout
from qctl.cext.routing cimport run, swap

cdef extern from "exact.h" nogil:
    int qctl_below(uint64_t *state, int n)

cdef enum:
    NO_BOUND = 0x7FFFFFFF


cdef void random_layout(const graph_t *graph, int n_wires, uint64_t *draws, int *layout, int *queue) noexcept nogil:
    """Put the wires in random order on a patch around a random qubit."""
    cdef int n = 1, head = 0, k, j, at, kept
    cdef int *seen = queue + graph.n
    for k in range(graph.n):
        seen[k] = 0
    queue[0] = qctl_below(draws, graph.n)
    seen[queue[0]] = 1
    while n < n_wires:
        if head == n:       # the next part of a graph that hangs not together
            k = 0
            while seen[k]:
                k += 1
            queue[n] = k
            seen[k] = 1
            n += 1
            continue
        at = queue[head]
        head += 1
        for k in range(graph.near_first[at], graph.near_first[at + 1]):
            if not seen[graph.near[k]]:
                seen[graph.near[k]] = 1
                queue[n] = graph.near[k]
                n += 1
    for k in range(n_wires - 1, 0, -1):
        j = qctl_below(draws, k + 1)
        kept = queue[k]
        queue[k] = queue[j]
        queue[j] = kept
    memcpy(layout, queue, n_wires * sizeof(int))


cdef void chain_layout(const graph_t *graph, int n_wires, int *layout, int *order) noexcept nogil:
    """Put the wires in their own order along a walk, always on to where the fewest ways lead on (Warnsdorff, 1823)."""
    cdef int n = 0, k, j, i, at = -1, back = 0, best, fewest, ways
    cdef int *seen = order + graph.n
    for k in range(graph.n):
        seen[k] = 0
    while n < n_wires:
        best = -1
        fewest = 0x7FFFFFFF
        for k in range(graph.near_first[at] if at >= 0 else 0, graph.near_first[at + 1] if at >= 0 else graph.n):
            j = graph.near[k] if at >= 0 else k
            if seen[j]:
                continue
            ways = 0
            for i in range(graph.near_first[j], graph.near_first[j + 1]):
                ways += not seen[graph.near[i]]
            if ways < fewest:
                fewest = ways
                best = j
        if best < 0:        # a dead end: on from the last place that has ways left
            back -= 1
            at = order[back] if back >= 0 else -1
            continue
        order[n] = at = best
        seen[best] = 1
        n += 1
        back = n - 1
    memcpy(layout, order, n_wires * sizeof(int))


cdef int best_route(
    router_t *router, const meetings_t *meetings, const graph_t *graph, const effort_t *effort, uint64_t seed, int *layout
) noexcept nogil:
    """Leave the best route in the router's ops, and its start in `layout`; 0 if there is no memory, -1 if no way."""
    cdef int n = meetings.n_wires, k, r, trial, cost, rounds, best = NO_BOUND
    cdef bint ordered = True
    cdef uint64_t draws, kept = 0
    cdef int *room
    for k in range(n):
        layout[k] = k
    router.rules.ordered = False
    if effort.n_trials == 0:
        router.draws = seed
        run(router, layout, False, True, NO_BOUND)
        return 0 if router.failed else -1 if router.stuck else 1
    k = perfect_layout(meetings, graph, effort.n_visits, seed, layout)
    if k < 0:
        return 0
    if k:
        run(router, layout, False, True, NO_BOUND)
        return 0 if router.failed else 1
    room = <int *> malloc((n + 2 * graph.n + 2) * sizeof(int))
    if room == NULL:
        return 0
    # Where almost everyone meets everyone, a chain in the program's order is a start that chance would not find.
    for trial in range(-1 if 4 * meetings.n_pairs > n * (n - 1) else 0, effort.n_trials):
        router.draws = seed * 0x2545F4914F6CDD1Du + <uint64_t> trial
        # One of each kind, then more of the better one.
        router.rules.ordered = trial <= 0 or (trial > 1 and ordered)
        if trial < 0:
            chain_layout(graph, n, room, room + n)
        else:
            random_layout(graph, n, &router.draws, room, room + n)
            for r in range(effort.n_rounds):
                run(router, room, False, False, NO_BOUND)
                memcpy(room, router.place, n * sizeof(int))
                run(router, room, True, False, NO_BOUND)
                memcpy(room, router.place, n * sizeof(int))
        draws = router.draws
        cost = run(router, room, False, False, best)
        if cost < 0 or router.stuck:
            continue
        cost += router.latest       # of two with as many cz, the shallower one
        if cost < best:
            best = cost
            kept = draws
            ordered = router.rules.ordered
            memcpy(layout, room, n * sizeof(int))
    free(room)
    if best == NO_BOUND:
        return 0 if router.failed else -1
    router.draws = kept
    router.rules.ordered = ordered
    run(router, layout, False, True, NO_BOUND)
    return 0 if router.failed else 1


cdef int bring_home(router_t *router, const graph_t *graph, const int *home) noexcept nogil:
    """Swap every wire to its home, one after the other along ways free of those at home; 0 if there is no memory."""
    cdef int n = graph.n, k, j, at, head, tail, goal, w
    cdef int *order = <int *> malloc((5 * n + 5) * sizeof(int))
    cdef int *closed = order + n + 1
    cdef int *before = order + 2 * n + 2
    cdef int *queue = order + 3 * n + 3
    cdef int *wanted = order + 4 * n + 4
    if order == NULL:
        return 0
    for k in range(n):
        closed[k] = 0
        wanted[k] = -1
    for k in range(router.items.n_wires):
        wanted[home[k]] = k
    tail = 0
    for k in range(n):      # breadth first: taken off from behind, the rest hangs together
        if closed[k]:
            continue
        closed[k] = 1
        order[tail] = k
        head = tail
        tail += 1
        while head < tail:
            at = order[head]
            head += 1
            for j in range(graph.near_first[at], graph.near_first[at + 1]):
                if not closed[graph.near[j]]:
                    closed[graph.near[j]] = 1
                    order[tail] = graph.near[j]
                    tail += 1
    for k in range(n):
        closed[k] = 0
    for k in range(n - 1, -1, -1):
        goal = order[k]
        w = wanted[goal]
        for j in range(n):
            before[j] = -1
        queue[0] = goal         # from the goal, so that `before` leads to it
        before[goal] = goal
        head = 0
        tail = 1
        at = goal               # a home without a wire is left to nobody
        while router.who[at] != w:
            for j in range(graph.near_first[at], graph.near_first[at + 1]):
                if before[graph.near[j]] < 0 and not closed[graph.near[j]]:
                    before[graph.near[j]] = at
                    queue[tail] = graph.near[j]
                    tail += 1
            head += 1
            at = queue[head]
        while at != goal:
            swap(router, at, before[at])
            at = before[at]
        closed[goal] = 1
    free(order)
    return not router.failed
