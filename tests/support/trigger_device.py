"""A trigger controller in a few lines of struct, written from docs/firmware-protocol.md and sharing nothing with qctl.

Pure: `feed` takes the host's bytes and returns the device's. Shots take no time; `done` is sent with the reply to fire
unless `hold` is set, then `finish` sends it.
"""

from __future__ import annotations

import struct
import zlib

__all__ = ["TriggerDevice", "frame_of", "packets_of"]

CAPABILITIES = (100_000_000, 8, 0, 1024, 2**32 - 1, 1, 2**32 - 1, 100, 2**32 - 1, 2**32 - 1)


def frame_of(kind: int, session: int, number: int, payload: bytes) -> bytes:
    """Return a packet's frame."""
    body = struct.pack("<BBHHH", 1, kind, session, number, len(payload)) + payload
    data = body + struct.pack("<I", zlib.crc32(body))
    out, run = bytearray(), bytearray()
    for byte in data:
        if byte:
            run.append(byte)
        if not byte or len(run) == 254:
            out += bytes([len(run) + 1]) + run
            run.clear()
    return bytes(out + bytes([len(run) + 1]) + run + b"\0")


def packets_of(frames: bytes) -> list[tuple[int, int, int, bytes]]:
    """Return (kind, session, number, payload) of each whole frame; damaged ones are left out."""
    found = []
    for frame in frames.split(b"\0")[:-1]:
        data, at = bytearray(), 0
        while at < len(frame):
            code = frame[at]
            data += frame[at + 1 : at + code] + (b"\0" if code < 255 else b"")
            at += code
        if at == len(frame) and frame and frame[-1:] and data[-1:] == b"\0":
            data = data[:-1]
        if at != len(frame) or len(data) < 12:
            continue
        layout, kind, session, number, length = struct.unpack_from("<BBHHH", data)
        whole = len(data) == 12 + length and layout == 1
        if whole and struct.unpack_from("<I", data, 8 + length)[0] == zlib.crc32(bytes(data[: 8 + length])):
            found.append((kind, session, number, bytes(data[8 : 8 + length])))
    return found


class TriggerDevice:
    """The device; `executed` lists the kinds of the requests it executed, each once."""

    def __init__(self, identity: str = "qctl,trigger,7,1.0", versions: tuple[int, int] = (1, 1)) -> None:
        self.identity = identity.encode()
        self.versions = versions
        self.hold = False
        self.executed: list[int] = []
        self.acknowledged: list[int] = []
        self.lines = {n: struct.pack("<BBHII", n, 0, 0, 0, 1) for n in range(1, 9)}
        self.block = struct.pack("<II", 100, 1)
        self.fired = (0, 0, 0)
        self.reference = 0
        self._pending = b""
        self._session = 0
        self._number = 0
        self._event = 0
        self._last_reply = b""

    def power_cycle(self) -> None:
        """Forget the session."""
        self._session = self._number = 0

    def feed(self, data: bytes) -> bytes:
        """Take bytes, return bytes."""
        self._pending += data
        whole, _, self._pending = self._pending.rpartition(b"\0")
        return b"".join(self._answer(*packet) for packet in packets_of(whole + b"\0"))

    def finish(self, reason: int = 0) -> bytes:
        """Return the event that ends the block."""
        self._event = self._event % 65535 + 1
        number, n_fired, _ = self.fired
        return frame_of(0xC1, self._session, self._event, struct.pack("<IIBBH", number, n_fired, reason, 0, 0))

    def _answer(self, kind: int, session: int, number: int, payload: bytes) -> bytes:
        if kind == 0x10:
            self.acknowledged.append(number)
            return b""
        if kind == 0x01:
            if session != self._session or self._number:
                self._session, self._number, self._event = session, 0, 0
                self.executed.append(kind)
            lowest, highest = struct.unpack("<HH", payload)
            chosen = min(highest, self.versions[1])
            chosen = chosen if chosen >= max(lowest, self.versions[0]) else 0
            reply = struct.pack("<HHHB", *self.versions, chosen, len(self.identity)) + self.identity
            return frame_of(0x81, session, 0, reply)
        if session != self._session:
            return self._error(kind, session, number, 6, b"no such session")
        if number == self._number:
            return self._last_reply
        if number != self._number % 65535 + 1:
            return self._error(kind, session, number, 5, b"number")
        self._number = number
        self.executed.append(kind)
        code, reply, after = self._execute(kind, payload)
        if code:
            self._last_reply = self._error(kind, session, number, code, reply)
        else:
            self._last_reply = frame_of(kind + 0x80, session, number, reply)
        return self._last_reply + after

    def _error(self, kind: int, session: int, number: int, code: int, text: bytes) -> bytes:
        return frame_of(0xFF, session, number, struct.pack("<BBB", kind, code, len(text)) + text)

    def _execute(self, kind: int, payload: bytes) -> tuple[int, bytes, bytes]:
        if kind == 0x02:
            return 0, struct.pack("<IBBHIIIIII", *CAPABILITIES), b""
        if kind == 0x03:
            self.lines[payload[0]] = payload
            return 0, payload, b""
        if kind == 0x04:
            if struct.unpack("<II", payload)[0] < 100:
                return 3, b"period below limit", b""
            self.block = payload
            return 0, payload, b""
        if kind == 0x05:
            self.fired = (struct.unpack("<I", payload)[0], struct.unpack("<II", self.block)[1], 0)
            return 0, payload, b"" if self.hold else self.finish()
        if kind == 0x06:
            return 0, struct.pack("<I", self.fired[1]), b""
        if kind == 0x07:
            n_shots = struct.unpack("<II", self.block)[1]
            return 0, struct.pack("<BBHIII", int(self.hold), self.reference, 0, *self.fired[:2], n_shots), b""
        if kind == 0x08:
            self.lines = {n: bytes([n, 0]) + line[2:] for n, line in self.lines.items()}
            return 0, b"", b""
        if kind == 0x09:
            return 0, self.lines[payload[0]], b""
        if kind == 0x0A:
            return 0, self.block, b""
        if kind == 0x0B:
            self.reference = payload[0]
            return 0, payload, b""
        return 1, b"unknown kind", b""
