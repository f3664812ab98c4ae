"""Tells Clifford gates from others: each gate's opcode and by how many quarter turns it rotates, in one pass."""

from libc.math cimport fabs, isfinite, rint
from libc.stdint cimport int32_t, uint8_t, uint32_t
from libc.string cimport memcpy

cdef enum:
    N_OPS = 512
    TURNS = 8
    EXPRESSION = 2
    WIDE = 4

cdef enum:
    NO_GATE
    FIXED
    ONE_ANGLE
    TWO_ANGLE
    ASK
    NEVER


cdef int32_t turned(int32_t op, double angle, double unit, double tolerance) noexcept nogil:
    """Return opcode and number of units of an angle, -1 if it is no whole number of them."""
    cdef double turns
    if not isfinite(angle) or fabs(angle) > 1e9:
        return -1
    turns = rint(angle / unit)
    if fabs(angle - turns * unit) > tolerance:
        return -1
    turns -= TURNS * rint(turns / TURNS)
    return op * TURNS + ((<int32_t>turns + TURNS) % TURNS)


cdef Py_ssize_t _classify(
    const uint32_t* rows, Py_ssize_t n, const double* constants, Py_ssize_t n_constants, const uint8_t* kinds,
    const double* units, double tolerance, int32_t* codes,
) noexcept nogil:
    cdef Py_ssize_t i, first = -1
    cdef uint32_t op, flags, word
    cdef double angle
    cdef int kind
    for i in range(n):
        op = rows[4 * i] & 0xFFFF
        flags = rows[4 * i] >> 16
        kind = kinds[op] if op < N_OPS else NEVER
        codes[i] = op * TURNS
        if kind == NO_GATE:
            continue
        if kind == ASK or (kind != NEVER and flags & WIDE):
            codes[i] = -2
            continue
        if kind == NEVER or flags & EXPRESSION:
            codes[i] = -1
        elif kind == ONE_ANGLE:
            memcpy(&angle, rows + 4 * i + 2, sizeof(double))
            codes[i] = turned(op, angle, units[op], tolerance)
        elif kind == TWO_ANGLE:
            word = rows[4 * i + 3]
            codes[i] = turned(op, constants[word], units[op], tolerance) if word < n_constants else -1
        if codes[i] == -1 and first < 0:
            first = i
    return first


def classify(
    const uint32_t[:, ::1] rows not None,
    const double[::1] constants not None,
    const uint8_t[::1] kinds not None,
    const double[::1] units not None,
    double tolerance_rad,
    int32_t[::1] codes not None,
):
    """Find which instructions are Clifford gates.

    Parameters
    ----------
    rows : (n, 4) uint32
        Instructions, 16 bytes each.
    constants : (n_constants,) float64
        The program's constants.
    kinds : (512,) uint8
        Of each opcode: 0 no gate, 1 a Clifford gate, 2 one angle within the row, 3 one angle among the constants, 4 to
        be asked about, 5 never.
    units : (512,) float64, rad
        Angle of which each opcode's angle must be a whole multiple.
    tolerance_rad : float
        How far from it an angle may be.
    codes : (n,) int32
        Changed: 8 opcode + multiples modulo 8; -1 if it is no Clifford gate, -2 if it must be asked about.

    Returns
    -------
    int
        The first instruction that is no Clifford gate, -1 if there is none.

    Raises
    ------
    ValueError
        If the shapes don't fit.
    """
    cdef Py_ssize_t n = rows.shape[0], first = -1
    if rows.shape[1] != 4 or codes.shape[0] != n or kinds.shape[0] != N_OPS or units.shape[0] != N_OPS:
        raise ValueError(
            f"rows {(n, rows.shape[1])}, codes {codes.shape[0]}, kinds {kinds.shape[0]} and units {units.shape[0]} don't fit"
        )
    if n == 0:
        return -1
    cdef const double* numbers = &constants[0] if constants.shape[0] else NULL
    with nogil:
        first = _classify(
            &rows[0, 0], n, numbers, constants.shape[0], &kinds[0], &units[0], tolerance_rad, &codes[0]
        )
    return first
