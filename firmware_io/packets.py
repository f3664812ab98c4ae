"""Packets and frames of the firmware link: bytes to packets and back, finding its place again after damage.

The layout is docs/firmware-protocol.md, sections 1 and 2; `cext/packets.pyx` does the work, and a test
holds it to HEAD. Nothing here knows a port or the time.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import NamedTuple

from construct import Int8ul, Int16ul, Struct

from qctl.cext.packets import decode, encode
from qctl.errors import WireError

__all__ = ["MAX_PAYLOAD", "FrameReader", "Packet", "encode_packet", "encode_packets"]

LAYOUT = 1
MAX_PAYLOAD = 1024
HEAD = Struct("layout" / Int8ul, "kind" / Int8ul, "session" / Int16ul, "number" / Int16ul, "length" / Int16ul)
_GROWTH = 19
"""Bytes that a frame has at most beside its payload."""
_BATCH = 64
"""Packets that are decoded in one call."""


class Packet(NamedTuple):
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


def encode_packet(packet: Packet) -> bytes:
    """Return a packet's frame, its ending zero included.

    Raises
    ------
    WireError
        If the payload is too long, or a number does not fit its field.
    """
    return encode_packets((packet,))


def encode_packets(packets: Sequence[Packet]) -> bytes:
    """Return the frames of packets, one after the other.

    Raises
    ------
    WireError
        If a payload is too long, or a number does not fit its field.
    """
    heads, bounds = array("H"), array("q", (0,))
    for packet in packets:
        if len(packet.payload) > MAX_PAYLOAD:
            raise WireError(f"a payload of {len(packet.payload)} bytes is over {MAX_PAYLOAD}")
        try:
            heads.extend((packet.kind, packet.session, packet.number))
        except OverflowError as error:
            raise WireError(f"{packet} does not fit its layout: {error}") from error
        bounds.append(bounds[-1] + len(packet.payload))
    out = bytearray(_GROWTH * len(packets) + bounds[-1])
    try:
        n_bytes = encode(heads, bounds, b"".join([packet.payload for packet in packets]), out)
    except ValueError as error:
        raise WireError(str(error)) from error
    return bytes(memoryview(out)[:n_bytes])


class FrameReader:
    """Collect bytes, in pieces of any size, into packets; drop what is damaged and count it.

    Attributes
    ----------
    n_dropped : int
        Frames that were dropped.
    """

    def __init__(self) -> None:
        self.n_dropped = 0
        self._pending = b""
        self._skipping = False
        # Most calls bring one packet: items of these are taken sooner than those of numpy's arrays.
        self._heads = array("H", bytes(2 * 3 * _BATCH))
        self._bounds = array("q", bytes(8 * (_BATCH + 1)))
        self._payloads = bytearray(MAX_PAYLOAD * _BATCH)

    def feed(self, data: bytes) -> list[Packet]:
        """Take bytes; return the packets that they complete."""
        content = self._pending + data if self._pending else data
        packets: list[Packet] = []
        heads, bounds, payloads = self._heads, self._bounds, self._payloads
        at, n_packets = 0, _BATCH
        while n_packets == _BATCH:
            n_packets, n_dropped, n_taken, self._skipping = decode(
                memoryview(content)[at:] if at else content, self._skipping, heads, bounds, payloads
            )
            at += n_taken
            self.n_dropped += n_dropped
            for k in range(n_packets):
                payload = bytes(payloads[bounds[k] : bounds[k + 1]])
                packets.append(Packet(heads[3 * k], heads[3 * k + 1], heads[3 * k + 2], payload))
        self._pending = content[at:]
        return packets
