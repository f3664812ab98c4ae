"""Packets and frames of the firmware link: bytes to packets and back, finding its place again after any damage.

The layout is docs/firmware-protocol.md, sections 1 and 2. Nothing here knows a port or the time.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from construct import Int8ul, Int16ul, Struct

from qctl.errors import WireError
from qctl.firmware_io.fixed import FixedLayout

__all__ = ["MAX_PAYLOAD", "FrameReader", "Packet", "cobs_decode", "cobs_encode", "decode_packet", "encode_packet"]

LAYOUT = 1
MAX_PAYLOAD = 1024
HEAD = Struct("layout" / Int8ul, "kind" / Int8ul, "session" / Int16ul, "number" / Int16ul, "length" / Int16ul)
_head = FixedLayout.of(HEAD)
_HEAD_BYTES = HEAD.sizeof()
_CRC_BYTES = 4
_MAX_FRAME = 1060


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet.

    Attributes
    ----------
    kind : int
        Message kind, one byte.
    session, number : int
        16 bits each.
    payload : bytes
        At most 1,024.
    """

    kind: int
    session: int
    number: int
    payload: bytes = b""


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
    """Return a packet's frame, its ending zero included.

    Raises
    ------
    WireError
        If the payload is too long.
    """
    if len(packet.payload) > MAX_PAYLOAD:
        raise WireError(f"a payload of {len(packet.payload)} bytes is over {MAX_PAYLOAD}")
    body = _head.build(LAYOUT, packet.kind, packet.session, packet.number, len(packet.payload)) + packet.payload
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
    layout, kind, session, number, length = _head.parse(body[:_HEAD_BYTES])
    if layout != LAYOUT or length != len(body) - _HEAD_BYTES:
        raise WireError(f"a packet of layout {layout} that says {length} bytes of payload")
    return Packet(kind, session, number, body[_HEAD_BYTES:])


class FrameReader:
    """Collect bytes, in pieces of any size, into packets; drop what is damaged and count it.

    Attributes
    ----------
    n_dropped : int
        Frames that were dropped.
    """

    def __init__(self) -> None:
        self.n_dropped = 0
        self._pending = bytearray()
        self._skipping = False

    def feed(self, data: bytes) -> list[Packet]:
        """Take bytes; return the packets that they complete."""
        packets = []
        *frames, rest = data.split(b"\0")
        for frame in frames:
            self._collect(frame)
            if not self._skipping and self._pending:
                try:
                    packets.append(decode_packet(bytes(self._pending)))
                except WireError:
                    self.n_dropped += 1
            self._pending.clear()
            self._skipping = False
        self._collect(rest)
        return packets

    def _collect(self, piece: bytes) -> None:
        if self._skipping:
            return
        self._pending += piece
        if len(self._pending) > _MAX_FRAME:
            self._pending.clear()
            self._skipping = True
            self.n_dropped += 1
