"""CRC-32C (Castagnoli), eight bytes a step by tables; what checks every section of a .qis file.

Source: RFC 3720, section 12.1 and appendix B.4; slicing-by-8 after Kounavis and Berry, ISCC 2005.
"""

from libc.stdint cimport uint8_t, uint32_t

cdef uint32_t[8][256] TABLES


cdef void fill_tables() noexcept nogil:
    cdef uint32_t value
    cdef int i, k
    for i in range(256):
        value = <uint32_t> i
        for k in range(8):
            value = (value >> 1) ^ (0x82F63B78u if value & 1 else 0u)
        TABLES[0][i] = value
    for k in range(1, 8):
        for i in range(256):
            TABLES[k][i] = (TABLES[k - 1][i] >> 8) ^ TABLES[0][TABLES[k - 1][i] & 0xFF]


cdef uint32_t advance(uint32_t crc, const uint8_t *at, Py_ssize_t n) noexcept nogil:
    cdef uint32_t low
    while n >= 8:
        low = crc ^ (<uint32_t> at[0] | <uint32_t> at[1] << 8 | <uint32_t> at[2] << 16 | <uint32_t> at[3] << 24)
        crc = (
            TABLES[7][low & 0xFF] ^ TABLES[6][(low >> 8) & 0xFF] ^ TABLES[5][(low >> 16) & 0xFF] ^ TABLES[4][low >> 24]
            ^ TABLES[3][at[4]] ^ TABLES[2][at[5]] ^ TABLES[1][at[6]] ^ TABLES[0][at[7]]
        )
        at += 8
        n -= 8
    while n:
        crc = (crc >> 8) ^ TABLES[0][(crc ^ at[0]) & 0xFF]
        at += 1
        n -= 1
    return crc


fill_tables()


def crc32c(const uint8_t[::1] content not None, uint32_t crc=0):
    """Return the CRC-32C of bytes.

    Parameters
    ----------
    content : (n,) uint8
    crc : int
        CRC of what came before, to go on from.
    """
    cdef Py_ssize_t n = content.shape[0]
    cdef uint32_t found = ~crc
    if n:
        with nogil:
            found = advance(found, &content[0], n)
    return ~found & 0xFFFFFFFFu
