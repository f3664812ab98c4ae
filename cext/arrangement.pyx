"""Sparse real matrices G_0, G_1, ... as the layouts that propagate.pyx reads: blocks of 8 rows, or row after row.

Matrices come as generator.pyx writes them: `begin` and `length` (n_parts, n) say where the row of each lies in `columns`
and `values`.
"""

from libc.math cimport fabs
from libc.stdint cimport int32_t


cdef int check(
    const int32_t[:, ::1] begin, const int32_t[:, ::1] length, const int32_t[::1] columns, const double[::1] values
) except -1:
    """Raise ValueError unless all rows lie in the elements, none in another, and all columns in the matrices."""
    cdef Py_ssize_t part, row, e, n_elements = columns.shape[0], n = begin.shape[1]
    if begin.shape[0] < 1 or length.shape[0] != begin.shape[0] or length.shape[1] != n or values.shape[0] != n_elements:
        raise ValueError(
            f"begin {(begin.shape[0], n)}, length {(length.shape[0], length.shape[1])}, columns {n_elements} and values "
            f"{values.shape[0]} don't fit each other"
        )
    for part in range(begin.shape[0]):
        for row in range(n):
            if begin[part, row] < 0 or length[part, row] < 0 or begin[part, row] > n_elements - length[part, row]:
                raise ValueError(
                    f"row {row} of matrix {part} has {length[part, row]} elements from {begin[part, row]} on, of {n_elements}"
                )
    cdef unsigned char[::1] taken = bytearray(n_elements)
    for part in range(begin.shape[0]):
        for row in range(n):
            for e in range(begin[part, row], begin[part, row] + length[part, row]):
                if taken[e]:
                    raise ValueError(f"row {row} of matrix {part} has element {e}, which another row has too")
                taken[e] = 1
    for e in range(n_elements):
        if not 0 <= columns[e] < n:
            raise ValueError(f"element {e} is in column {columns[e]} of {n}")
    return 0


cdef struct matrices_t:
    const int32_t* begin
    const int32_t* length
    const int32_t* columns
    const double* values
    Py_ssize_t n, n_parts


cdef Py_ssize_t _bounds(const matrices_t* g, double* out) noexcept nogil:
    cdef Py_ssize_t row, part, e, k, kept = 0, better, worse
    cdef double* new
    for row in range(g.n):
        new = out + g.n_parts * kept
        for part in range(g.n_parts):
            new[part] = 0.0
            for e in range(g.begin[g.n * part + row], g.begin[g.n * part + row] + g.length[g.n * part + row]):
                new[part] += fabs(g.values[e])
        k = 0
        while k < kept:
            better = worse = 0
            for part in range(g.n_parts):
                better += out[g.n_parts * k + part] > new[part]
                worse += out[g.n_parts * k + part] < new[part]
            if worse == 0:
                break
            if better == 0:
                for part in range(g.n_parts):
                    out[g.n_parts * k + part] = out[g.n_parts * (kept - 1) + part]
                    out[g.n_parts * (kept - 1) + part] = new[part]
                new = out + g.n_parts * (kept - 1)
                kept -= 1
            else:
                k += 1
        if k == kept:
            kept += 1
    return kept


def bounds(
    const int32_t[:, ::1] begin not None,
    const int32_t[:, ::1] length not None,
    const int32_t[::1] columns not None,
    const double[::1] values not None,
    double[:, ::1] out not None,
):
    """Fill in sums of absolute values of rows, without those that another row exceeds in all matrices; return how many.

    Parameters
    ----------
    begin, length, columns, values
        The matrices.
    out : (n, n_parts) float64
        Filled from the first row on.

    Raises
    ------
    ValueError
        If the shapes don't fit or an index is outside.
    """
    cdef matrices_t g
    cdef Py_ssize_t kept
    check(begin, length, columns, values)
    if out.shape[0] != begin.shape[1] or out.shape[1] != begin.shape[0]:
        raise ValueError(f"out has shape {(out.shape[0], out.shape[1])}, not {(begin.shape[1], begin.shape[0])}")
    if begin.shape[1] == 0 or columns.shape[0] == 0:
        return 0
    g = matrices_t(&begin[0, 0], &length[0, 0], &columns[0], &values[0], begin.shape[1], begin.shape[0])
    with nogil:
        kept = _bounds(&g, &out[0, 0])
    return kept


cdef void _blocks(
    const matrices_t* g, int32_t* block_begin, int32_t* offsets, double* fixed, int32_t* touched, int32_t* touch_begin,
    int32_t* touch_controls, double* touch_values, int32_t* slots, int32_t* table, Py_ssize_t* counts,
) noexcept nogil:
    cdef Py_ssize_t block, row, part, e, k, n_pairs = 0, n_touched = 0, n_values = 0, first, local, controls = g.n_parts - 1
    cdef int32_t offset
    for e in range(2 * g.n):
        slots[e] = -1
    block_begin[0] = touch_begin[0] = 0
    for block in range((g.n + 7) // 8):
        first = n_pairs
        for part in range(g.n_parts):
            for row in range(8 * block, min(8 * block + 8, g.n)):
                for e in range(g.begin[g.n * part + row], g.begin[g.n * part + row] + g.length[g.n * part + row]):
                    offset = <int32_t> (g.columns[e] - row)
                    if slots[offset + g.n] < 0:
                        slots[offset + g.n] = <int32_t> n_pairs
                        offsets[n_pairs] = offset
                        for k in range(8):
                            fixed[8 * n_pairs + k] = 0.0
                        for k in range(controls):
                            table[controls * (n_pairs - first) + k] = -1
                        n_pairs += 1
                    local = slots[offset + g.n] - first
                    if part:
                        table[controls * local + part - 1] = 0
                    else:
                        fixed[8 * (first + local) + row - 8 * block] += g.values[e]
        for local in range(n_pairs - first):
            touched[n_touched] = <int32_t> (first + local)
            for k in range(controls):
                if table[controls * local + k] == 0:
                    table[controls * local + k] = <int32_t> n_values
                    touch_controls[n_values] = <int32_t> k
                    for e in range(8):
                        touch_values[8 * n_values + e] = 0.0
                    n_values += 1
            if n_values > touch_begin[n_touched]:
                n_touched += 1
                touch_begin[n_touched] = <int32_t> n_values
        for part in range(1, g.n_parts):
            for row in range(8 * block, min(8 * block + 8, g.n)):
                for e in range(g.begin[g.n * part + row], g.begin[g.n * part + row] + g.length[g.n * part + row]):
                    local = slots[g.columns[e] - row + g.n] - first
                    touch_values[8 * table[controls * local + part - 1] + row - 8 * block] += g.values[e]
        for k in range(first, n_pairs):
            slots[offsets[k] + g.n] = -1
        block_begin[block + 1] = <int32_t> n_pairs
    counts[0] = n_pairs
    counts[1] = n_touched
    counts[2] = n_values


def blocks(
    const int32_t[:, ::1] begin not None,
    const int32_t[:, ::1] length not None,
    const int32_t[::1] columns not None,
    const double[::1] values not None,
    int32_t[::1] block_begin not None,
    int32_t[::1] offsets not None,
    double[:, ::1] fixed not None,
    int32_t[::1] touched not None,
    int32_t[::1] touch_begin not None,
    int32_t[::1] touch_controls not None,
    double[:, ::1] touch_values not None,
    int32_t[::1] work not None,
):
    """Fill in blocks of 8 rows as pairs: 8 numbers, and the distance from the rows to the coordinates that they multiply.

    Parameters
    ----------
    begin, length, columns, values
        The matrices; the first is fixed, each other has a control.
    block_begin : (ceil(n / 8) + 1,) int32
        Where each block's pairs begin.
    offsets, touched : (n_pairs,) int32
        Distance of each pair; which pairs have controls. There are at most as many pairs as elements, and at most n + 7
        in a block; all arrays may be longer.
    fixed : (n_pairs, 8) float64
        The first matrix.
    touch_begin : (n_pairs + 1,) int32
        Where the parts of each pair in `touched` begin.
    touch_controls, touch_values : (n_values,) int32 and (n_values, 8) float64
        The parts: which control, and its numbers. There are at most as many as elements, and at most n + 7 for each
        block and control.
    work : (2 * n + (n_parts - 1) * (n + 7),) int32
        Overwritten.

    Returns
    -------
    tuple of int
        Numbers of pairs, of pairs with controls, of their parts.

    Raises
    ------
    ValueError
        If the shapes don't fit or an index is outside.
    """
    cdef matrices_t g
    cdef Py_ssize_t[3] counts
    cdef Py_ssize_t n = begin.shape[1], controls = begin.shape[0] - 1, n_blocks = (n + 7) // 8
    cdef Py_ssize_t most_pairs = min(columns.shape[0], n_blocks * (n + 7))
    cdef Py_ssize_t most_values = min(columns.shape[0], n_blocks * (n + 7) * controls)
    check(begin, length, columns, values)
    if (
        block_begin.shape[0] != n_blocks + 1 or offsets.shape[0] < most_pairs or fixed.shape[0] < most_pairs
        or fixed.shape[1] != 8 or touched.shape[0] < most_pairs or touch_begin.shape[0] < most_pairs + 1
    ):
        raise ValueError(f"the arrays have no room for {n_blocks} blocks of {most_pairs} pairs")
    if touch_controls.shape[0] < most_values or touch_values.shape[0] < most_values or touch_values.shape[1] != 8:
        raise ValueError(f"touch_controls and touch_values have no room for {most_values} parts of 8")
    if work.shape[0] < 2 * n + controls * (n + 7):
        raise ValueError(f"work has {work.shape[0]} numbers, not {2 * n + controls * (n + 7)}")
    if columns.shape[0] == 0:
        block_begin[:] = 0
        touch_begin[:] = 0
        return 0, 0, 0
    g = matrices_t(&begin[0, 0], &length[0, 0], &columns[0], &values[0], n, begin.shape[0])
    with nogil:
        _blocks(
            &g, &block_begin[0], &offsets[0], &fixed[0, 0], &touched[0], &touch_begin[0],
            &touch_controls[0] if most_values else NULL, &touch_values[0, 0] if most_values else NULL, &work[0],
            &work[2 * n] if controls else NULL, counts,
        )
    return counts[0], counts[1], counts[2]


cdef void _rows(
    const matrices_t* g, int32_t* counts, int32_t* controlled, int32_t* columns, double* values, Py_ssize_t* totals
) noexcept nogil:
    cdef Py_ssize_t part, row, e, n_counts = 0, n_parts = 0, n_elements = 0, head
    cdef int32_t length
    for row in range(g.n):
        head = n_counts
        n_counts += 1
        for part in range(g.n_parts):
            length = g.length[g.n * part + row]
            if part == 0:
                counts[head] = length
                counts[head + 1] = 0
                n_counts += 1
            elif length:
                counts[head + 1] += 1
                counts[n_counts] = length
                n_counts += 1
                controlled[n_parts] = <int32_t> (part - 1)
                n_parts += 1
            for e in range(g.begin[g.n * part + row], g.begin[g.n * part + row] + length):
                columns[n_elements] = g.columns[e]
                values[n_elements] = g.values[e]
                n_elements += 1
    totals[0] = n_counts
    totals[1] = n_parts


def rows(
    const int32_t[:, ::1] begin not None,
    const int32_t[:, ::1] length not None,
    const int32_t[::1] columns not None,
    const double[::1] values not None,
    int32_t[::1] out_counts not None,
    int32_t[::1] out_controlled not None,
    int32_t[::1] out_columns not None,
    double[::1] out_values not None,
):
    """Fill in all matrices row after row: of each row first what the first matrix has, then what each other has.

    Parameters
    ----------
    begin, length, columns, values
        The matrices, whose rows together have all elements.
    out_counts : ((n_parts + 1) * n,) int32
        Of each row: how many elements the first matrix has, how many of the others have any, and how many each of these.
    out_controlled : ((n_parts - 1) * n,) int32
        Number of each of these others, 0 for the second matrix.
    out_columns, out_values : (n_elements,) int32 and float64
        The elements in this order.

    Returns
    -------
    tuple of int
        How many counts there are, and how many controlled parts.

    Raises
    ------
    ValueError
        If the shapes don't fit or an index is outside.
    """
    cdef matrices_t g
    cdef Py_ssize_t[2] totals
    cdef Py_ssize_t n = begin.shape[1], n_parts = begin.shape[0], part, row, n_elements = 0
    check(begin, length, columns, values)
    if out_counts.shape[0] != (n_parts + 1) * n or out_controlled.shape[0] != (n_parts - 1) * n:
        raise ValueError(
            f"out_counts {out_counts.shape[0]} and out_controlled {out_controlled.shape[0]} have no room for {n_parts} "
            f"matrices of {n} rows"
        )
    if out_columns.shape[0] != columns.shape[0] or out_values.shape[0] != columns.shape[0]:
        raise ValueError(f"out_columns and out_values don't fit {columns.shape[0]} elements")
    for part in range(n_parts):
        for row in range(n):
            n_elements += length[part, row]
    if n_elements != columns.shape[0]:
        raise ValueError(f"the rows have {n_elements} elements of {columns.shape[0]}")
    if n == 0:
        return 0, 0
    g = matrices_t(&begin[0, 0], &length[0, 0], NULL, NULL, n, n_parts)
    if n_elements:
        g.columns, g.values = &columns[0], &values[0]
    with nogil:
        _rows(
            &g, &out_counts[0], &out_controlled[0] if n_parts > 1 else NULL, &out_columns[0] if n_elements else NULL,
            &out_values[0] if n_elements else NULL, totals,
        )
    return totals[0], totals[1]
