"""CRC-32C (Castagnoli), by the processor's instruction or by tables; what checks every section of a .qis file.

Source: RFC 3720, section 12.1 and appendix B.4; slicing-by-8 after Kounavis and Berry, ISCC 2005; three strands side
by side after Gopal et al., "Fast CRC computation for iSCSI polynomial using CRC32 instruction", Intel, 2011.
"""

from libc.stdint cimport uint8_t, uint32_t

cdef extern from "crc32c.h" nogil:
    void qctl_crc_prepare()
    int qctl_crc_has_hardware()
    uint32_t qctl_crc_advance(uint32_t crc, const uint8_t *at, size_t n, int by_hardware)

qctl_crc_prepare()

BY_HARDWARE: bool = bool(qctl_crc_has_hardware())
"""Whether this processor has an instruction for it."""

cdef int HARDWARE = qctl_crc_has_hardware()


def crc32c(const uint8_t[::1] content not None, uint32_t crc=0, bint by_tables=False):
    """Return the CRC-32C of bytes.

    Parameters
    ----------
    content : (n,) uint8
    crc : int
        CRC of what came before, to go on from.
    by_tables : bool
        Leave the processor's instruction aside.
    """
    cdef Py_ssize_t n = content.shape[0]
    cdef uint32_t found = ~crc
    cdef int hardware = HARDWARE and not by_tables
    if n:
        with nogil:
            found = qctl_crc_advance(found, &content[0], <size_t> n, hardware)
    return ~found & 0xFFFFFFFFu
