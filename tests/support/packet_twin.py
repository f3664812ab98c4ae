"""Packets in plain Python and construct: what the kernel is held against.

The layout is docs/firmware-protocol.md, sections 1 and 2.
"""

from __future__ import annotations

import zlib

from qctl.errors import WireError
from qctl.firmware_io.packets import HEAD, LAYOUT, MAX_PAYLOAD, Packet

__all__ = ["cobs_decode", "cobs_encode", "decode_packet", "encode_packet"]

_HEAD_BYTES, _CRC_BYTES = HEAD.sizeof(), 4


def cobs_encode(data: bytes) -> bytes:
    """Return data without zero bytes, at most one byte in 254 longer."""
    out = bytearray()
    for run in data.split(b"\0"):
        start = 0
        while len(run) - start >= 254:
            out.append(255)
            out += run[start : start + 254]
            start += 254
        out.append(len(run) - start + 1)
        out += run[start:]
    return bytes(out)


def cobs_decode(data: bytes) -> bytes:
    """Return what `cobs_encode` was given.

    Raises
    ------
    WireError
        If it is no such thing.
    """
    out = bytearray()
    at = 0
    while at < len(data):
        code = data[at]
        if code == 0:
            raise WireError(f"a zero byte inside a frame, at {at}")
        end = at + code
        if end > len(data):
            raise WireError(f"a frame that ends {end - len(data)} bytes early")
        out += data[at + 1 : end]
        if code < 255 and end < len(data):
            out.append(0)
        at = end
    return bytes(out)


def encode_packet(packet: Packet) -> bytes:
    """Return a packet's frame, its ending zero included."""
    fields = {"layout": LAYOUT, "kind": packet.kind, "session": packet.session, "number": packet.number}
    body = HEAD.build(fields | {"length": len(packet.payload)}) + packet.payload
    return cobs_encode(body + zlib.crc32(body).to_bytes(_CRC_BYTES, "little")) + b"\0"


def decode_packet(frame: bytes) -> Packet:
    """Return the packet of a frame without its ending zero.

    Raises
    ------
    WireError
        If it is not exactly one whole packet of this layout.
    """
    data = cobs_decode(frame)
    if not _HEAD_BYTES + _CRC_BYTES <= len(data) <= _HEAD_BYTES + MAX_PAYLOAD + _CRC_BYTES:
        raise WireError(f"a packet of {len(data)} bytes")
    body = data[:-_CRC_BYTES]
    if zlib.crc32(body) != int.from_bytes(data[-_CRC_BYTES:], "little"):
        raise WireError("a packet whose CRC is wrong")
    head = HEAD.parse(body[:_HEAD_BYTES])
    if head.layout != LAYOUT or head.length != len(body) - _HEAD_BYTES:
        raise WireError(f"a packet of layout {head.layout} that says {head.length} bytes of payload")
    return Packet(head.kind, head.session, head.number, body[_HEAD_BYTES:])
