"""Lossless packing of instructions, operand words and constants; decoding trusts no byte.

Every packed item takes at least one byte, so that what a packed section claims to hold is bounded by its own length:
16 bytes of rows, 4 of words, 8 of constants for each packed byte.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from qctl.cext.records cimport instruction_t

cdef uint32_t NONE = 0xFFFFFFFFu
cdef int KEPT = 15


cdef struct state_t:
    uint16_t op
    uint16_t flags
    uint32_t a
    uint32_t b
    uint32_t c
    uint64_t[15] immediates
    int next_immediate


cdef inline Py_ssize_t put_varint(uint8_t *out, Py_ssize_t at, uint32_t value) noexcept nogil:
    while value >= 0x80:
        out[at] = <uint8_t> (value | 0x80)
        value >>= 7
        at += 1
    out[at] = <uint8_t> value
    return at + 1


cdef inline Py_ssize_t get_varint(const uint8_t *source, Py_ssize_t at, Py_ssize_t n, uint32_t *value) noexcept nogil:
    """Fill `value` and return the place after it, or -1 if it is cut short or over 32 bits."""
    cdef uint64_t found = 0
    cdef int shift = 0
    while at < n and shift < 35:
        found |= <uint64_t> (source[at] & 0x7F) << shift
        at += 1
        if not source[at - 1] & 0x80:
            value[0] = <uint32_t> found
            return at if found <= 0xFFFFFFFFu else -1
        shift += 7
    return -1


cdef inline uint32_t sum_of(uint32_t a, uint32_t b) noexcept nogil:
    """Return the sum modulo 2**32; the detour keeps checked builds quiet."""
    return <uint32_t> ((<uint64_t> a + b) & NONE)


cdef inline uint32_t zigzag(uint32_t value, uint32_t last) noexcept nogil:
    """Return the difference modulo 2**32, small for small steps either way."""
    cdef uint32_t difference = <uint32_t> ((<int64_t> value - <int64_t> last) & <int64_t> NONE)
    return ((difference & 0x7FFFFFFFu) << 1) ^ (NONE if difference >> 31 else 0)


cdef inline uint32_t unzigzag(uint32_t value, uint32_t last) noexcept nogil:
    """Return the value that differs from the last one as `zigzag` says."""
    return sum_of(last, (value >> 1) ^ (NONE if value & 1 else 0))


cdef inline int field_code(uint32_t value, uint32_t last, uint32_t near) noexcept nogil:
    """Return 0 for the last value, 1 for the expected one, 3 for NONE, 2 for anything else."""
    if value == NONE:
        return 3
    if value == last:
        return 0
    return 1 if value == sum_of(near, 1) else 2


cdef Py_ssize_t pack_all_rows(const instruction_t *rows, Py_ssize_t n, uint8_t *out) noexcept nogil:
    cdef state_t s
    cdef Py_ssize_t i, at = 0, head
    cdef uint64_t immediate
    cdef int code, k
    s.op = s.flags = 0
    s.a = s.b = s.c = 0
    s.next_immediate = 0
    for k in range(KEPT):
        s.immediates[k] = 0
    for i in range(n):
        head = at
        at += 1
        out[head] = 0
        if rows[i].op != s.op or rows[i].flags != s.flags:
            out[head] = 1
            at = put_varint(out, at, rows[i].op)
            at = put_varint(out, at, rows[i].flags)
            s.op = rows[i].op
            s.flags = rows[i].flags
        code = field_code(rows[i].a, s.a, s.a)
        out[head] |= code << 1
        if code == 2:
            at = put_varint(out, at, zigzag(rows[i].a, s.a))
        if code != 3:
            s.a = rows[i].a
        if s.flags & 9:
            out[head] |= 0x80
            immediate = <uint64_t> rows[i].b | <uint64_t> rows[i].c << 32
            for k in range(KEPT):
                if s.immediates[k] == immediate:
                    out[head] |= (k + 1) << 3
                    break
            else:
                memcpy(out + at, &immediate, 8)
                at += 8
                s.immediates[s.next_immediate] = immediate
                s.next_immediate = (s.next_immediate + 1) % KEPT
            continue
        code = field_code(rows[i].b, s.b, s.a)
        out[head] |= code << 3
        if code == 2:
            at = put_varint(out, at, zigzag(rows[i].b, s.a))
        if code != 3:
            s.b = rows[i].b
        code = field_code(rows[i].c, s.c, s.c)
        out[head] |= code << 5
        if code == 2:
            at = put_varint(out, at, zigzag(rows[i].c, s.c))
        if code != 3:
            s.c = rows[i].c
    return at


cdef Py_ssize_t unpack_all_rows(const uint8_t *source, Py_ssize_t n_bytes, instruction_t *rows, Py_ssize_t n) noexcept nogil:
    """Return n_bytes if all is well, or -1 - place of the first bad byte."""
    cdef state_t s
    cdef Py_ssize_t i, at = 0, start
    cdef uint64_t immediate
    cdef uint32_t word = 0
    cdef int head, code, k
    s.op = s.flags = 0
    s.a = s.b = s.c = 0
    s.next_immediate = 0
    for k in range(KEPT):
        s.immediates[k] = 0
    for i in range(n):
        start = at
        if at >= n_bytes:
            return -1 - start
        head = source[at]
        at += 1
        if head & 1:
            at = get_varint(source, at, n_bytes, &word)
            if at < 0 or word > 0xFFFF:
                return -1 - start
            s.op = <uint16_t> word
            at = get_varint(source, at, n_bytes, &word)
            if at < 0 or word > 0xFFFF:
                return -1 - start
            s.flags = <uint16_t> word
        rows[i].op = s.op
        rows[i].flags = s.flags
        code = (head >> 1) & 3
        if code == 2:
            at = get_varint(source, at, n_bytes, &word)
            if at < 0:
                return -1 - start
            s.a = unzigzag(word, s.a)
        elif code == 1:
            s.a = sum_of(s.a, 1)
        rows[i].a = NONE if code == 3 else s.a
        if head & 0x80:
            if not s.flags & 9:
                return -1 - start
            k = (head >> 3) & 15
            if k:
                immediate = s.immediates[k - 1]
            else:
                if n_bytes - at < 8:
                    return -1 - start
                memcpy(&immediate, source + at, 8)
                at += 8
                s.immediates[s.next_immediate] = immediate
                s.next_immediate = (s.next_immediate + 1) % KEPT
            rows[i].b = <uint32_t> immediate
            rows[i].c = <uint32_t> (immediate >> 32)
            continue
        if s.flags & 9:
            return -1 - start
        code = (head >> 3) & 3
        if code == 2:
            at = get_varint(source, at, n_bytes, &word)
            if at < 0:
                return -1 - start
            s.b = unzigzag(word, s.a)
        elif code == 1:
            s.b = sum_of(s.a, 1)
        rows[i].b = NONE if code == 3 else s.b
        code = (head >> 5) & 3
        if code == 2:
            at = get_varint(source, at, n_bytes, &word)
            if at < 0:
                return -1 - start
            s.c = unzigzag(word, s.c)
        elif code == 1:
            s.c = sum_of(s.c, 1)
        rows[i].c = NONE if code == 3 else s.c
    return at if at == n_bytes else -1 - at


cdef Py_ssize_t pack_all_words(const uint32_t *words, Py_ssize_t n, uint8_t *out) noexcept nogil:
    cdef uint32_t last = 0
    cdef Py_ssize_t i, at = 0
    for i in range(n):
        at = put_varint(out, at, zigzag(words[i], last))
        last = words[i]
    return at


cdef Py_ssize_t unpack_all_words(const uint8_t *source, Py_ssize_t n_bytes, uint32_t *words, Py_ssize_t n) noexcept nogil:
    cdef uint32_t last = 0, word = 0
    cdef Py_ssize_t i, at = 0, start
    for i in range(n):
        start = at
        at = get_varint(source, at, n_bytes, &word)
        if at < 0:
            return -1 - start
        last = unzigzag(word, last)
        words[i] = last
    return at if at == n_bytes else -1 - at


cdef Py_ssize_t pack_all_doubles(const uint64_t *numbers, Py_ssize_t n, uint8_t *out) noexcept nogil:
    cdef uint64_t last = 0, different
    cdef Py_ssize_t i, at = 0
    cdef int low, high, k
    for i in range(n):
        different = numbers[i] ^ last
        last = numbers[i]
        low = 0
        while low < 8 and not (different >> (8 * low)) & 0xFF:
            low += 1
        high = 8
        while high > low and not (different >> (8 * (high - 1))) & 0xFF:
            high -= 1
        out[at] = <uint8_t> (low | high << 4)
        at += 1
        for k in range(low, high):
            out[at] = <uint8_t> (different >> (8 * k))
            at += 1
    return at


cdef Py_ssize_t unpack_all_doubles(const uint8_t *source, Py_ssize_t n_bytes, uint64_t *numbers, Py_ssize_t n) noexcept nogil:
    cdef uint64_t last = 0
    cdef Py_ssize_t i, at = 0
    cdef int low, high, k
    for i in range(n):
        if at >= n_bytes:
            return -1 - at
        low = source[at] & 15
        high = source[at] >> 4
        if low > 8 or high > 8 or low > high or n_bytes - at - 1 < high - low:
            return -1 - at
        at += 1
        for k in range(low, high):
            last ^= <uint64_t> source[at] << (8 * k)
            at += 1
        numbers[i] = last
    return at if at == n_bytes else -1 - at


WIDEST = {16: 22, 4: 5, 8: 9}
"""Most packed bytes of one item, by its raw size."""


def pack(const uint8_t[::1] raw not None, int item):
    """Return items packed.

    Parameters
    ----------
    raw : (n * item,) uint8
    item : int
        16 for instructions, 4 for operand words, 8 for constants.
    """
    cdef Py_ssize_t n, used = 0
    cdef uint8_t[::1] out
    if item not in WIDEST or raw.shape[0] % item:
        raise ValueError(f"{raw.shape[0]} bytes are not whole items of {item}; items have 16, 4 or 8")
    n = raw.shape[0] // item
    if not n:
        return b""
    result = bytearray(n * <Py_ssize_t> WIDEST[item])
    out = result
    with nogil:
        if item == 16:
            used = pack_all_rows(<const instruction_t *> &raw[0], n, &out[0])
        elif item == 4:
            used = pack_all_words(<const uint32_t *> &raw[0], n, &out[0])
        else:
            used = pack_all_doubles(<const uint64_t *> &raw[0], n, &out[0])
    return bytes(memoryview(result)[:used])


def unpack(const uint8_t[::1] packed not None, int item, Py_ssize_t n_raw):
    """Return the raw bytes of packed items; any input is either decoded or refused.

    Raises
    ------
    ValueError
        If it is malformed, or does not hold exactly `n_raw` bytes.
    """
    cdef Py_ssize_t n, found = 0, n_bytes = packed.shape[0]
    cdef uint8_t[::1] out
    if item not in WIDEST or n_raw < 0 or n_raw % item:
        raise ValueError(f"{n_raw} bytes are not whole items of {item}; items have 16, 4 or 8")
    n = n_raw // item
    if n > n_bytes:
        raise ValueError(f"{n_bytes} packed bytes can't hold {n} items")
    if not n:
        if n_bytes:
            raise ValueError(f"{n_bytes} packed bytes hold no item")
        return b""
    result = bytearray(n_raw)
    out = result
    with nogil:
        if item == 16:
            found = unpack_all_rows(&packed[0], n_bytes, <instruction_t *> &out[0], n)
        elif item == 4:
            found = unpack_all_words(&packed[0], n_bytes, <uint32_t *> &out[0], n)
        else:
            found = unpack_all_doubles(&packed[0], n_bytes, <uint64_t *> &out[0], n)
    if found < 0:
        raise ValueError(f"packed byte {-1 - found} of {n_bytes} is malformed")
    return bytes(result)
