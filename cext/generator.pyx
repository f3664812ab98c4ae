"""The equation of motion of a driven system as sparse real matrices, and these as the layouts that propagate.pyx reads.

x' = (G_0 + sum of u_k G_k) x, with x either the parts of a state vector (real ones first) or the real coordinates of a
Hermitian matrix: its real parts on and above the diagonal and its imaginary parts above, diagonal by diagonal, so that
operators that move levels by fixed steps become long runs of equal distances.
"""

from libc.stdint cimport int32_t


cdef void _places(int32_t* re, int32_t* im, int d) noexcept nogil:
    cdef int i, k, at = 0
    for k in range(d):
        for i in range(d - k):
            re[d * i + i + k] = re[d * (i + k) + i] = at
            at += 1
        for i in range(d - k if k else 0):
            im[d * i + i + k] = im[d * (i + k) + i] = at
            at += 1
    for i in range(d):
        im[(d + 1) * i] = 0


def places(int32_t[:, ::1] re not None, int32_t[:, ::1] im not None):
    """Fill in which coordinate has the real and the imaginary part of each element of a Hermitian matrix.

    Parameters
    ----------
    re, im : (d, d) int32
        Symmetric: the coordinate of the element above the diagonal. On the diagonal `im` is 0 and means nothing.

    Raises
    ------
    ValueError
        If the shapes are not square and equal.
    """
    cdef Py_ssize_t d = re.shape[0]
    if re.shape[1] != d or im.shape[0] != d or im.shape[1] != d or d > 30000:
        raise ValueError(
            f"re {(re.shape[0], re.shape[1])} and im {(im.shape[0], im.shape[1])} are not square, equal and below 30000"
        )
    if d:
        with nogil:
            _places(&re[0, 0], &im[0, 0], <int> d)


cdef struct rows_t:
    int32_t* begin
    int32_t* length
    int32_t* columns
    double* values
    Py_ssize_t used, room
    int32_t n


cdef inline void put(rows_t* to, double* row, int32_t* listed, int32_t* n_listed, int32_t column, double value) noexcept nogil:
    """Add to an element of a row in the making; `row` is n numbers and n marks that say which are listed."""
    cdef double* mark = row + to.n
    if value == 0.0:
        return
    if mark[column] == 0.0:
        mark[column] = 1.0
        listed[n_listed[0]] = column
        n_listed[0] += 1
    row[column] += value


cdef bint end_row(rows_t* to, Py_ssize_t place, double* row, int32_t* listed, int32_t n_listed) noexcept nogil:
    """Write a row without its zeros, by ascending columns, and clear it; say whether there was room."""
    cdef int32_t i, k, column
    cdef Py_ssize_t first = to.used
    for i in range(1, n_listed):
        column = listed[i]
        k = i
        while k > 0 and listed[k - 1] > column:
            listed[k] = listed[k - 1]
            k -= 1
        listed[k] = column
    to.begin[place] = <int32_t> first
    for i in range(n_listed):
        column = listed[i]
        if row[column] != 0.0 and to.used < to.room:
            to.columns[to.used] = column
            to.values[to.used] = row[column]
            to.used += 1
        elif row[column] != 0.0:
            return False
        row[column] = 0.0
        row[to.n + column] = 0.0
    to.length[place] = <int32_t> (to.used - first)
    return True


cdef inline void put_element(
    rows_t* to, const int32_t* re, const int32_t* im, int d, int j, int l, double vr, double vi, double* rows,
    int32_t* listed, int32_t* counts, bint both,
) noexcept nogil:
    """Add v times element (j, l) to the rows of a real part and, if `both`, of its imaginary part."""
    cdef int32_t x = re[d * j + l], y = im[d * j + l]
    cdef double sign = 1.0 if j < l else -1.0
    put(to, rows, listed, counts, x, vr)
    if both:
        put(to, rows + 2 * to.n, listed + to.n, counts + 1, x, vi)
    if j != l:
        put(to, rows, listed, counts, y, -sign * vi)
        if both:
            put(to, rows + 2 * to.n, listed + to.n, counts + 1, y, sign * vr)


cdef bint _hermitian(
    const double* k, const double* jumps, Py_ssize_t n_jumps, const int32_t* re, const int32_t* im, int d, rows_t* to,
    double* rows, int32_t* listed,
) noexcept nogil:
    cdef int i, c, j, l
    cdef Py_ssize_t jump
    cdef int32_t[2] counts
    cdef const double* a
    cdef const double* b
    for i in range(d):
        for c in range(i, d):
            counts[0] = counts[1] = 0
            for j in range(d):
                a = k + 2 * (d * i + j)
                put_element(to, re, im, d, j, c, a[0], a[1], rows, listed, counts, c > i)
                a = k + 2 * (d * c + j)
                put_element(to, re, im, d, i, j, a[0], -a[1], rows, listed, counts, c > i)
            for jump in range(n_jumps):
                for j in range(d):
                    a = jumps + 2 * (d * (d * jump + i) + j)
                    if a[0] == 0.0 and a[1] == 0.0:
                        continue
                    for l in range(d):
                        b = jumps + 2 * (d * (d * jump + c) + l)
                        put_element(
                            to, re, im, d, j, l, a[0] * b[0] + a[1] * b[1], a[1] * b[0] - a[0] * b[1], rows, listed,
                            counts, c > i,
                        )
            if not end_row(to, re[d * i + c], rows, listed, counts[0]):
                return False
            if c > i and not end_row(to, im[d * i + c], rows + 2 * to.n, listed + to.n, counts[1]):
                return False
    return True


def hermitian_rows(
    const double complex[:, ::1] k not None,
    const double complex[:, :, ::1] jumps not None,
    const int32_t[:, ::1] re not None,
    const int32_t[:, ::1] im not None,
    int32_t[::1] begin not None,
    int32_t[::1] length not None,
    int32_t[::1] columns not None,
    double[::1] values not None,
    Py_ssize_t used,
    double[::1] work not None,
    int32_t[::1] listed not None,
):
    """Fill in the rows of rho' = K rho + rho K† + sum of L rho L† in real coordinates; return how many elements there are.

    Parameters
    ----------
    k : (d, d) complex128
        -i times the Hamiltonian over hbar, less half the sum of L†L.
    jumps : (n_jumps, d, d) complex128
        The operators L.
    re, im : (d, d) int32
        As `places` makes them.
    begin, length : (d * d,) int32
        Overwritten: where each row lies.
    columns, values : (room,) int32 and float64
        Filled from element `used` on.
    used : int
        How many elements there are already.
    work : (4 * d * d,) float64
        Zeros; left as zeros.
    listed : (2 * d * d,) int32
        Overwritten.

    Returns
    -------
    int
        How many elements there are now; -1 if there was no room.

    Raises
    ------
    ValueError
        If the shapes don't fit.
    """
    cdef Py_ssize_t d = k.shape[0], n = d * d, i, j
    cdef rows_t to
    cdef bint done
    if k.shape[1] != d or jumps.shape[1] != d or jumps.shape[2] != d or re.shape[0] != d or re.shape[1] != d or (
        im.shape[0] != d or im.shape[1] != d
    ):
        raise ValueError(
            f"k {(d, k.shape[1])}, jumps {(jumps.shape[0], jumps.shape[1], jumps.shape[2])}, "
            f"re {(re.shape[0], re.shape[1])} and im {(im.shape[0], im.shape[1])} don't fit each other"
        )
    for i in range(d):
        for j in range(d):
            if not (0 <= re[i, j] < n and 0 <= im[i, j] < n):
                raise ValueError(f"re and im have {re[i, j]} and {im[i, j]} at ({i}, {j}), outside of {n} coordinates")
    open_rows(&to, n, begin, length, columns, values, used)
    if work.shape[0] != 4 * n or listed.shape[0] != 2 * n:
        raise ValueError(f"work has {work.shape[0]} and listed {listed.shape[0]} numbers, not {4 * n} and {2 * n}")
    if n == 0:
        return used
    with nogil:
        done = _hermitian(
            <const double*> &k[0, 0], <const double*> &jumps[0, 0, 0] if jumps.shape[0] else NULL, jumps.shape[0],
            &re[0, 0], &im[0, 0], <int> d, &to, &work[0], &listed[0],
        )
    return to.used if done else -1


cdef int open_rows(
    rows_t* to, Py_ssize_t n, int32_t[::1] begin, int32_t[::1] length, int32_t[::1] columns, double[::1] values,
    Py_ssize_t used,
) except -1:
    """Write rows behind the elements that are there; raise ValueError if the arrays don't fit."""
    if begin.shape[0] != n or length.shape[0] != n:
        raise ValueError(f"begin and length have {begin.shape[0]} and {length.shape[0]} rows, not {n}")
    if columns.shape[0] != values.shape[0] or not 0 <= used <= columns.shape[0] or columns.shape[0] >= 2**31:
        raise ValueError(
            f"columns and values have room for {columns.shape[0]} and {values.shape[0]} elements, {used} of them used"
        )
    to.begin = &begin[0] if n else NULL
    to.length = &length[0] if n else NULL
    to.columns = &columns[0] if columns.shape[0] else NULL
    to.values = &values[0] if columns.shape[0] else NULL
    to.used = used
    to.room = columns.shape[0]
    to.n = <int32_t> n
    return 0


cdef bint _vector(const double* k, int d, rows_t* to, double* row, int32_t* listed) noexcept nogil:
    cdef int i, j, part
    cdef int32_t count
    cdef const double* a
    for part in range(2):
        for i in range(d):
            count = 0
            for j in range(d):
                a = k + 2 * (d * i + j)
                put(to, row, listed, &count, j, a[1] if part else a[0])
                put(to, row, listed, &count, d + j, a[0] if part else -a[1])
            if not end_row(to, d * part + i, row, listed, count):
                return False
    return True


def vector_rows(
    const double complex[:, ::1] k not None,
    int32_t[::1] begin not None,
    int32_t[::1] length not None,
    int32_t[::1] columns not None,
    double[::1] values not None,
    Py_ssize_t used,
    double[::1] work not None,
    int32_t[::1] listed not None,
):
    """Fill in the rows of psi' = K psi for real parts and imaginary parts; return how many elements there are.

    Parameters
    ----------
    k : (d, d) complex128
        -i times the Hamiltonian over hbar.
    begin, length : (2 * d,) int32
        Overwritten: where each row lies.
    columns, values, used : as in `hermitian_rows`
    work : (4 * d,) float64
        Zeros; left as zeros.
    listed : (2 * d,) int32
        Overwritten.

    Returns
    -------
    int
        How many elements there are now; -1 if there was no room.

    Raises
    ------
    ValueError
        If the shapes don't fit.
    """
    cdef Py_ssize_t d = k.shape[0], n = 2 * d
    cdef rows_t to
    cdef bint done
    if k.shape[1] != d:
        raise ValueError(f"k has shape {(d, k.shape[1])}, not square")
    open_rows(&to, n, begin, length, columns, values, used)
    if work.shape[0] != 2 * n or listed.shape[0] != n:
        raise ValueError(f"work has {work.shape[0]} and listed {listed.shape[0]} numbers, not {2 * n} and {n}")
    if n == 0:
        return used
    with nogil:
        done = _vector(<const double*> &k[0, 0], <int> d, &to, &work[0], &listed[0])
    return to.used if done else -1
