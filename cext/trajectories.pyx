"""Monte Carlo wave functions of noisy circuits: many shots side by side, each decided by its own key alone.

Source: Dalibard, Castin, Mølmer, Phys. Rev. Lett. 68, 580 (1992). A channel's first operator is the commonest one. It
is taken without a look at the state as long as a shot's draw stays below what that operator's odds are at least, so that
shots share one state, and gates and channels one matrix, until a draw says otherwise.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t

cdef extern from "trajectories.h" nogil:
    enum:
        QCTL_GATE
        QCTL_MEASURE
    ctypedef struct qctl_item:
        int64_t kind, t0, t1, controls, matrix, n_operators, odds, site, still, bit, readout
    ctypedef struct qctl_block:
        int64_t t0, t1, controls, matrix, first, end
    ctypedef struct qctl_plan:
        int n_qubits
        const qctl_item* items
        const qctl_block* blocks
        const void* matrices
        const double* odds
        int64_t* watch
    ctypedef struct qctl_batch:
        size_t n_blocks, n_groups, first_group, step, n_sites, n_bits, n_strings
        const uint64_t* keys
        const int64_t* order
        const int64_t* starts
        const int64_t* strings
        int64_t* outcomes
        uint8_t* bits
        double* means
    ctypedef struct qctl_kept:
        size_t n_blocks, first_group, last_group, n_bits
        const uint64_t* keys
        const uint64_t* clocks
        const uint8_t* active
        uint8_t* bits
    void qctl_run(int most, int is_double, const qctl_plan* plan, const qctl_batch* batch, void* work) noexcept
    void qctl_advance(int most, int is_double, const qctl_plan* plan, const qctl_kept* kept, void* states) noexcept
    void qctl_draw(
        int most, int is_double, int n_qubits, const qctl_kept* kept, const void* states, int64_t* outcomes
    ) noexcept
    void qctl_find_starts(
        const qctl_item* items, const qctl_block* blocks, size_t n_blocks, const double* odds, const uint64_t* keys,
        size_t n_shots, int64_t* starts,
    ) noexcept

ctypedef fused real_t:
    float
    double

cdef enum:
    ITEM_FIELDS = 11
    BLOCK_FIELDS = 6
    MOST_QUBITS = 40


cdef class Plan:
    """Hold a straight program as the kernels read it, checked once.

    Parameters
    ----------
    n_qubits : int
        1 to 40.
    items : (n_items, 11) int64
        Gates, channels and measurements: kind (0 gate, 1 mixture of unitaries, 2 any channel, 3 measurement), two
        targets (the second -1 if there is one; the first is the high bit of a matrix' index), mask of controls (gates
        only), where the matrices begin, how many there are, where the odds begin, number of the draw (a measurement
        has two), 1 if the first matrix is the identity, bit, where the odds to read 1 of state 0 and of state 1 begin.
    blocks : (n_blocks, 6) int64
        Targets, controls, where the matrix begins, first item, item behind the last one.
    matrices : (n,) float64
        Real and imaginary parts, row after row.
    odds : (n_odds,) float64
        Of a mixture its cumulative probabilities; of another channel (a measurement) the least odds of its first
        operator, then K†K of each operator as real and imaginary parts.
    n_sites, n_bits : int
        Draws and bits.

    Raises
    ------
    ValueError
        If a field is out of range.
    """

    cdef readonly int n_qubits
    cdef readonly Py_ssize_t n_sites, n_bits, n_blocks
    cdef const int64_t[:, ::1] items
    cdef const int64_t[:, ::1] blocks
    cdef const double[::1] matrices
    cdef const float[::1] single
    cdef const double[::1] odds

    def __init__(
        self,
        int n_qubits,
        const int64_t[:, ::1] items not None,
        const int64_t[:, ::1] blocks not None,
        const double[::1] matrices not None,
        const float[::1] single not None,
        const double[::1] odds not None,
        Py_ssize_t n_sites,
        Py_ssize_t n_bits,
    ):
        cdef Py_ssize_t k, at = 0
        if not 1 <= n_qubits <= MOST_QUBITS:
            raise ValueError(f"n_qubits = {n_qubits} is outside [1, {MOST_QUBITS}]")
        if items.shape[1] != ITEM_FIELDS or blocks.shape[1] != BLOCK_FIELDS:
            raise ValueError(f"items have {items.shape[1]} and blocks {blocks.shape[1]} fields, not 11 and 6")
        if single.shape[0] != matrices.shape[0]:
            raise ValueError(f"matrices and single have {matrices.shape[0]} and {single.shape[0]} numbers")
        self.n_qubits, self.n_sites, self.n_bits, self.n_blocks = n_qubits, n_sites, n_bits, blocks.shape[0]
        self.items, self.blocks, self.matrices, self.single, self.odds = items, blocks, matrices, single, odds
        for k in range(items.shape[0]):
            self._check_item(k)
        for k in range(blocks.shape[0]):
            self._check_place(f"blocks[{k}]", blocks[k, 0], blocks[k, 1], blocks[k, 2], blocks[k, 3], 1)
            if not blocks[k, 4] == at <= blocks[k, 5] <= items.shape[0]:
                raise ValueError(f"blocks[{k}] has the items {blocks[k, 4]} to {blocks[k, 5]}, not on from {at}")
            at = blocks[k, 5]
        if at != items.shape[0]:
            raise ValueError(f"blocks end at item {at} of {items.shape[0]}")

    def _check_place(self, what, int64_t t0, int64_t t1, int64_t controls, int64_t matrix, int64_t n_matrices):
        cdef int64_t size = 8 if t1 < 0 else 32
        cdef int64_t targets
        if not (0 <= t0 < self.n_qubits and -1 <= t1 < self.n_qubits and t0 != t1):
            raise ValueError(f"{what} acts on the qubits {t0} and {t1} of {self.n_qubits}")
        targets = <int64_t>1 << t0 | (<int64_t>1 << t1 if t1 >= 0 else 0)
        if controls < 0 or controls >> self.n_qubits or controls & targets:
            raise ValueError(f"{what} has the controls {controls:#x} beside the targets {targets:#x}")
        if not 1 <= n_matrices <= self.matrices.shape[0] // size or not (
            0 <= matrix <= self.matrices.shape[0] - size * n_matrices
        ):
            raise ValueError(f"{what} has {n_matrices} matrices at {matrix} of {self.matrices.shape[0]} numbers")

    def _check_item(self, Py_ssize_t k):
        cdef const qctl_item* item = <const qctl_item*>&self.items[k, 0]
        cdef int64_t needed
        self._check_place(f"items[{k}]", item.t0, item.t1, item.controls, item.matrix, item.n_operators)
        if item.n_operators > self.matrices.shape[0] + self.odds.shape[0]:
            raise ValueError(f"items[{k}] has {item.n_operators} operators")
        if not QCTL_GATE <= item.kind <= QCTL_MEASURE:
            raise ValueError(f"items[{k}] has the kind {item.kind}")
        if item.kind == QCTL_GATE:
            return
        needed = item.n_operators if item.kind == 1 else 1 + item.n_operators * (8 if item.t1 < 0 else 32)
        if not 0 <= item.odds <= self.odds.shape[0] - needed:
            raise ValueError(f"items[{k}] has its {needed} odds at {item.odds} of {self.odds.shape[0]}")
        if not 0 <= item.site < self.n_sites - (item.kind == QCTL_MEASURE) or item.controls:
            raise ValueError(f"items[{k}] has the draw {item.site} of {self.n_sites} and controls {item.controls:#x}")
        if item.kind == QCTL_MEASURE and not (
            item.t1 < 0 and item.n_operators == 2 and 0 <= item.bit < self.n_bits
            and 0 <= item.readout <= self.odds.shape[0] - 2
        ):
            raise ValueError(f"items[{k}] measures into bit {item.bit} of {self.n_bits}")

    cdef qctl_plan whole(self, bint is_double, int64_t[::1] watch=None) except *:
        """Return it as the kernels read it."""
        cdef qctl_plan plan
        if watch is not None and watch.shape[0] != 2:
            raise ValueError(f"watch has {watch.shape[0]} numbers, not 2")
        plan.watch = NULL if watch is None else &watch[0]
        plan.n_qubits = self.n_qubits
        plan.items = <const qctl_item*>&self.items[0, 0] if self.items.shape[0] else NULL
        plan.blocks = <const qctl_block*>&self.blocks[0, 0] if self.blocks.shape[0] else NULL
        plan.odds = &self.odds[0] if self.odds.shape[0] else NULL
        plan.matrices = NULL
        if self.matrices.shape[0]:
            plan.matrices = <const void*>&self.matrices[0] if is_double else <const void*>&self.single[0]
        return plan


def find_starts(Plan plan not None, const uint64_t[::1] keys not None, int64_t[::1] starts not None):
    """Find the block in which each shot first leaves what all shots share; the number of blocks if it never does.

    Raises
    ------
    ValueError
        If `keys` and `starts` differ in length.
    """
    if keys.shape[0] != starts.shape[0]:
        raise ValueError(f"keys {keys.shape[0]} and starts {starts.shape[0]} differ in length")
    if not keys.shape[0]:
        return
    cdef qctl_plan whole = plan.whole(True)
    cdef size_t n_blocks = plan.n_blocks, n_shots = keys.shape[0]
    with nogil:
        qctl_find_starts(whole.items, whole.blocks, n_blocks, whole.odds, &keys[0], n_shots, &starts[0])


def run(
    Plan plan not None,
    const uint64_t[::1] keys not None,
    const int64_t[::1] order not None,
    const int64_t[::1] starts not None,
    Py_ssize_t first_group,
    Py_ssize_t step,
    const int64_t[:, ::1] strings not None,
    int64_t[::1] outcomes not None,
    uint8_t[:, ::1] bits not None,
    double[:, ::1] means not None,
    real_t[::1] work not None,
    int most=2,
    int64_t[::1] watch=None,
):
    """Play shots from rest to their outcomes, 64 bytes of real parts side by side.

    Parameters
    ----------
    plan : Plan
    keys : (n_shots,) uint64
        Each shot's source of chance.
    order : (n,) int64
        Shots by ascending start; a group is 8 (double) or 16 (float) of them, a last one may stand several times.
    starts : (n_shots,) int64
        As `find_starts` found them.
    first_group, step : int
        Groups first_group, first_group + step ... are played: threads share the work so.
    strings : (n_strings, 2) int64
        Pauli strings: mask of X or Y, mask of Z or Y.
    outcomes : (n_shots,) int64
        Changed: a sample of the last state's populations.
    bits : (n_shots, n_bits) uint8
        Changed: what measurements within the program read.
    means : (n_shots, n_strings) float64
        Changed: each string's mean in the last state.
    work : (64 * 2**n_qubits,) float32 or (32 * 2**n_qubits,) float64
        Changed; its dtype is the precision.
    most : int
        Widest vectors that may be used: 0 none, 1 AVX2, 2 AVX-512.
    watch : (2,) int64, optional
        Another thread may write something else than 0 into the first number: then the rest is not played, and what was
        to be changed has no meaning. The second one grows by 1 with each block.

    Raises
    ------
    ValueError
        If the shapes don't fit, or `order` or `starts` are out of range.
    """
    cdef Py_ssize_t n_shots = keys.shape[0], n_lanes = 64 // sizeof(real_t), k
    cdef int64_t before = 0
    if starts.shape[0] != n_shots or outcomes.shape[0] != n_shots or bits.shape[0] != n_shots or (
        means.shape[0] != n_shots or bits.shape[1] != plan.n_bits or means.shape[1] != strings.shape[0]
    ):
        raise ValueError(
            f"starts {starts.shape[0]}, outcomes {outcomes.shape[0]}, bits {(bits.shape[0], bits.shape[1])}, means "
            f"{(means.shape[0], means.shape[1])} don't fit {n_shots} shots, {plan.n_bits} bits and {strings.shape[0]} strings"
        )
    if strings.shape[1] != 2 or order.shape[0] % n_lanes or first_group < 0 or step < 1:
        raise ValueError(
            f"strings {(strings.shape[0], strings.shape[1])}, order {order.shape[0]}, first_group {first_group} and "
            f"step {step} don't fit groups of {n_lanes}"
        )
    if work.shape[0] != 4 * n_lanes << plan.n_qubits:
        raise ValueError(f"work has {work.shape[0]} numbers, not {4 * n_lanes << plan.n_qubits}")
    for k in range(order.shape[0]):
        if not 0 <= order[k] < n_shots or not before <= starts[order[k]] <= plan.n_blocks:
            raise ValueError(f"order[{k}] = {order[k]} is no shot, or out of order")
        before = starts[order[k]]
    for k in range(strings.shape[0]):
        if strings[k, 0] >> plan.n_qubits or strings[k, 1] >> plan.n_qubits:
            raise ValueError(f"strings[{k}] = {list(strings[k])} goes beyond {plan.n_qubits} qubits")
    if not order.shape[0]:
        return
    cdef qctl_plan whole = plan.whole(real_t is double, watch)
    cdef qctl_batch batch
    batch.n_blocks, batch.n_groups, batch.first_group, batch.step = plan.n_blocks, order.shape[0] // n_lanes, first_group, step
    batch.n_sites, batch.n_bits, batch.n_strings = plan.n_sites, plan.n_bits, strings.shape[0]
    batch.keys, batch.order, batch.starts = &keys[0], &order[0], &starts[0]
    batch.strings = &strings[0, 0] if strings.shape[0] else NULL
    batch.outcomes = &outcomes[0]
    batch.bits = &bits[0, 0] if plan.n_bits else NULL
    batch.means = &means[0, 0] if strings.shape[0] else NULL
    cdef bint is_double = real_t is double
    cdef void* room = &work[0]
    with nogil:
        qctl_run(most, is_double, &whole, &batch, room)


cdef qctl_kept kept_of(
    Py_ssize_t n_states, Py_ssize_t n_lanes, const uint64_t[::1] keys, const uint64_t[::1] clocks,
    const uint8_t[::1] active, uint8_t[:, ::1] bits, Py_ssize_t first_group, Py_ssize_t last_group,
) except *:
    """Return shots whose states are kept as the kernels read them, checked."""
    cdef qctl_kept kept
    cdef Py_ssize_t n_shots = keys.shape[0]
    if not n_shots or n_shots % n_lanes or clocks.shape[0] != n_shots or active.shape[0] != n_shots or (
        bits.shape[0] != n_shots or n_states != n_shots
    ):
        raise ValueError(
            f"keys {n_shots}, clocks {clocks.shape[0]}, active {active.shape[0]}, bits {bits.shape[0]} and states "
            f"{n_states} don't fit groups of {n_lanes} shots"
        )
    if not 0 <= first_group <= last_group <= n_shots // n_lanes:
        raise ValueError(f"groups {first_group} to {last_group} are outside [0, {n_shots // n_lanes}]")
    kept.n_blocks, kept.first_group, kept.last_group, kept.n_bits = 0, first_group, last_group, bits.shape[1]
    kept.keys, kept.clocks, kept.active = &keys[0], &clocks[0], &active[0]
    kept.bits = &bits[0, 0] if bits.shape[1] else NULL
    return kept


def advance(
    Plan plan not None,
    real_t[:, :, :, ::1] states not None,
    const uint64_t[::1] keys not None,
    const uint64_t[::1] clocks not None,
    const uint8_t[::1] active not None,
    uint8_t[:, ::1] bits not None,
    Py_ssize_t first_group,
    Py_ssize_t last_group,
    int most=2,
    int64_t[::1] watch=None,
):
    """Play a plan on kept states of the active shots of groups first_group ... last_group - 1.

    Parameters
    ----------
    plan : Plan
    states : (n_groups, 2**n_qubits, 2, n_lanes) float32 (16 lanes) or float64 (8 lanes)
        Changed: real and imaginary parts, not normalised.
    keys, clocks : (n_groups * n_lanes,) uint64
        Each shot's source of chance, and its draws so far.
    active : (n_groups * n_lanes,) uint8
        1 where a shot takes part.
    bits : (n_groups * n_lanes, n_bits) uint8
        Changed by measurements.
    first_group, last_group : int
    most, watch
        As for `run`.

    Raises
    ------
    ValueError
        If the shapes don't fit.
    """
    cdef Py_ssize_t n_lanes = 64 // sizeof(real_t)
    cdef qctl_kept kept = kept_of(
        states.shape[0] * states.shape[3], n_lanes, keys, clocks, active, bits, first_group, last_group
    )
    if states.shape[1] != <Py_ssize_t>1 << plan.n_qubits or states.shape[2] != 2 or states.shape[3] != n_lanes or (
        bits.shape[1] != plan.n_bits
    ):
        raise ValueError(
            f"states {(states.shape[0], states.shape[1], states.shape[2], states.shape[3])} and {bits.shape[1]} bits "
            f"don't fit {plan.n_qubits} qubits, {n_lanes} lanes and {plan.n_bits} bits"
        )
    kept.n_blocks = plan.n_blocks
    cdef qctl_plan whole = plan.whole(real_t is double, watch)
    cdef bint is_double = real_t is double
    cdef void* place = &states[0, 0, 0, 0]
    with nogil:
        qctl_advance(most, is_double, &whole, &kept, place)


def draw(
    int n_qubits,
    real_t[:, :, :, ::1] states not None,
    const uint64_t[::1] keys not None,
    const uint64_t[::1] clocks not None,
    int64_t[::1] outcomes not None,
    Py_ssize_t first_group,
    Py_ssize_t last_group,
    int most=2,
):
    """Sample the populations of kept states of groups first_group ... last_group - 1; arguments are those of `advance`.

    Raises
    ------
    ValueError
        If the shapes don't fit.
    """
    cdef Py_ssize_t n_lanes = 64 // sizeof(real_t)
    cdef uint8_t[::1] active = bytearray(keys.shape[0])
    cdef uint8_t[:, ::1] bits = memoryview(active).cast("B", (keys.shape[0], 1))
    cdef qctl_kept kept = kept_of(
        states.shape[0] * states.shape[3], n_lanes, keys, clocks, active, bits, first_group, last_group
    )
    if not 0 <= n_qubits <= MOST_QUBITS or states.shape[1] != <Py_ssize_t>1 << n_qubits or states.shape[2] != 2 or (
        states.shape[3] != n_lanes or outcomes.shape[0] != keys.shape[0]
    ):
        raise ValueError(
            f"states {(states.shape[0], states.shape[1], states.shape[2], states.shape[3])} and outcomes "
            f"{outcomes.shape[0]} don't fit {n_qubits} qubits and {n_lanes} lanes"
        )
    cdef bint is_double = real_t is double
    cdef const void* place = &states[0, 0, 0, 0]
    with nogil:
        qctl_draw(most, is_double, n_qubits, &kept, place, &outcomes[0])
