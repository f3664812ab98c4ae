"""Exact propagation of driven systems through slices of constant controls: Taylor series with their rest below a bound.

Real linear equations x' = (G_0 + sum of u_k G_k) x in the layouts of arrangement.pyx: one vector in blocks of 8 rows, or
up to 16 vectors side by side, each with its controls. The arithmetic is in propagate.h.
"""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

cdef extern from "propagate.h" nogil:
    ctypedef struct qctl_system:
        Py_ssize_t n, n_controls, n_bounds, n_blocks, n_pairs, n_touched, n_groups, n_fixed_groups
        const double* bounds
        const double* fixed
        const double* touch_values
        const double* values
        const int32_t* block_begin
        const int32_t* offsets
        const int32_t* touched
        const int32_t* touch_begin
        const int32_t* touch_controls
        const int32_t* groups
        const int32_t* rows
        const int32_t* parts
        const int32_t* columns

    ctypedef struct qctl_course:
        Py_ssize_t n_slices, dt_stride, n_at, n_weights, controls_stride
        const double* controls
        const double* dt
        const double* weights
        double tolerance_rate
        const int64_t* at

    int qctl_widest(int most) noexcept
    void qctl_run_single(
        int widest, const qctl_system* s, const qctl_course* c, const double* start, double* out, double* work
    ) noexcept
    void qctl_run_lanes(
        int widest, const qctl_system* s, const qctl_course* c, Py_ssize_t n_columns, Py_ssize_t first, int lanes,
        const double* start, double* out, double* work,
    ) noexcept

cdef enum:
    LANES = 16


def widest(int most=2):
    """Return which vectors this processor has, up to `most`: 0 none that we use, 1 AVX2 with FMA, 2 AVX-512."""
    return qctl_widest(most)


cdef int fill_course(
    qctl_system* system, qctl_course* course, const double[:, ::1] bounds, const double[:, :, ::1] controls,
    const double[::1] dt, const int64_t[::1] at, const double[:, ::1] weights, double tolerance_rate,
    const double[:, ::1] start, double[:, :, ::1] out, Py_ssize_t n_columns, Py_ssize_t first, Py_ssize_t last,
) except -1:
    """Check and fill what both layouts have in common; an empty `weights` means that all coordinates are written."""
    cdef Py_ssize_t n = start.shape[1], n_slices = controls.shape[1], n_controls = controls.shape[2], k
    cdef Py_ssize_t n_out = weights.shape[0] if weights.shape[0] else n
    if bounds.shape[1] != n_controls + 1:
        raise ValueError(f"bounds have shape {(bounds.shape[0], bounds.shape[1])}, not (any, {n_controls + 1})")
    if dt.shape[0] != n_slices and dt.shape[0] != 1:
        raise ValueError(f"dt has {dt.shape[0]} lengths for {n_slices} slices")
    if n_columns < 1 or start.shape[0] != controls.shape[0] * n_columns:
        raise ValueError(f"start has {start.shape[0]} vectors, not {controls.shape[0]} runs of {n_columns}")
    if weights.shape[0] and weights.shape[1] != n:
        raise ValueError(f"weights have shape {(weights.shape[0], weights.shape[1])}, not (any, {n})")
    if out.shape[0] != start.shape[0] or out.shape[1] != at.shape[0] or out.shape[2] != n_out:
        raise ValueError(
            f"out has shape {(out.shape[0], out.shape[1], out.shape[2])}, not {(start.shape[0], at.shape[0], n_out)}"
        )
    for k in range(at.shape[0]):
        if not (at[k - 1] if k else 0) <= at[k] <= n_slices:
            raise ValueError(f"at[{k}] = {at[k]} is not an ascending boundary of {n_slices} slices")
    if not 0 <= first <= last <= start.shape[0]:
        raise ValueError(f"vectors {first} to {last} are not among {start.shape[0]}")
    memset(system, 0, sizeof(qctl_system))
    system.n = n
    system.n_controls = n_controls
    system.n_bounds = bounds.shape[0]
    system.bounds = &bounds[0, 0] if bounds.shape[0] else NULL
    course.n_slices = n_slices
    course.dt_stride = 1 if dt.shape[0] == n_slices else 0
    course.n_at = at.shape[0]
    course.n_weights = weights.shape[0]
    course.controls_stride = n_slices * n_controls
    course.controls = &controls[0, 0, 0] if controls.shape[0] and n_slices and n_controls else NULL
    course.dt = &dt[0] if dt.shape[0] else NULL
    course.weights = &weights[0, 0] if weights.shape[0] else NULL
    course.tolerance_rate = tolerance_rate
    course.at = &at[0] if at.shape[0] else NULL
    return 0


cdef void _single(
    int widest, const qctl_system* system, qctl_course* course, Py_ssize_t n_columns, Py_ssize_t first, Py_ssize_t last,
    const double* start, double* out, double* work,
) noexcept nogil:
    cdef Py_ssize_t q, n_out = course.n_weights if course.n_weights else system.n
    cdef const double* controls = course.controls
    for q in range(first, last):
        if controls != NULL:
            course.controls = controls + course.controls_stride * (q // n_columns)
        qctl_run_single(widest, system, course, start + system.n * q, out + course.n_at * n_out * q, work)


def single(
    const double[:, ::1] bounds not None,
    const int32_t[::1] block_begin not None,
    const int32_t[::1] offsets not None,
    const double[:, ::1] fixed not None,
    const int32_t[::1] touched not None,
    const int32_t[::1] touch_begin not None,
    const int32_t[::1] touch_controls not None,
    const double[:, ::1] touch_values not None,
    const double[:, :, ::1] controls not None,
    const double[::1] dt_s not None,
    const int64_t[::1] at not None,
    const double[:, ::1] weights not None,
    double tolerance_rate,
    Py_ssize_t n_columns,
    Py_ssize_t first,
    Py_ssize_t last,
    const double[:, ::1] start not None,
    double[:, :, ::1] out not None,
    double[::1] work not None,
    int most=2,
):
    """Propagate vectors `first` to `last` one after the other, in blocks of 8 rows.

    Parameters
    ----------
    bounds : (n_bounds, 1 + n_controls) float64, per second
        As `arrangement.bounds` makes them.
    block_begin ... touch_values
        As `arrangement.blocks` makes them, cut to their numbers.
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
        Vectors that have the controls of the same run.
    first, last : int
        Which vectors.
    start : (n_runs * n_columns, n) float64
        Vectors at the start.
    out : (n_runs * n_columns, n_at, n_weights or n) float64
        Overwritten for these vectors.
    work : (8 * n_pairs + 3 * (8 * n_blocks + 16),) float64
        Overwritten.
    most : int
        Widest vectors, as for `widest`.

    Raises
    ------
    ValueError
        If the shapes don't fit or an index is outside.
    """
    cdef qctl_system system
    cdef qctl_course course
    cdef Py_ssize_t n = start.shape[1], n_pairs = offsets.shape[0], block, k
    cdef Py_ssize_t n_touched = touched.shape[0], n_values = touch_controls.shape[0], n_blocks = (n + 7) // 8
    fill_course(
        &system, &course, bounds, controls, dt_s, at, weights, tolerance_rate, start, out, n_columns, first, last
    )
    if fixed.shape[0] != n_pairs or fixed.shape[1] != 8 or block_begin.shape[0] != n_blocks + 1:
        raise ValueError(
            f"block_begin {block_begin.shape[0]} and fixed {(fixed.shape[0], fixed.shape[1])} don't fit {n_blocks} blocks "
            f"of {n_pairs} pairs"
        )
    if touch_begin.shape[0] != n_touched + 1 or touch_values.shape[0] != n_values or touch_values.shape[1] != 8:
        raise ValueError(
            f"touch_begin {touch_begin.shape[0]} and touch_values {(touch_values.shape[0], touch_values.shape[1])} "
            f"don't fit {n_touched} pairs with {n_values} parts"
        )
    if work.shape[0] < 8 * n_pairs + 3 * (8 * n_blocks + 16):
        raise ValueError(f"work has {work.shape[0]} numbers, not {8 * n_pairs + 3 * (8 * n_blocks + 16)}")
    for block in range(n_blocks):
        if not 0 <= block_begin[block] <= block_begin[block + 1] <= n_pairs:
            raise ValueError(f"block {block} has pairs {block_begin[block]} to {block_begin[block + 1]} of {n_pairs}")
        for k in range(block_begin[block], block_begin[block + 1]):
            if not -7 <= 8 * block + offsets[k] < n:
                raise ValueError(f"pair {k} of block {block} is {offsets[k]} away, outside {n} coordinates")
    if block_begin[0] != 0 or block_begin[n_blocks] != n_pairs or touch_begin[0] != 0 or touch_begin[n_touched] != n_values:
        raise ValueError(f"the blocks and parts don't cover {n_pairs} pairs and {n_values} parts")
    for k in range(n_touched):
        if not 0 <= touched[k] < n_pairs or touch_begin[k] > touch_begin[k + 1]:
            raise ValueError(f"pair {touched[k]} with parts {touch_begin[k]} to {touch_begin[k + 1]} is not one of {n_pairs}")
    for k in range(n_values):
        if not 0 <= touch_controls[k] < controls.shape[2]:
            raise ValueError(f"part {k} has control {touch_controls[k]} of {controls.shape[2]}")
    if first == last or n == 0 or at.shape[0] == 0:
        return
    system.n_blocks = n_blocks
    system.n_pairs = n_pairs
    system.n_touched = n_touched
    system.block_begin = &block_begin[0]
    system.offsets = &offsets[0] if n_pairs else NULL
    system.fixed = &fixed[0, 0] if n_pairs else NULL
    system.touched = &touched[0] if n_touched else NULL
    system.touch_begin = &touch_begin[0]
    system.touch_controls = &touch_controls[0] if n_values else NULL
    system.touch_values = &touch_values[0, 0] if n_values else NULL
    with nogil:
        _single(qctl_widest(most), &system, &course, n_columns, first, last, &start[0, 0], &out[0, 0, 0], &work[0])


cdef void _lanes(
    int widest, const qctl_system* system, const qctl_course* course, Py_ssize_t n_columns, Py_ssize_t first,
    Py_ssize_t last, const double* start, double* out, double* work,
) noexcept nogil:
    cdef Py_ssize_t q = first
    while q < last:
        qctl_run_lanes(widest, system, course, n_columns, q, <int> min(LANES, last - q), start, out, work)
        q += LANES


def lanes(
    const double[:, ::1] bounds not None,
    const int32_t[:, ::1] groups not None,
    Py_ssize_t n_fixed_groups,
    const int32_t[::1] rows not None,
    const int32_t[::1] parts not None,
    const int32_t[::1] columns not None,
    const double[::1] values not None,
    const double[:, :, ::1] controls not None,
    const double[::1] dt_s not None,
    const int64_t[::1] at not None,
    const double[:, ::1] weights not None,
    double tolerance_rate,
    Py_ssize_t n_columns,
    Py_ssize_t first,
    Py_ssize_t last,
    const double[:, ::1] start not None,
    double[:, :, ::1] out not None,
    double[::1] work not None,
    int most=2,
):
    """Propagate vectors `first` to `last`, 16 side by side.

    Parameters
    ----------
    bounds : (n_bounds, 1 + n_controls) float64, per second
        As `arrangement.bounds` makes them.
    groups ... values
        As `arrangement.rows` makes them, cut to their numbers.
    controls, dt_s, at, weights, tolerance_rate, n_columns, first, last, start, out, most : as in `single`
    work : (16 * (n_controls + 3 * n),) float64
        Overwritten.

    Raises
    ------
    ValueError
        If the shapes don't fit or an index is outside.
    """
    cdef qctl_system system
    cdef qctl_course course
    cdef Py_ssize_t n = start.shape[1], n_rows = rows.shape[0], n_controls = controls.shape[2], k, need
    cdef int64_t row = 0, element = 0
    fill_course(
        &system, &course, bounds, controls, dt_s, at, weights, tolerance_rate, start, out, n_columns, first, last
    )
    if groups.shape[1] != 4 or not 0 <= n_fixed_groups <= groups.shape[0] or parts.shape[0] != n_rows or (
        values.shape[0] != columns.shape[0]
    ):
        raise ValueError(
            f"groups {(groups.shape[0], groups.shape[1])} with {n_fixed_groups} fixed, rows {n_rows}, parts "
            f"{parts.shape[0]}, columns {columns.shape[0]} and values {values.shape[0]} don't fit each other"
        )
    need = LANES * (n_controls + 3 * n)
    if work.shape[0] < need:
        raise ValueError(f"work has {work.shape[0]} numbers, not {need}")
    for k in range(groups.shape[0]):
        if groups[k, 0] < 0 or groups[k, 1] != row or groups[k, 2] < 0 or groups[k, 3] != element:
            raise ValueError(f"group {k} doesn't begin at row {row} and element {element}")
        row += groups[k, 2]
        element += groups[k, 2] * <int64_t> groups[k, 0]
    if row != n_rows or element != columns.shape[0]:
        raise ValueError(f"the groups have {row} rows and {element} elements of {n_rows} and {columns.shape[0]}")
    for k in range(n_rows):
        if not (0 <= rows[k] < n and 0 <= parts[k] < max(n_controls, 1)):
            raise ValueError(f"row {rows[k]} of {n} has control {parts[k]} of {n_controls}")
    for k in range(columns.shape[0]):
        if not 0 <= columns[k] < n:
            raise ValueError(f"element {k} is in column {columns[k]} of {n}")
    if first == last or n == 0 or at.shape[0] == 0:
        return
    system.n_groups = groups.shape[0]
    system.n_fixed_groups = n_fixed_groups
    system.groups = &groups[0, 0] if groups.shape[0] else NULL
    system.rows = &rows[0] if n_rows else NULL
    system.parts = &parts[0] if n_rows else NULL
    system.columns = &columns[0] if columns.shape[0] else NULL
    system.values = &values[0] if columns.shape[0] else NULL
    with nogil:
        _lanes(qctl_widest(most), &system, &course, n_columns, first, last, &start[0, 0], &out[0, 0, 0], &work[0])
