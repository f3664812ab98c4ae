"""The emulated trigger controller's side of the firmware link: frames and packets, written from the document alone.

Source: docs/firmware-protocol.md, protocol version 1, sections 1 (frame) and 2 (packet).
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

__all__ = ["Deframer", "Packet", "pack", "unpack"]

_HEAD = struct.Struct("<BBHHH")
_CRC = struct.Struct("<I")
_LAYOUT = 1
_MAX_PAYLOAD = 1024
_MAX_FRAME = 1060


class Packet(NamedTuple):
    """One packet: kind, session, number and payload."""

    kind: int
    session: int
    number: int
    payload: bytes = b""


def pack(packet: Packet) -> bytes:
    """Return the bytes on the wire, the closing 00 included."""
    head = _HEAD.pack(_LAYOUT, packet.kind, packet.session, packet.number, len(packet.payload))
    body = head + packet.payload
    return _stuff(body + _CRC.pack(zlib.crc32(body))) + b"\0"


def unpack(frame: bytes) -> Packet | None:
    """Return the packet of a frame without its closing 00, or None when it is to be dropped."""
    body = _unstuff(frame)
    if body is None or not 12 <= len(body) <= 12 + _MAX_PAYLOAD:
        return None
    layout, kind, session, number, length = _HEAD.unpack_from(body)
    if layout != _LAYOUT or length != len(body) - 12 or _CRC.unpack_from(body, 8 + length)[0] != zlib.crc32(body[:-4]):
        return None
    return Packet(kind, session, number, body[8 : 8 + length])


def _stuff(data: bytes) -> bytes:
    out = bytearray()
    for run in data.split(b"\0"):
        while len(run) >= 254:
            out += b"\xff" + run[:254]
            run = run[254:]
        out.append(len(run) + 1)
        out += run
    return bytes(out)


def _unstuff(frame: bytes) -> bytes | None:
    out = bytearray()
    place = 0
    while place < len(frame):
        step = frame[place]
        piece = frame[place + 1 : place + step]
        if step == 0 or len(piece) != step - 1 or 0 in piece:
            return None
        out += piece
        place += step
        if step < 255 and place < len(frame):
            out.append(0)
    return bytes(out)


class Deframer:
    """Cut received bytes into frames at each 00; an overlong one is dropped whole."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._dropping = False

    def feed(self, data: bytes) -> list[bytes]:
        """Return the frames that are complete now, without their 00; empty ones are left out."""
        found = []
        *whole, rest = data.split(b"\0")
        for piece in whole:
            self._add(piece)
            if not self._dropping and self._bytes:
                found.append(bytes(self._bytes))
            self._bytes.clear()
            self._dropping = False
        self._add(rest)
        return found

    def _add(self, piece: bytes) -> None:
        if self._dropping or len(self._bytes) + len(piece) > _MAX_FRAME:
            self._dropping = True
            self._bytes.clear()
        else:
            self._bytes += piece
