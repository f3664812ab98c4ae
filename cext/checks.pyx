"""Checks every instruction of a program against its tables, in one pass without recursion."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.stdlib cimport calloc, free

from qctl.cext.row_checks cimport qctl_fault_words, qctl_instruction_t, qctl_limits_t

cdef extern from "program_checks.h" nogil:
    int64_t qctl_check_program(const qctl_instruction_t *rows, const uint32_t *words, const int32_t *blocks, int64_t *marks,
                               const qctl_limits_t *limits, int *fault)

COUNTS = ("qubits", "bits", "ports", "expressions", "constants", "waveforms", "captures", "registers")
"""What `check` is told the numbers of."""

cdef int64_t MOST = 0xFFFFFFFF


def check(const uint8_t[::1] rows not None, const uint32_t[::1] words not None, const int32_t[:, ::1] blocks not None,
          tuple counts not None):
    """Return None, or the index of the first wrong instruction and what is wrong with it.

    Parameters
    ----------
    rows : (16 n,) uint8
        Instructions.
    words : (n_words,) uint32
    blocks : (n_blocks, 3) int32
        Kind, first, end.
    counts : tuple of 8 int
        Numbers of qubits, bits, ports, expressions, constants, waveforms, captures and registers.

    Returns
    -------
    None or (int, str)
        The number of instructions as the index means the program as a whole.

    Raises
    ------
    ValueError
        If shapes or counts are not such.
    """
    cdef qctl_limits_t limits
    cdef int fault = 0
    cdef int64_t found
    cdef int64_t[8] numbers
    cdef Py_ssize_t k
    cdef int64_t *marks
    if rows.shape[0] % 16 or blocks.shape[1] != 3 or len(counts) != 8:
        raise ValueError(f"shapes {rows.shape[0]}, {blocks.shape[1]} and {len(counts)} counts are not 16 n, 3 and 8")
    for k in range(8):
        numbers[k] = counts[k]
        if not 0 <= numbers[k] <= MOST:
            raise ValueError(f"n_{COUNTS[k]} = {numbers[k]} is outside [0, {MOST}]")
    limits.n_qubits = numbers[0]
    limits.n_bits = numbers[1]
    limits.n_ports = numbers[2]
    limits.n_expressions = numbers[3]
    limits.n_constants = numbers[4]
    limits.n_waveforms = numbers[5]
    limits.n_captures = numbers[6]
    limits.n_registers = numbers[7]
    limits.n_words = words.shape[0]
    limits.n_blocks = blocks.shape[0]
    limits.n_rows = rows.shape[0] // 16
    marks = <int64_t *> calloc(<size_t> (numbers[0] + numbers[2] + 1), sizeof(int64_t))
    if marks == NULL:
        raise MemoryError(f"no memory for {numbers[0]} qubits and {numbers[2]} ports")
    with nogil:
        found = qctl_check_program(
            <const qctl_instruction_t *> &rows[0] if limits.n_rows else NULL, &words[0] if limits.n_words else NULL,
            &blocks[0, 0] if limits.n_blocks else NULL, marks, &limits, &fault)
        free(marks)
    if found < 0:
        raise MemoryError("no memory for a table of opcodes")
    return None if fault == 0 else (found, qctl_fault_words[fault].decode())
