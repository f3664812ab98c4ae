"""Lossless packing of instructions, operand words and constants, and their joining to a file; decoding trusts no byte.

Every packed item takes at least one byte, so that what a packed section claims to hold is bounded by its own length:
16 bytes of rows, 4 of words, 8 of constants for each packed byte.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

cdef extern from "fresh.h" nogil:
    void qctl_large_pages(void *start, size_t n_bytes)

cdef extern from "packed_rows.h" nogil:
    ctypedef struct qctl_row_t:
        pass
    ctypedef struct qctl_survey_t:
        pass
    int64_t qctl_survey(qctl_survey_t *s, const qctl_row_t *rows, int64_t n, uint8_t *kind_of)
    void qctl_pack_rows(qctl_survey_t *s, const qctl_row_t *rows, int64_t n, const uint8_t *kind_of, uint8_t *out, int64_t size)
    int64_t qctl_unpack_rows(const uint8_t *source, int64_t n_bytes, qctl_row_t *rows, int64_t n)

cdef extern from "packed_items.h" nogil:
    int64_t qctl_pack_words(const uint32_t *words, int64_t n, uint8_t *out)
    int64_t qctl_unpack_words(const uint8_t *source, int64_t n_bytes, uint32_t *words, int64_t n)
    int64_t qctl_pack_doubles(const uint64_t *numbers, int64_t n, uint8_t *out)
    int64_t qctl_unpack_doubles(const uint8_t *source, int64_t n_bytes, uint64_t *numbers, int64_t n)


cdef bytes fresh(Py_ssize_t n_bytes):
    """Return bytes that the caller fills."""
    cdef bytes new = PyBytes_FromStringAndSize(NULL, n_bytes)
    qctl_large_pages(PyBytes_AS_STRING(new), <size_t> n_bytes)
    return new


def joined(list parts not None):
    """Return buffers one behind the other as bytes, as `bytes.join` does, which takes memory in small pages."""
    cdef Py_ssize_t n_bytes = 0
    cdef const uint8_t[::1] part
    for given in parts:
        part = given
        n_bytes += part.shape[0]
    cdef bytes whole = fresh(n_bytes)
    cdef char *end = PyBytes_AS_STRING(whole)
    cdef char *stop = end + n_bytes
    for given in parts:
        part = given
        if part.shape[0] > stop - end:
            raise ValueError(f"a part has grown to {part.shape[0]} bytes while parts were joined")
        if part.shape[0]:
            memcpy(end, &part[0], <size_t> part.shape[0])
            end += part.shape[0]
    if end != stop:
        raise ValueError(f"a part has shrunk while parts were joined: {stop - end} bytes are missing")
    return whole


cdef bytes packed_rows(const qctl_row_t *rows, int64_t n):
    """Return packed instructions, or None if they are of too many kinds."""
    cdef qctl_survey_t *survey = <qctl_survey_t *> malloc(sizeof(qctl_survey_t))
    cdef uint8_t *kind_of = <uint8_t *> malloc(<size_t> n)
    cdef uint8_t *out
    cdef int64_t size
    cdef bytes packed = None
    try:
        if survey == NULL or kind_of == NULL:
            raise MemoryError(f"no memory for the kinds of {n} instructions")
        with nogil:
            size = qctl_survey(survey, rows, n, kind_of)
        if size >= 0:
            packed = fresh(size)
            out = <uint8_t *> PyBytes_AS_STRING(packed)
            with nogil:
                qctl_pack_rows(survey, rows, n, kind_of, out, size)
    finally:
        free(survey)
        free(kind_of)
    return packed


cdef bytes packed_items(const uint8_t *raw, int64_t n, int item):
    """Return packed operand words or constants."""
    cdef uint8_t *out = <uint8_t *> malloc(<size_t> (n * (5 if item == 4 else 9) + 8))
    cdef int64_t used
    if out == NULL:
        raise MemoryError(f"no memory to pack {n} items")
    try:
        with nogil:
            if item == 4:
                used = qctl_pack_words(<const uint32_t *> raw, n, out)
            else:
                used = qctl_pack_doubles(<const uint64_t *> raw, n, out)
        return PyBytes_FromStringAndSize(<char *> out, used)
    finally:
        free(out)


def pack(const uint8_t[::1] raw not None, int item):
    """Return items packed, or None for instructions of over 255 kinds: other opcode or flags are another kind.

    Parameters
    ----------
    raw : (n * item,) uint8
    item : int
        16 for instructions, 4 for operand words, 8 for constants.
    """
    if item not in (16, 4, 8) or raw.shape[0] % item:
        raise ValueError(f"{raw.shape[0]} bytes are not whole items of {item}; items have 16, 4 or 8")
    if not raw.shape[0]:
        return b""
    if item == 16:
        return packed_rows(<const qctl_row_t *> &raw[0], raw.shape[0] // 16)
    return packed_items(&raw[0], raw.shape[0] // item, item)


def unpack(const uint8_t[::1] packed not None, int item, Py_ssize_t n_raw):
    """Return the raw bytes of packed items; any input is either decoded or refused.

    Raises
    ------
    ValueError
        If it is malformed, or does not hold exactly `n_raw` bytes.
    """
    cdef int64_t n, found = 0, n_bytes = packed.shape[0]
    cdef uint8_t *out
    cdef bytes result
    if item not in (16, 4, 8) or n_raw < 0 or n_raw % item:
        raise ValueError(f"{n_raw} bytes are not whole items of {item}; items have 16, 4 or 8")
    n = n_raw // item
    if n > n_bytes:
        raise ValueError(f"{n_bytes} packed bytes can't hold {n} items")
    if not n:
        if n_bytes:
            raise ValueError(f"{n_bytes} packed bytes hold no item")
        return b""
    result = fresh(n_raw)
    out = <uint8_t *> PyBytes_AS_STRING(result)
    with nogil:
        if item == 16:
            found = qctl_unpack_rows(&packed[0], n_bytes, <qctl_row_t *> out, n)
        elif item == 4:
            found = qctl_unpack_words(&packed[0], n_bytes, <uint32_t *> out, n)
        else:
            found = qctl_unpack_doubles(&packed[0], n_bytes, <uint64_t *> out, n)
    if found < 0:
        raise ValueError(f"packed byte {-1 - found} of {n_bytes} is malformed")
    return result
