"""Packets of the firmware link to bytes on the wire and back, many in one call: COBS, CRC-32 and the head.

Source: docs/firmware-protocol.md, sections 1 and 2; COBS after Cheshire and Baker, SIGCOMM 1997; the CRC by slicing-by-8
after Kounavis and Berry, ISCC 2005.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memchr, memcpy

cdef enum:
    LAYOUT = 1
    HEAD = 8
    CRC = 4
    PAYLOAD = 1024
    FRAME = 1060
    GROWTH = 19  # of a frame over its payload: head, CRC, at most five codes, a 00 and one to spare

cdef uint32_t TABLES[8][256]


cdef void prepare() noexcept nogil:
    cdef uint32_t value
    cdef int k, bit
    for k in range(256):
        value = <uint32_t> k
        for bit in range(8):
            value = (value >> 1) ^ (0xEDB88320u if value & 1 else 0)
        TABLES[0][k] = value
    for k in range(256):
        for bit in range(1, 8):
            TABLES[bit][k] = (TABLES[bit - 1][k] >> 8) ^ TABLES[0][TABLES[bit - 1][k] & 255]


prepare()


cdef uint32_t checksum(const uint8_t *at, Py_ssize_t n) noexcept nogil:
    cdef uint32_t crc = 0xFFFFFFFFu, low, high
    while n >= 8:
        memcpy(&low, at, 4)
        memcpy(&high, at + 4, 4)
        low ^= crc
        crc = (
            TABLES[7][low & 255] ^ TABLES[6][low >> 8 & 255] ^ TABLES[5][low >> 16 & 255] ^ TABLES[4][low >> 24]
            ^ TABLES[3][high & 255] ^ TABLES[2][high >> 8 & 255] ^ TABLES[1][high >> 16 & 255] ^ TABLES[0][high >> 24]
        )
        at += 8
        n -= 8
    while n > 0:
        crc = (crc >> 8) ^ TABLES[0][(crc ^ at[0]) & 255]
        at += 1
        n -= 1
    return crc ^ 0xFFFFFFFFu


cdef Py_ssize_t stuffed(const uint8_t *at, Py_ssize_t n, uint8_t *out) noexcept nogil:
    """Write the COBS form of n bytes and a 00; return how many bytes that are."""
    cdef Py_ssize_t k, code = 0, place = 1, run = 1
    for k in range(n):
        if at[k]:
            out[place] = at[k]
            place += 1
            run += 1
            if run < 255:
                continue
        out[code] = <uint8_t> run
        code = place
        place += 1
        run = 1
    out[code] = <uint8_t> run
    out[place] = 0
    return place + 1


cdef Py_ssize_t unstuffed(const uint8_t *at, Py_ssize_t n, uint8_t *out) noexcept nogil:
    """Write what a frame of n bytes without any 00 says; return how many bytes, -1 if it ends early."""
    cdef Py_ssize_t place = 0, made = 0, run
    while place < n:
        run = at[place]
        if place + run > n:
            return -1
        memcpy(out + made, at + place + 1, run - 1)
        made += run - 1
        place += run
        if run < 255 and place < n:
            out[made] = 0
            made += 1
    return made


cdef Py_ssize_t framed(const uint16_t *head, const uint8_t *payload, Py_ssize_t n, uint8_t *out) noexcept nogil:
    """Write one packet's frame; return its bytes."""
    cdef uint8_t body[HEAD + PAYLOAD + CRC]
    cdef uint32_t crc
    cdef int k
    body[0] = LAYOUT
    body[1] = <uint8_t> head[0]
    for k in range(2):
        body[2 + 2 * k] = <uint8_t> (head[1 + k] & 255)
        body[3 + 2 * k] = <uint8_t> (head[1 + k] >> 8)
    body[6] = <uint8_t> (n & 255)
    body[7] = <uint8_t> (n >> 8)
    if n:
        memcpy(&body[HEAD], payload, n)
    crc = checksum(&body[0], HEAD + n)
    for k in range(4):
        body[HEAD + n + k] = <uint8_t> (crc >> 8 * k & 255)
    return stuffed(&body[0], HEAD + n + CRC, out)


cdef Py_ssize_t unframed(const uint8_t *frame, Py_ssize_t n, uint16_t *head, uint8_t *payload) noexcept nogil:
    """Take one frame apart; return the bytes of its payload, -1 if it is no packet."""
    cdef uint8_t body[FRAME]
    cdef Py_ssize_t size = unstuffed(frame, n, &body[0])
    cdef uint32_t crc
    cdef int k
    if size < HEAD + CRC or size > HEAD + PAYLOAD + CRC or body[0] != LAYOUT:
        return -1
    size -= HEAD + CRC
    if (body[6] | <Py_ssize_t> body[7] << 8) != size:
        return -1
    crc = checksum(&body[0], HEAD + size)
    for k in range(4):
        if body[HEAD + size + k] != (crc >> 8 * k & 255):
            return -1
    head[0] = body[1]
    head[1] = <uint16_t> (body[2] | body[3] << 8)
    head[2] = <uint16_t> (body[4] | body[5] << 8)
    memcpy(payload, &body[HEAD], size)
    return size


cdef Py_ssize_t all_framed(
    const uint16_t *heads, const int64_t *bounds, const uint8_t *payloads, Py_ssize_t n, uint8_t *out
) noexcept nogil:
    cdef Py_ssize_t k, made = 0
    for k in range(n):
        made += framed(heads + 3 * k, payloads + bounds[k], bounds[k + 1] - bounds[k], out + made)
    return made


cdef struct Found:
    Py_ssize_t n_packets, n_dropped, n_taken
    bint skipping


cdef Found all_unframed(
    const uint8_t *content, Py_ssize_t n, bint skipping, uint16_t *heads, int64_t *bounds, uint8_t *payloads,
    Py_ssize_t most,
) noexcept nogil:
    cdef Found found
    cdef Py_ssize_t size, length
    cdef const uint8_t *end
    found.n_packets = found.n_dropped = found.n_taken = 0
    bounds[0] = 0
    while found.n_packets < most:
        end = NULL
        if n > found.n_taken:
            end = <const uint8_t *> memchr(content + found.n_taken, 0, n - found.n_taken)
        if end == NULL:
            if skipping or n - found.n_taken > FRAME:
                found.n_dropped += not skipping
                skipping = True
                found.n_taken = n
            break
        length = end - (content + found.n_taken)
        if skipping:
            skipping = False
        elif length > FRAME:
            found.n_dropped += 1
        elif length:
            size = unframed(
                content + found.n_taken, length, heads + 3 * found.n_packets, payloads + bounds[found.n_packets]
            )
            if size < 0:
                found.n_dropped += 1
            else:
                found.n_packets += 1
                bounds[found.n_packets] = bounds[found.n_packets - 1] + size
        found.n_taken += length + 1
    found.skipping = skipping
    return found


def encode(
    const uint16_t[::1] heads not None,
    const int64_t[::1] bounds not None,
    const uint8_t[::1] payloads not None,
    uint8_t[::1] out not None,
):
    """Write the frames of packets, one after the other; return their bytes.

    Parameters
    ----------
    heads : (3 n,) uint16
        Kind (under 256), session and number of each packet.
    bounds : (n + 1,) int64
        Where the payload of each begins, and where the last one ends; each is of at most 1,024 bytes.
    payloads : (m,) uint8
    out : (at least 19 n + m,) uint8
        Filled from its start.

    Raises
    ------
    ValueError
        If these do not fit together.
    """
    cdef Py_ssize_t n = heads.shape[0] // 3, k, made = 0
    if heads.shape[0] != 3 * n or bounds.shape[0] != n + 1:
        raise ValueError(f"heads has shape ({heads.shape[0]},), bounds ({bounds.shape[0]},): (3 n,) and (n + 1,)")
    if bounds[0] < 0 or bounds[n] > payloads.shape[0]:
        raise ValueError(f"bounds from {bounds[0]} to {bounds[n]} of {payloads.shape[0]} bytes")
    for k in range(n):
        if not 0 <= bounds[k + 1] - bounds[k] <= PAYLOAD or heads[3 * k] > 255:
            raise ValueError(
                f"packet {k}: kind {heads[3 * k]} and a payload of {bounds[k + 1] - bounds[k]} bytes; 255 and {PAYLOAD} at "
                f"most"
            )
    if out.shape[0] < GROWTH * n + bounds[n] - bounds[0]:
        raise ValueError(f"out has {out.shape[0]} bytes, {GROWTH * n + bounds[n] - bounds[0]} may be needed")
    if n:
        with nogil:
            made = all_framed(&heads[0], &bounds[0], &payloads[0] if payloads.shape[0] else NULL, n, &out[0])
    return made


def decode(
    const uint8_t[::1] content not None,
    bint skipping,
    uint16_t[::1] heads not None,
    int64_t[::1] bounds not None,
    uint8_t[::1] payloads not None,
):
    """Read packets out of received bytes; damaged frames are dropped and counted.

    Parameters
    ----------
    content : (m,) uint8
        From the start of a frame on.
    skipping : bool
        Whether all up to the next 00 is to be dropped.
    heads : (3 n,) uint16
        Filled with kind, session and number; n packets at most are read.
    bounds : (n + 1,) int64
        Filled with where payloads begin and end.
    payloads : (1,024 n,) uint8
        Filled with payloads.

    Returns
    -------
    (n_packets, n_dropped, n_taken, skipping) : tuple
        Packets read, frames dropped, bytes of `content` that are done with, and whether to skip from there on.

    Raises
    ------
    ValueError
        If the outputs do not fit together.
    """
    cdef Py_ssize_t n = heads.shape[0] // 3, m = content.shape[0]
    cdef Found found
    if n < 1 or heads.shape[0] != 3 * n or bounds.shape[0] != n + 1 or payloads.shape[0] != PAYLOAD * n:
        raise ValueError(
            f"heads has shape ({heads.shape[0]},), bounds ({bounds.shape[0]},), payloads ({payloads.shape[0]},): "
            f"(3 n,), (n + 1,) and (1,024 n,)"
        )
    with nogil:
        found = all_unframed(&content[0] if m else NULL, m, skipping, &heads[0], &bounds[0], &payloads[0], n)
    return found.n_packets, found.n_dropped, found.n_taken, found.skipping
