"""Translate a straight line of instructions to a target: native rows from rows, all of it without Python objects."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from qctl.cext.blocks cimport plan_t, write
from qctl.cext.coupling cimport close_graph, graph_t, open_graph
from qctl.cext.expand cimport expand
from qctl.cext.opcodes cimport FIRST_GATE, LAST_GATE, OP_BARRIER, OP_MEASURE, OP_NOP, OP_RESET
from qctl.cext.operands cimport check_rows, row_qubits, source_t
from qctl.cext.gatelist cimport approximate, close_list, forget, gatelist_t, hold, open_list
from qctl.cext.native cimport N_TWO, ONE_RPHI, close_native, native_t, open_native
from qctl.cext.placing cimport close_meetings, meetings_t, open_meetings
from qctl.cext.records cimport instruction_t
from qctl.cext.router cimport close_router, open_router, router_t
from qctl.cext.skeleton cimport close_skeleton, open_skeleton, skeleton_t
from qctl.cext.trials cimport best_route, bring_home, effort_t

cdef extern from "moment.h" nogil:
    int64_t qctl_moment()

cdef enum:
    DONE = 0
    NO_MEMORY = 1
    BAD_ROW = 2         # `where` is its index
    NO_COUPLER = 3      # `where`, `other` are the qubits
    NO_WAY = 4

cdef struct job_t:
    source_t source
    gatelist_t gates
    skeleton_t items
    meetings_t meetings
    graph_t graph
    router_t router
    native_t out
    effort_t effort
    uint64_t seed
    bint complete, fixed, home
    double bound
    double time_limit_s
    const uint8_t *one_way
    int *layout
    int *last_layout
    int *goals
    int *ends
    int *end_wires
    uint8_t *is_end
    int n_ends
    Py_ssize_t where, other


cdef void close_job(job_t *self) noexcept nogil:
    close_list(&self.gates)
    close_skeleton(&self.items)
    close_meetings(&self.meetings)
    close_graph(&self.graph)
    close_router(&self.router)
    close_native(&self.out)
    free(self.layout)
    free(self.last_layout)
    free(self.goals)
    free(self.ends)
    free(self.end_wires)
    free(self.is_end)
    memset(self, 0, sizeof(job_t))


cdef void find_ends(job_t *self, uint32_t *touched) noexcept nogil:
    """Mark the measurements that end their qubit's part, with no barrier behind them that holds back anything else."""
    cdef uint32_t *qubits = touched + self.source.n_qubits + 1
    cdef Py_ssize_t i
    cdef int n, k, q
    cdef bint busy = False
    for i in range(self.source.n_rows - 1, -1, -1):
        n = row_qubits(&self.source, i, qubits)
        if n < 0:           # pulses act on lines: names stay with them
            self.gates.relabel = False
            for k in range(self.source.n_qubits):
                touched[k] = 1
            continue
        if self.source.rows[i].op == OP_MEASURE and not touched[qubits[0]]:
            self.is_end[i] = 1
            self.n_ends += 1
            touched[qubits[0]] = 1
            continue
        if self.source.rows[i].op == OP_BARRIER and not busy:
            continue
        if self.source.rows[i].op != OP_BARRIER:
            busy = True
        for k in range(n):
            touched[qubits[k]] = 1


cdef void read(job_t *self, uint32_t *qubits, int *wires) noexcept nogil:
    """Read the rows into the list of gates."""
    cdef gatelist_t *gates = &self.gates
    cdef Py_ssize_t i
    cdef int n, k
    self.n_ends = 0
    for i in range(self.source.n_rows):
        gates.source = <int> i
        if self.source.rows[i].op >= FIRST_GATE and self.source.rows[i].op <= LAST_GATE:
            expand(gates, &self.source, i)
            continue
        if self.source.rows[i].op == OP_NOP:
            continue
        n = row_qubits(&self.source, i, qubits)
        if self.is_end[i]:
            self.ends[self.n_ends] = <int> i
            self.end_wires[self.n_ends] = gates.wire[qubits[0]]
            self.n_ends += 1
            continue
        if n < 0:           # pulses act on lines: nothing passes them
            n = gates.n_wires
            for k in range(n):
                wires[k] = k
        else:
            for k in range(n):
                wires[k] = gates.wire[qubits[k]]
        hold(gates, wires, n)
        if self.source.rows[i].op == OP_RESET:
            forget(gates, wires[0])


cdef int all_coupled(job_t *self) noexcept nogil:
    """Check that all who meet are coupled where they are."""
    cdef int k, p, q
    for k in range(self.items.n_items):
        if self.items.b[k] < 0:
            continue
        p = self.items.a[k]
        q = self.items.b[k]
        if self.graph.far[p * self.graph.n + q] != 1:
            self.where = p
            self.other = q
            return 0
    return 1


cdef int translate(job_t *self, int n_physical, const int *edge_p, const int *edge_q, int n_edges) noexcept nogil:
    cdef source_t *source = &self.source
    cdef int n = source.n_qubits, k, found
    cdef Py_ssize_t i
    cdef uint32_t *room
    cdef plan_t plan
    cdef int64_t deadline = 0
    if self.time_limit_s > 0:
        deadline = qctl_moment() + <int64_t> (1e9 * (self.time_limit_s if self.time_limit_s < 1e6 else 1e6))
    self.where = check_rows(source)
    if self.where >= 0:
        return BAD_ROW
    room = <uint32_t *> calloc(2 * (n + source.n_words + 3), sizeof(uint32_t))
    self.layout = <int *> malloc((n + 1) * sizeof(int))
    self.last_layout = <int *> malloc((n + 1) * sizeof(int))
    self.goals = <int *> malloc((n + 1) * sizeof(int))
    self.is_end = <uint8_t *> calloc(source.n_rows + 1, 1)
    if room == NULL or self.layout == NULL or self.last_layout == NULL or self.goals == NULL or self.is_end == NULL or (
        not open_list(&self.gates, n)
    ):
        free(room)
        return NO_MEMORY
    self.gates.relabel = not self.fixed
    find_ends(self, room)
    self.ends = <int *> malloc((self.n_ends + 1) * sizeof(int))
    self.end_wires = <int *> malloc((self.n_ends + 1) * sizeof(int))
    if self.ends != NULL and self.end_wires != NULL:
        read(self, room, <int *> (room + n + source.n_words + 3))
    free(room)
    self.out.bound = self.bound
    self.out.one_way = self.one_way
    if self.bound > 0:
        self.out.lost += approximate(&self.gates, self.bound)
    if self.ends == NULL or self.end_wires == NULL or self.gates.failed or (
        not open_skeleton(&self.items, &self.gates, &self.out.kinds, self.bound)
    ):
        return NO_MEMORY
    if not open_graph(&self.graph, n_physical, edge_p, edge_q, n_edges) or not open_router(
        &self.router, &self.items, &self.graph
    ) or not open_meetings(&self.meetings, &self.items):
        return NO_MEMORY
    if self.complete:
        for i in range(<Py_ssize_t> n_physical * n_physical):
            self.graph.far[i] = i // n_physical != i % n_physical
    if self.fixed and not all_coupled(self):
        return NO_COUPLER
    self.router.deadline = deadline
    found = best_route(&self.router, &self.meetings, &self.graph, &self.effort, self.seed, self.layout)
    if found < 0:
        return NO_WAY
    if self.home:
        for k in range(n):
            self.goals[self.gates.wire[k]] = self.layout[k]
        found = found and bring_home(&self.router, &self.graph, self.goals)
    if not found or self.router.failed:
        return NO_MEMORY
    for k in range(n):
        self.last_layout[k] = self.router.place[self.gates.wire[k]]
    plan.source = source
    plan.gates = &self.gates
    plan.items = &self.items
    plan.ops = self.router.ops
    plan.n_ops = self.router.n_ops
    plan.layout = self.layout
    plan.ends = self.ends
    plan.end_wires = self.end_wires
    plan.n_ends = self.n_ends
    return DONE if write(&self.out, &plan) else NO_MEMORY


def translate_rows(
    const uint8_t[::1] rows not None,
    const uint32_t[::1] words not None,
    const double[::1] numbers not None,
    int n_qubits,
    int n_physical,
    const int32_t[:, ::1] edges not None,
    bint complete,
    int one,
    const uint8_t[::1] kinds not None,
    int n_visits,
    int n_trials,
    int n_rounds,
    uint64_t seed,
    bint fixed,
    bint home,
    double bound=0.0,
    double time_limit_s=0.0,
    int n_threads=1,
    const uint8_t[:, ::1] one_way=None,
    const double[:, :, ::1] prices=None,
):
    """Return a straight line of instructions in native gates of a target.

    Parameters
    ----------
    rows : (16 n,) uint8
        Instructions without blocks; what is no gate, measure, reset, barrier or delay is kept as it is, in place.
    words : (n_words,) uint32
        The operand list.
    numbers : (n_numbers,) float64
        The constants.
    n_qubits, n_physical : int
        Qubits of the program and of the target.
    edges : (2, n_edges) int32
        Coupled pairs.
    complete : bool
        Every pair is coupled, and `edges` empty.
    one : int
        Native gates: 0 rz and sx, 1 these and x, 2 rz and rx, 3 rz and ry, 4 u3, 5 rz and rphi, 6 rphi.
    kinds : (n_kinds,) uint8
        Native gates of two qubits in the order of preference, as `qctl.cext.kinds.count_gates` numbers them; at least one.
    n_visits, n_trials, n_rounds : int
        Budget of the search for a perfect layout, start layouts that are tried (0 keeps the program's numbers), and
        how often each goes there and back.
    seed : int
    fixed : bool
        Nothing may be moved.
    home : bool
        Bring every qubit back to where it began.
    bound : float
        Average gate infidelity that each two-qubit block may lose; 0 for none.
    time_limit_s : float
        Time after which no new layout is tried, and those under way are given up; 0 for no limit.
    n_threads : int
        Threads that try layouts; the result does not depend on it, unless time runs out.
    one_way : (n_physical, n_physical) uint8, optional
        1 where the second qubit of a cx may be the column only; where neither or both are set, either will do.
    prices : (n_kinds, n_physical, n_physical) float64, optional
        Finite price of each gate on each pair; without them the fewest gates are the best.

    Returns
    -------
    state : int
        0 done, 2 a bad row (`where`), 3 no coupler between `where` and `other`, 4 no way between two that must meet.
    where, other : int
    rows, words, numbers : bytes
        Of the result; the expression index of a row is one of `symbols`.
    sources : bytes
        int32 for each row: the row it comes from, or -1.
    symbols : list of (float, int)
        Factor and expression of the program.
    layout, last_layout : list of int
        Physical qubit of each of the program's qubits, before and after.
    n_swaps : int
    lost : float
        Sum of the infidelities.

    Raises
    ------
    ValueError
        If the sizes don't fit.
    MemoryError
    """
    cdef job_t job
    cdef int state, k
    cdef int n_edges = <int> edges.shape[1]
    cdef const int *p = NULL
    if rows.shape[0] % 16 or edges.shape[0] != 2 or not 0 <= n_qubits <= n_physical or n_physical > 16000:
        raise ValueError(
            f"{rows.shape[0]} bytes of rows, edges {(edges.shape[0], edges.shape[1])}, {n_qubits} of {n_physical} qubits "
            f"are not whole rows of 16, (2, n) and at most as many qubits as the target's, 16000 at most"
        )
    for k in range(n_edges):
        if not 0 <= edges[0, k] < n_physical or not 0 <= edges[1, k] < n_physical or edges[0, k] == edges[1, k]:
            raise ValueError(f"edge {k} joins {edges[0, k]} and {edges[1, k]}, not two of the {n_physical} qubits")
    if not 0 <= bound < 1 or not 0 <= time_limit_s or not 1 <= n_threads <= 1024:
        raise ValueError(
            f"bound = {bound}, time_limit_s = {time_limit_s}, n_threads = {n_threads} are outside [0, 1), [0, inf) and [1, 1024]"
        )
    if one_way is not None and (one_way.shape[0] != n_physical or one_way.shape[1] != n_physical):
        raise ValueError(f"one_way is {(one_way.shape[0], one_way.shape[1])}, not {n_physical} square")
    if not 0 <= one <= ONE_RPHI or not 1 <= kinds.shape[0] <= N_TWO:
        raise ValueError(f"one = {one} and {kinds.shape[0]} kinds name no native gates")
    for k in range(<int> kinds.shape[0]):
        if kinds[k] >= N_TWO:
            raise ValueError(f"kinds[{k}] = {kinds[k]} is none of {N_TWO}")
    if prices is not None and (
        prices.shape[0] != kinds.shape[0] or prices.shape[1] != n_physical or prices.shape[2] != n_physical
    ):
        raise ValueError(
            f"prices {(prices.shape[0], prices.shape[1], prices.shape[2])} don't fit {kinds.shape[0]} kinds on "
            f"{n_physical} qubits"
        )
    memset(&job, 0, sizeof(job_t))
    job.source.rows = <const instruction_t *> &rows[0] if rows.shape[0] else NULL
    job.source.words = &words[0] if words.shape[0] else NULL
    job.source.numbers = &numbers[0] if numbers.shape[0] else NULL
    job.source.n_rows = rows.shape[0] // 16
    job.source.n_words = words.shape[0]
    job.source.n_numbers = numbers.shape[0]
    job.source.n_qubits = n_qubits
    job.complete = complete
    job.fixed = fixed
    job.home = home
    job.seed = seed
    job.effort.n_threads = n_threads
    job.bound = bound
    job.time_limit_s = time_limit_s
    job.one_way = &one_way[0, 0] if one_way is not None and n_physical else NULL
    job.effort.n_visits = n_visits
    job.effort.n_trials = n_trials
    job.effort.n_rounds = n_rounds
    p = <const int *> &edges[0, 0] if n_edges else NULL
    with nogil:
        if open_native(&job.out, n_physical):
            job.out.one = one
            job.out.two = kinds[0]
            job.out.kinds.n = <int> kinds.shape[0]
            for k in range(job.out.kinds.n):
                job.out.kinds.each[k] = kinds[k]
            job.out.kinds.prices = &prices[0, 0, 0] if prices is not None and n_physical else NULL
            state = translate(&job, n_physical, p, p + n_edges, n_edges)
        else:
            state = NO_MEMORY
    try:
        if state == NO_MEMORY:
            raise MemoryError(f"no memory to translate {job.source.n_rows} instructions")
        if state != DONE:
            return state, job.where, job.other, b"", b"", b"", b"", [], [], [], 0, 0.0
        return (
            state, job.where, job.other,
            PyBytes_FromStringAndSize(<char *> job.out.rows, job.out.n_rows * <Py_ssize_t> sizeof(instruction_t)),
            PyBytes_FromStringAndSize(<char *> job.out.words, job.out.n_words * 4),
            PyBytes_FromStringAndSize(<char *> job.out.numbers, job.out.n_numbers * 8),
            PyBytes_FromStringAndSize(<char *> job.out.sources, job.out.n_rows * 4),
            [(job.out.symbols[k].times, job.out.symbols[k].expression) for k in range(<int> job.out.n_symbols)],
            [job.layout[k] for k in range(n_qubits)],
            [job.last_layout[k] for k in range(n_qubits)],
            job.router.n_swaps,
            job.out.lost,
        )
    finally:
        close_job(&job)
