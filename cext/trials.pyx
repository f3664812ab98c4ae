"""Choose a start layout: a perfect one if there is one, else the best of seeded trials that go there and back."""

from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from qctl.cext.placing cimport perfect_layout
from qctl.cext.router cimport close_router, open_router
from qctl.cext.routing cimport run, swap

cdef extern from "exact.h" nogil:
    int qctl_below(uint64_t *state, int n)
    uint64_t qctl_trial(uint64_t seed, int trial)

cdef extern from "workers.h" nogil:
    ctypedef struct qctl_workers:
        pass
    ctypedef void (*qctl_share)(void *work, int worker, int n_workers) noexcept nogil
    void qctl_hire(qctl_workers *all, int n)
    void qctl_play(qctl_workers *all, qctl_share share, void *work)
    void qctl_dismiss(qctl_workers *all)

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


cdef struct contest_t:
    const meetings_t *meetings
    const graph_t *graph
    const effort_t *effort
    uint64_t seed
    router_t *routers       # one of each worker
    int *rooms              # n_wires + 2 n of each worker
    int first, end          # trials of this round
    bint ordered            # how those behind the first two go
    int bound               # what the rounds before reached
    int *costs              # of each trial, from number -1 on; NO_BOUND if it came to nothing
    int *starts             # its start layout
    uint64_t *draws         # its state of chance before the pass that counts


cdef void one_trial(contest_t *self, router_t *router, int *room, int trial, int *bound) noexcept nogil:
    """Go there and back from a start of chance, and note what the last pass costs."""
    cdef int n = self.meetings.n_wires, r, cost
    router.draws = qctl_trial(self.seed, trial)
    # One of each kind, then more of the better one.
    router.rules.ordered = is_ordered(self, trial)
    if trial < 0:
        chain_layout(self.graph, n, room, room + n)
    else:
        random_layout(self.graph, n, &router.draws, room, room + n)
        for r in range(2 * self.effort.n_rounds):
            if run(router, room, r & 1, False, NO_BOUND) < 0:
                return
            memcpy(room, router.place, n * sizeof(int))
    memcpy(self.starts + <Py_ssize_t> (trial + 1) * n, room, n * sizeof(int))
    self.draws[trial + 1] = router.draws
    cost = run(router, room, False, False, bound[0])
    if cost < 0 or router.stuck or router.failed:
        return
    cost += router.latest       # of two with as many cz, the shallower one
    self.costs[trial + 1] = cost
    if cost < bound[0]:
        bound[0] = cost


cdef bint is_ordered(const contest_t *self, int trial) noexcept nogil:
    return trial <= 0 or (trial > 1 and self.ordered)


cdef void share(void *work, int worker, int n_workers) noexcept nogil:
    """Do one worker's trials of a round."""
    cdef contest_t *self = <contest_t *> work
    cdef int trial = self.first + worker, bound = self.bound
    while trial < self.end:
        one_trial(
            self, self.routers + worker,
            self.rooms + <Py_ssize_t> worker * (self.meetings.n_wires + 2 * self.graph.n + 2), trial, &bound
        )
        trial += n_workers


cdef int best_trial(const contest_t *self, int end) noexcept nogil:
    """Return the cheapest trial, the first of equal ones; -2 if there is none."""
    cdef int trial, best = -2
    for trial in range(-1, end):
        if self.costs[trial + 1] < NO_BOUND and (best < -1 or self.costs[trial + 1] < self.costs[best + 1]):
            best = trial
    return best


cdef int hold_contest(contest_t *self, router_t *router, qctl_workers *team) noexcept nogil:
    """Do all trials: first one of each kind, then more of the better one. Return the best, -2 if there is none."""
    cdef int n = self.meetings.n_wires, best
    # Where almost everyone meets everyone, a chain in the program's order is a start that chance would not find.
    self.first = -1 if 4 * self.meetings.n_pairs > n * (n - 1) else 0
    self.end = 2 if self.effort.n_trials > 2 else self.effort.n_trials
    qctl_play(team, share, self)
    best = best_trial(self, self.end)
    if best >= -1:
        self.bound = self.costs[best + 1]
        self.ordered = is_ordered(self, best)
    self.first = self.end
    self.end = self.effort.n_trials
    if self.first < self.end:
        qctl_play(team, share, self)
    return best_trial(self, self.end)


cdef int search_route(
    router_t *router, const meetings_t *meetings, const graph_t *graph, const effort_t *effort, uint64_t seed, int *layout
) noexcept nogil:
    """Leave the best of all trials in `layout` and the router's rules and draws; 0 if there is no memory, -1 for none."""
    cdef int n = meetings.n_wires, k, best = -2, n_workers, opened = 1, n_all = effort.n_trials + 1
    cdef contest_t contest
    cdef qctl_workers team
    n_workers = 1 if effort.n_threads < 1 else effort.n_threads if effort.n_threads < effort.n_trials else effort.n_trials
    memset(&contest, 0, sizeof(contest_t))
    contest.meetings = meetings
    contest.graph = graph
    contest.effort = effort
    contest.seed = seed
    contest.bound = NO_BOUND
    contest.ordered = True
    contest.routers = <router_t *> calloc(n_workers, sizeof(router_t))
    contest.rooms = <int *> malloc(<size_t> n_workers * (n + 2 * graph.n + 2) * sizeof(int))
    contest.costs = <int *> malloc(n_all * sizeof(int))
    contest.starts = <int *> malloc((<size_t> n_all * n + 1) * sizeof(int))
    contest.draws = <uint64_t *> malloc(n_all * sizeof(uint64_t))
    if contest.routers == NULL or contest.rooms == NULL or contest.costs == NULL or contest.starts == NULL or (
        contest.draws == NULL
    ):
        opened = 0
    else:
        contest.routers[0] = router[0]
        for k in range(1, n_workers):
            opened = opened and open_router(contest.routers + k, router.items, graph)
            contest.routers[k].deadline = router.deadline
        for k in range(n_all):
            contest.costs[k] = NO_BOUND
    if opened:
        qctl_hire(&team, n_workers)
        best = hold_contest(&contest, router, &team)
        qctl_dismiss(&team)
        router[0] = contest.routers[0]
        for k in range(n_workers):
            opened = opened and not contest.routers[k].failed
    if opened and best >= -1:
        memcpy(layout, contest.starts + <Py_ssize_t> (best + 1) * n, n * sizeof(int))
        router.draws = contest.draws[best + 1]
        router.rules.ordered = is_ordered(&contest, best)
    for k in range(1, n_workers):
        if contest.routers != NULL:
            close_router(contest.routers + k)
    free(contest.routers)
    free(contest.rooms)
    free(contest.costs)
    free(contest.starts)
    free(contest.draws)
    return 0 if not opened else 1 if best >= -1 else -1


cdef int best_route(
    router_t *router, const meetings_t *meetings, const graph_t *graph, const effort_t *effort, uint64_t seed, int *layout
) noexcept nogil:
    """Leave the best route in the router's ops, and its start in `layout`; 0 if there is no memory, -1 if no way.

    With a deadline what was found by then counts, and a single pass from any start if there is nothing yet.
    """
    cdef int n = meetings.n_wires, k
    for k in range(n):
        layout[k] = k
    router.rules.ordered = False
    router.draws = seed
    if effort.n_trials:
        k = perfect_layout(meetings, graph, effort.n_visits, seed, router.deadline, layout)
        if k < 0:
            return 0
        if k == 0:
            k = search_route(router, meetings, graph, effort, seed, layout)
            if k == 0:
                return 0
            if k < 0:
                router.rules.ordered = False
                router.draws = seed
                for k in range(n):
                    layout[k] = k
    router.deadline = 0
    run(router, layout, False, True, NO_BOUND)
    return 0 if router.failed else -1 if router.stuck else 1


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
