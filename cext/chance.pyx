"""How many of many shots find each transmon in each level, how many jump when, and the noise of their mean record.

All is drawn by numpy's own generators.
"""

from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.math cimport sqrt
from libc.stdint cimport int8_t, int64_t
from libc.string cimport memset

cdef extern from "numpy/random/bitgen.h" nogil:
    ctypedef struct bitgen_t:
        void* state
        double (*next_double)(void* state) noexcept nogil

cdef extern from "numpy/random/distributions.h" nogil:
    ctypedef struct binomial_t:
        pass
    int64_t random_binomial(bitgen_t* bitgen, double p, int64_t n, binomial_t* binomial) noexcept
    void random_standard_normal_fill_f(bitgen_t* bitgen, Py_ssize_t n, float* out) noexcept

cdef enum:
    LEVELS = 3
    MOST_MEMBERS = 8

# level before each kind of jump: 1 to 0, 2 to 1, 0 to 1
cdef int[3] BEFORE = [1, 2, 0]


cdef Py_ssize_t n_joint_of(int64_t n_members) noexcept nogil:
    """Return how many joint levels a group has: 3**n_members."""
    cdef Py_ssize_t d = 1
    cdef int64_t m
    for m in range(n_members):
        d *= LEVELS
    return d


cdef void draw_levels(
    bitgen_t* bitgen, binomial_t* memory, int64_t n_shots, const double* populations, const int64_t* members,
    int64_t n_members, Py_ssize_t n_paths, double* counts,
) noexcept nogil:
    """Draw the joint levels of one group, one outcome after the other, and add to the levels of its members."""
    cdef Py_ssize_t d = n_joint_of(n_members), k, m
    cdef double left = 0.0, odds
    cdef int64_t hits, place
    for m in range(n_members):
        for k in range(LEVELS):
            counts[members[m] * n_paths + k] = 0.0
    for k in range(d):
        left += max(populations[k], 0.0)
    for k in range(d):
        odds = max(populations[k], 0.0)
        if n_shots <= 0:
            break
        hits = n_shots if odds >= left else random_binomial(bitgen, odds / left, n_shots, memory)
        left -= odds
        n_shots -= hits
        place = k
        for m in range(n_members - 1, -1, -1):
            counts[members[m] * n_paths + place % LEVELS] += hits
            place = place // LEVELS


cdef void draw_jumps(
    bitgen_t* bitgen, binomial_t* memory, const double* edges, Py_ssize_t n_bins, double* counts
) noexcept nogil:
    """Draw how many shots of each level jump, and each jump's time."""
    cdef const double* times
    cdef double* hits
    cdef double total, draw
    cdef double[LEVELS] started
    cdef int64_t n_jumps, jump
    cdef Py_ssize_t low, high, middle
    cdef int kind
    for kind in range(LEVELS):
        started[kind] = counts[kind]
    for kind in range(3):
        times = edges + kind * n_bins
        hits = counts + LEVELS + kind * n_bins
        for low in range(n_bins):
            hits[low] = 0.0
        total = min(times[n_bins - 1], 1.0)
        n_jumps = <int64_t>started[BEFORE[kind]]
        if total < 1.0:
            n_jumps = random_binomial(bitgen, max(total, 0.0), n_jumps, memory)
        counts[BEFORE[kind]] -= n_jumps
        for jump in range(n_jumps):
            draw = bitgen.next_double(bitgen.state) * times[n_bins - 1]
            low = 0
            high = n_bins - 1
            while low < high:
                middle = (low + high) // 2
                if draw < times[middle]:
                    high = middle
                else:
                    low = middle + 1
            hits[low] += 1.0


cdef void _count_paths(
    bitgen_t* bitgen, int64_t n_shots, const double* populations, const int64_t* members, const int64_t* sizes,
    Py_ssize_t n_groups, const double* edges, Py_ssize_t n, Py_ssize_t n_bins, double* counts,
) noexcept nogil:
    cdef binomial_t memory
    cdef Py_ssize_t group, m, n_paths = LEVELS * (1 + n_bins)
    memset(&memory, 0, sizeof(memory))
    for group in range(n_groups):
        draw_levels(bitgen, &memory, n_shots, populations, members, sizes[group], n_paths, counts)
        populations += n_joint_of(sizes[group])
        members += sizes[group]
    for m in range(n):
        draw_jumps(bitgen, &memory, edges + LEVELS * n_bins * m, n_bins, counts + n_paths * m)


def count_paths(
    bit_generator not None,
    long long n_shots,
    const double[::1] populations not None,
    const int64_t[::1] members not None,
    const int64_t[::1] sizes not None,
    const double[:, :, ::1] edges not None,
    double[:, ::1] counts not None,
):
    """Draw how many of `n_shots` readouts take each path, as `paths.add_answers` takes them.

    Parameters
    ----------
    bit_generator : numpy.random.BitGenerator
        Source of chance; its lock is held meanwhile.
    n_shots : int
        Shots, 0 or more.
    populations : (sum of 3**size,) float64
        Of each group's joint levels, first member slowest, not below 0 but for rounding; need not be normalised.
    members : (n,) int64
        The transmons of all groups, each once.
    sizes : (n_groups,) int64
        Members of each group, 1 to 8.
    edges : (n, 3, n_bins) float64
        Cumulative probability of the jumps 1 to 0, 2 to 1 and 0 to 1 up to each time.
    counts : (n, 3 + 3 n_bins) float64
        Changed: shots that stay in each level, then those of each kind of jump at each time.

    Raises
    ------
    ValueError
        If the shapes don't fit, or `members` aren't all transmons.
    """
    cdef Py_ssize_t n = members.shape[0], n_bins = edges.shape[2], n_groups = sizes.shape[0], k, m, n_joint = 0
    cdef int64_t n_members = 0, times
    if edges.shape[0] != n or edges.shape[1] != LEVELS or n_bins < 1 or (
        counts.shape[0] != n or counts.shape[1] != LEVELS * (1 + n_bins)
    ):
        raise ValueError(
            f"edges {(edges.shape[0], edges.shape[1], n_bins)} and counts {(counts.shape[0], counts.shape[1])} "
            f"don't fit {n} transmons"
        )
    if n_shots < 0:
        raise ValueError(f"n_shots = {n_shots} is below 0")
    for k in range(n_groups):
        if not 1 <= sizes[k] <= MOST_MEMBERS:
            raise ValueError(f"sizes[{k}] = {sizes[k]} is outside [1, {MOST_MEMBERS}]")
        n_joint += n_joint_of(sizes[k])
        n_members += sizes[k]
    if n_members != n or n_joint != populations.shape[0]:
        raise ValueError(f"sizes make {n_members} members and {n_joint} populations, not {n} and {populations.shape[0]}")
    for k in range(n):
        times = 0
        for m in range(n):
            times += members[m] == k
        if times != 1:
            raise ValueError(f"members {list(members)} are not each of {n} transmons once")
    if n == 0:
        return
    cdef bitgen_t* bitgen = <bitgen_t*>PyCapsule_GetPointer(bit_generator.capsule, "BitGenerator")
    with bit_generator.lock, nogil:
        _count_paths(
            bitgen, n_shots, &populations[0], &members[0], &sizes[0], n_groups, &edges[0, 0, 0], n, n_bins,
            &counts[0, 0],
        )


cdef void _noisy_mean(
    bitgen_t* bitgen, const double* total, double share, float noise_v, const int8_t* axes, Py_ssize_t n_inputs,
    Py_ssize_t n_samples, float* record,
) noexcept nogil:
    cdef Py_ssize_t k, sample
    cdef const double* part
    random_standard_normal_fill_f(bitgen, n_inputs * n_samples, record)
    for k in range(n_inputs * n_samples):
        record[k] = record[k] * noise_v
    for k in range(n_inputs):
        if axes[k] < 0:
            continue
        part = total + axes[k]
        for sample in range(n_samples):
            record[n_samples * k + sample] = <float>(record[n_samples * k + sample] + part[2 * sample] * share)


def noisy_mean(
    bit_generator not None,
    const double complex[::1] total not None,
    long long n_shots,
    double noise_v,
    const int8_t[::1] axes not None,
    float[:, ::1] record not None,
):
    """Fill `record` with what inputs see on average over `n_shots` shots whose answers make `total`.

    Parameters
    ----------
    bit_generator : numpy.random.BitGenerator
        Source of chance; its lock is held meanwhile.
    total : (n_samples,) complex128, V
        Sum of the answers of all shots.
    n_shots : int
        Shots, 1 or more.
    noise_v : float
        Standard deviation of a sample of one shot.
    axes : (n_inputs,) int8
        What each input sees: 0 the real part, 1 the imaginary one, -1 neither.
    record : (n_inputs, n_samples) float32, V
        Overwritten.

    Raises
    ------
    ValueError
        If the shapes don't fit, or a number is outside.
    """
    cdef Py_ssize_t n_inputs = record.shape[0], n_samples = record.shape[1], k
    if total.shape[0] != n_samples or axes.shape[0] != n_inputs:
        raise ValueError(f"total {total.shape[0]} and axes {axes.shape[0]} don't fit a record {(n_inputs, n_samples)}")
    if n_shots < 1:
        raise ValueError(f"n_shots = {n_shots} is below 1")
    for k in range(n_inputs):
        if not -1 <= axes[k] <= 1:
            raise ValueError(f"axes[{k}] = {axes[k]} is outside [-1, 1]")
    if n_inputs == 0 or n_samples == 0:
        return
    cdef bitgen_t* bitgen = <bitgen_t*>PyCapsule_GetPointer(bit_generator.capsule, "BitGenerator")
    with bit_generator.lock, nogil:
        _noisy_mean(
            bitgen, <const double*>&total[0], 1.0 / n_shots, <float>(noise_v / sqrt(<double>n_shots)), &axes[0],
            n_inputs, n_samples, &record[0, 0],
        )
