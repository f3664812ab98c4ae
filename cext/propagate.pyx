"""Exact propagation of driven systems through slices of constant controls: Taylor series with their rest below a bound.

Real linear equations x' = (G_0 + sum of u_k G_k) x in the layouts of arrangement.pyx: one vector in blocks of 8 rows, or
up to 32 vectors side by side, each with its controls. Layouts and courses are checked once, when they are made; the
arithmetic is in propagate.h.
"""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

cdef extern from "propagate.h" nogil:
    ctypedef struct qctl_system:
        Py_ssize_t n, n_controls, n_bounds, n_blocks, n_pairs, n_touched
        const double* bounds
        const double* fixed
        const double* touch_values
        const double* values
        const int32_t* block_begin
        const int32_t* offsets
        const int32_t* touched
        const int32_t* touch_begin
        const int32_t* touch_controls
        const int32_t* counts
        const int32_t* controlled
        const int32_t* columns

    ctypedef struct qctl_course:
        Py_ssize_t n_slices, dt_stride, n_at, n_weights, controls_stride, n_columns
        const double* controls
        const double* dt
        const double* weights
        double tolerance_rate
        const int64_t* at

    int qctl_widest(int most) noexcept
    void qctl_run_single(
        int widest, const qctl_system* s, const qctl_course* c, Py_ssize_t first, Py_ssize_t last, const double* start,
        double* out, double* work,
    ) noexcept
    void qctl_run_lanes(
        int widest, const qctl_system* s, const qctl_course* c, Py_ssize_t first, Py_ssize_t last, const double* start,
        double* out, double* work,
    ) noexcept

cdef enum:
    _LANES = 32
    _ALIGNED = 8

LANES = 32
"""Vectors that lie side by side at most."""


def widest(int most=2):
    """Return which vectors this processor has, up to `most`: 0 none that we use, 1 AVX2 with FMA, 2 AVX-512."""
    return qctl_widest(most)


cdef class Course:
    """What all runs go through.

    Parameters
    ----------
    controls : (n_runs, n_slices, n_controls) float64
        What multiplies the matrices.
    dt_s : (n_slices,) or (1,) float64
        Lengths of the slices, not negative.
    at : (n_at,) int64
        Boundaries of slices, ascending: 0 is the start, n_slices the end.
    weights : (n_weights, n) float64
        Sums of coordinates to be written; none writes all coordinates.
    tolerance_rate : float
        Largest error of a coordinate for each second, for vectors whose largest coordinate is 1; above 0.
    n_columns : int
        Neighbouring vectors that have the controls of the same run.

    Raises
    ------
    ValueError
        If the shapes don't fit.
    """

    cdef qctl_course course
    cdef readonly Py_ssize_t n_runs, n_controls
    cdef const double[:, :, ::1] controls
    cdef const double[::1] dt_s
    cdef const int64_t[::1] at
    cdef const double[:, ::1] weights

    def __init__(
        self,
        const double[:, :, ::1] controls not None,
        const double[::1] dt_s not None,
        const int64_t[::1] at not None,
        const double[:, ::1] weights not None,
        double tolerance_rate,
        Py_ssize_t n_columns,
    ):
        cdef Py_ssize_t n_slices = controls.shape[1], k
        if dt_s.shape[0] != n_slices and dt_s.shape[0] != 1:
            raise ValueError(f"dt has {dt_s.shape[0]} lengths for {n_slices} slices")
        if n_columns < 1:
            raise ValueError(f"n_columns = {n_columns} is below 1")
        for k in range(at.shape[0]):
            if not (at[k - 1] if k else 0) <= at[k] <= n_slices:
                raise ValueError(f"at[{k}] = {at[k]} is not an ascending boundary of {n_slices} slices")
        self.controls, self.dt_s, self.at, self.weights = controls, dt_s, at, weights
        self.n_runs, self.n_controls = controls.shape[0], controls.shape[2]
        self.course.n_slices = n_slices
        self.course.dt_stride = 1 if dt_s.shape[0] == n_slices else 0
        self.course.n_at = at.shape[0]
        self.course.n_weights = weights.shape[0]
        self.course.controls_stride = n_slices * self.n_controls
        self.course.n_columns = n_columns
        self.course.controls = &controls[0, 0, 0] if self.n_runs and self.course.controls_stride else NULL
        self.course.dt = &dt_s[0] if dt_s.shape[0] else NULL
        self.course.weights = &weights[0, 0] if weights.shape[0] and weights.shape[1] else NULL
        self.course.tolerance_rate = tolerance_rate
        self.course.at = &at[0] if at.shape[0] else NULL


cdef class Blocks:
    """Matrices in blocks of 8 rows, for one vector after the other.

    Parameters
    ----------
    n : int
        Coordinates.
    bounds : (n_bounds, 1 + n_controls) float64, per second
        As `arrangement.bounds` makes them.
    block_begin ... touch_values
        As `arrangement.blocks` makes them, cut to their numbers.

    Raises
    ------
    ValueError
        If the shapes don't fit or an index is outside.
    """

    cdef qctl_system system
    cdef const double[:, ::1] bounds, fixed, touch_values
    cdef const int32_t[::1] block_begin, offsets, touched, touch_begin, touch_controls

    def __init__(
        self,
        Py_ssize_t n,
        const double[:, ::1] bounds not None,
        const int32_t[::1] block_begin not None,
        const int32_t[::1] offsets not None,
        const double[:, ::1] fixed not None,
        const int32_t[::1] touched not None,
        const int32_t[::1] touch_begin not None,
        const int32_t[::1] touch_controls not None,
        const double[:, ::1] touch_values not None,
    ):
        cdef Py_ssize_t n_pairs = offsets.shape[0], n_touched = touched.shape[0], n_values = touch_controls.shape[0]
        cdef Py_ssize_t n_blocks = (n + 7) // 8, block, k
        fill_system(&self.system, n, bounds)
        if fixed.shape[0] != n_pairs or fixed.shape[1] != 8 or block_begin.shape[0] != n_blocks + 1:
            raise ValueError(
                f"block_begin {block_begin.shape[0]} and fixed {(fixed.shape[0], fixed.shape[1])} don't fit {n_blocks} "
                f"blocks of {n_pairs} pairs"
            )
        if touch_begin.shape[0] != n_touched + 1 or touch_values.shape[0] != n_values or touch_values.shape[1] != 8:
            raise ValueError(
                f"touch_begin {touch_begin.shape[0]} and touch_values {(touch_values.shape[0], touch_values.shape[1])} "
                f"don't fit {n_touched} pairs with {n_values} parts"
            )
        for block in range(n_blocks):
            if not 0 <= block_begin[block] <= block_begin[block + 1] <= n_pairs:
                raise ValueError(
                    f"block {block} has pairs {block_begin[block]} to {block_begin[block + 1]} of {n_pairs}"
                )
            for k in range(block_begin[block], block_begin[block + 1]):
                if not -7 <= 8 * block + offsets[k] < n:
                    raise ValueError(f"pair {k} of block {block} is {offsets[k]} away, outside {n} coordinates")
        if block_begin[0] != 0 or block_begin[n_blocks] != n_pairs or touch_begin[0] != 0 or (
            touch_begin[n_touched] != n_values
        ):
            raise ValueError(f"the blocks and parts don't cover {n_pairs} pairs and {n_values} parts")
        for k in range(n_touched):
            if not 0 <= touched[k] < n_pairs or touch_begin[k] > touch_begin[k + 1]:
                raise ValueError(
                    f"pair {touched[k]} with parts {touch_begin[k]} to {touch_begin[k + 1]} is not one of {n_pairs}"
                )
        for k in range(n_values):
            if not 0 <= touch_controls[k] < self.system.n_controls:
                raise ValueError(f"part {k} has control {touch_controls[k]} of {self.system.n_controls}")
        self.bounds, self.block_begin, self.offsets, self.fixed, self.touched = bounds, block_begin, offsets, fixed, touched
        self.touch_begin, self.touch_controls, self.touch_values = touch_begin, touch_controls, touch_values
        self.system.n_blocks, self.system.n_pairs, self.system.n_touched = n_blocks, n_pairs, n_touched
        self.system.block_begin, self.system.touch_begin = &block_begin[0], &touch_begin[0]
        self.system.offsets = &offsets[0] if n_pairs else NULL
        self.system.fixed = &fixed[0, 0] if n_pairs else NULL
        self.system.touched = &touched[0] if n_touched else NULL
        self.system.touch_controls = &touch_controls[0] if n_values else NULL
        self.system.touch_values = &touch_values[0, 0] if n_values else NULL

    @property
    def n_work(self):
        """Return how many numbers `single` works in."""
        return 8 * self.system.n_pairs + 3 * (8 * self.system.n_blocks + 16) + _ALIGNED


cdef class Rows:
    """Matrices row after row, for vectors side by side.

    Parameters
    ----------
    n : int
        Coordinates.
    bounds : (n_bounds, 1 + n_controls) float64, per second
        As `arrangement.bounds` makes them.
    counts, controlled, columns, values
        As `arrangement.rows` makes them, cut to their numbers.

    Raises
    ------
    ValueError
        If the shapes don't fit or an index is outside.
    """

    cdef qctl_system system
    cdef const double[:, ::1] bounds
    cdef const int32_t[::1] counts, controlled, columns
    cdef const double[::1] values

    def __init__(
        self,
        Py_ssize_t n,
        const double[:, ::1] bounds not None,
        const int32_t[::1] counts not None,
        const int32_t[::1] controlled not None,
        const int32_t[::1] columns not None,
        const double[::1] values not None,
    ):
        cdef Py_ssize_t n_counts = counts.shape[0], n_parts = controlled.shape[0], at = 0, row, k
        cdef int64_t element = 0, part = 0
        fill_system(&self.system, n, bounds)
        if values.shape[0] != columns.shape[0] or n_counts != 2 * n + n_parts:
            raise ValueError(
                f"counts {n_counts}, controlled {n_parts}, columns {columns.shape[0]} and values {values.shape[0]} don't "
                f"fit each other and {n} rows"
            )
        for row in range(n):
            if at + 2 > n_counts or not 0 <= counts[at + 1] <= n_counts - at - 2:
                raise ValueError(f"row {row} begins at {at} of {n_counts} counts, and goes beyond them")
            for k in range(counts[at + 1] + 1):
                if counts[at + k + (k > 0)] < 0:
                    raise ValueError(f"row {row} has {counts[at + k + (k > 0)]} elements")
                element += counts[at + k + (k > 0)]
            part += counts[at + 1]
            at += 2 + counts[at + 1]
        if at != n_counts or part != n_parts or element != columns.shape[0]:
            raise ValueError(
                f"the rows have {at} counts, {part} parts and {element} elements of {n_counts}, {n_parts} and {columns.shape[0]}"
            )
        for k in range(n_parts):
            if not 0 <= controlled[k] < self.system.n_controls:
                raise ValueError(f"part {k} has control {controlled[k]} of {self.system.n_controls}")
        for k in range(columns.shape[0]):
            if not 0 <= columns[k] < n:
                raise ValueError(f"element {k} is in column {columns[k]} of {n}")
        self.bounds, self.counts, self.controlled, self.columns, self.values = bounds, counts, controlled, columns, values
        self.system.counts = &counts[0] if n_counts else NULL
        self.system.controlled = &controlled[0] if n_parts else NULL
        self.system.columns = &columns[0] if columns.shape[0] else NULL
        self.system.values = &values[0] if columns.shape[0] else NULL

    @property
    def n_work(self):
        """Return how many numbers `lanes` works in."""
        return _LANES * (self.system.n_controls + 3 * self.system.n) + _ALIGNED


cdef int fill_system(qctl_system* system, Py_ssize_t n, const double[:, ::1] bounds) except -1:
    """Fill in what both layouts have in common."""
    if n < 0 or bounds.shape[1] < 1:
        raise ValueError(f"bounds have shape {(bounds.shape[0], bounds.shape[1])} for {n} coordinates, not (any, 1 or more)")
    memset(system, 0, sizeof(qctl_system))
    system.n = n
    system.n_controls = bounds.shape[1] - 1
    system.n_bounds = bounds.shape[0]
    system.bounds = &bounds[0, 0] if bounds.shape[0] else NULL
    return 0


cdef int check(
    const qctl_system* system, Course course, Py_ssize_t first, Py_ssize_t last, const double[:, ::1] start,
    double[:, :, ::1] out, const double[::1] work, Py_ssize_t n_work,
) except -1:
    """Raise ValueError unless everything fits."""
    cdef Py_ssize_t n = system.n, n_vectors = course.n_runs * course.course.n_columns
    cdef Py_ssize_t n_out = course.weights.shape[0] if course.weights.shape[0] else n
    if course.n_controls != system.n_controls:
        raise ValueError(f"the course has {course.n_controls} controls, bounds are for {system.n_controls}")
    if start.shape[0] != n_vectors or start.shape[1] != n:
        raise ValueError(f"start has shape {(start.shape[0], start.shape[1])}, not {(n_vectors, n)}")
    if course.weights.shape[0] and course.weights.shape[1] != n:
        raise ValueError(f"weights have shape {(course.weights.shape[0], course.weights.shape[1])}, not (any, {n})")
    if out.shape[0] != n_vectors or out.shape[1] != course.at.shape[0] or out.shape[2] != n_out:
        raise ValueError(
            f"out has shape {(out.shape[0], out.shape[1], out.shape[2])}, not {(n_vectors, course.at.shape[0], n_out)}"
        )
    if not 0 <= first <= last <= n_vectors:
        raise ValueError(f"vectors {first} to {last} are not among {n_vectors}")
    if work.shape[0] < n_work:
        raise ValueError(f"work has {work.shape[0]} numbers, not {n_work}")
    return 0


def single(
    Blocks blocks not None,
    Course course not None,
    Py_ssize_t first,
    Py_ssize_t last,
    const double[:, ::1] start not None,
    double[:, :, ::1] out not None,
    double[::1] work not None,
    int most=2,
):
    """Propagate vectors `first` to `last` one after the other.

    Parameters
    ----------
    blocks : Blocks
    course : Course
    first, last : int
        Which vectors.
    start : (n_runs * n_columns, n) float64
        Vectors at the start.
    out : (n_runs * n_columns, n_at, n_weights or n) float64
        Overwritten for these vectors.
    work : (blocks.n_work,) float64
        Overwritten.
    most : int
        Widest vectors, as for `widest`.

    Raises
    ------
    ValueError
        If the shapes don't fit.
    """
    check(&blocks.system, course, first, last, start, out, work, blocks.n_work)
    if first == last or start.shape[1] == 0 or course.at.shape[0] == 0:
        return
    with nogil:
        qctl_run_single(
            qctl_widest(most), &blocks.system, &course.course, first, last, &start[0, 0], &out[0, 0, 0], &work[0]
        )


def lanes(
    Rows rows not None,
    Course course not None,
    Py_ssize_t first,
    Py_ssize_t last,
    const double[:, ::1] start not None,
    double[:, :, ::1] out not None,
    double[::1] work not None,
    int most=2,
):
    """Propagate vectors `first` to `last`, up to 32 side by side.

    Parameters
    ----------
    rows : Rows
    course, first, last, start, out, most
        As in `single`.
    work : (rows.n_work,) float64
        Overwritten.

    Raises
    ------
    ValueError
        If the shapes don't fit.
    """
    check(&rows.system, course, first, last, start, out, work, rows.n_work)
    if first == last or start.shape[1] == 0 or course.at.shape[0] == 0:
        return
    with nogil:
        qctl_run_lanes(
            qctl_widest(most), &rows.system, &course.course, first, last, &start[0, 0], &out[0, 0, 0], &work[0]
        )
