"""Emulated controllers that speak Modbus: coils and registers as a table, RTU on a serial line or TCP on a socket.

It shares nothing with the drivers: frames are cut and checked here.

Source: Modbus Application Protocol V1.1b3, sections 4.1 (frames), 6 (functions) and 7 (exceptions); Modbus over serial
line V1.02, 2.5.1 (RTU, silence between frames) and 6.2.2 (CRC); Modbus messaging on TCP/IP V1.0b, 3.1 (MBAP).
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from typing import ClassVar

from qctl.hil.instruments.board import Board
from qctl.hil.instruments.config import EmulatorConfig
from qctl.hil.instruments.plant_link import Plant

__all__ = ["ModbusFirmware", "crc", "request_size"]

_SILENCE_S = 0.05
_ILLEGAL_FUNCTION, _ILLEGAL_ADDRESS, _ILLEGAL_VALUE = 1, 2, 3
_READS = {1: "coils", 2: "discretes", 3: "holdings", 4: "inputs"}
_MBAP = struct.Struct(">HHHB")


def crc(frame: bytes | bytearray) -> bytes:
    """Return the check of a frame, low byte first."""
    found = 0xFFFF
    for byte in frame:
        found ^= byte
        for _ in range(8):
            low, found = found & 1, found >> 1
            if low:
                found ^= 0xA001
    return struct.pack("<H", found)


class _Exception(Exception):
    """A request that the unit refuses, with the number of its reason; stays in this file."""


class ModbusFirmware(Board):
    """One unit; every connection talks to the same one."""

    unit = 1
    coils: ClassVar[dict[int, int]] = {}
    discretes: ClassVar[dict[int, int]] = {}
    holdings: ClassVar[dict[int, int]] = {}
    inputs: ClassVar[dict[int, int]] = {}
    bounds: ClassVar[dict[int, tuple[int, int]]] = {}
    """What each holding register takes, as signed numbers; others are refused with exception 3."""
    objects: ClassVar[tuple[str, ...]] = ()
    """Vendor, product and revision, for read device identification; refused where there are none."""

    send: Callable[[bytes], None]

    def __init__(self, config: EmulatorConfig, plant: Plant) -> None:
        super().__init__(config, plant)
        self.counters |= {"requests": 0, "damaged": 0}
        self._tables: dict[str, dict[int, int]] = {}
        self._heard_s = 0.0
        self.power_cycle()

    def power_cycle(self) -> None:
        """Forget everything, as after a power cut."""
        self._tables = {name: dict(getattr(self, name)) for name in _READS.values()}

    def receive(self, data: bytes) -> None:
        """Take bytes from a serial line; a frame that is not whole when the line falls silent is dropped."""
        now_s = time.monotonic()
        if now_s > self._heard_s + _SILENCE_S:
            self._got.clear()
        self._heard_s = now_s
        self._got += data
        while size := request_size(self._got):
            if size < 0:
                self.counters["damaged"] += 1
                self._got.clear()
                return
            frame = bytes(self._got[:size])
            del self._got[:size]
            if frame[0] == self.unit:
                answer = frame[:1] + self.answered(frame[1:-2])
                self.send(answer + crc(answer))

    def receive_tcp(self, got: bytearray) -> bytes:
        """Take whole frames of a socket out of `got`, and return what answers them."""
        said = b""
        while len(got) >= _MBAP.size and len(got) >= 6 + (size := _MBAP.unpack_from(got)[2]):
            number, _, _, unit = _MBAP.unpack_from(got)
            request = bytes(got[_MBAP.size : 6 + size])
            del got[: 6 + size]
            if unit == self.unit:
                answer = self.answered(request)
                said += _MBAP.pack(number, 0, len(answer) + 1, unit) + answer
        return said

    def answered(self, request: bytes) -> bytes:
        """Return what answers a request: function and content, without unit and check."""
        self.counters["requests"] += 1
        function = request[0]
        try:
            return bytes([function]) + self._carried_out(function, request[1:])
        except _Exception as refused:
            return bytes([function | 0x80, refused.args[0]])
        except (struct.error, IndexError):
            return bytes([function | 0x80, _ILLEGAL_VALUE])

    def _carried_out(self, function: int, content: bytes) -> bytes:
        if function in _READS:
            return self._read(_READS[function], *struct.unpack(">HH", content))
        if function == 5:
            address, value = struct.unpack(">HH", content)
            self._put("coils", address, int(value == 0xFF00))
            return content
        if function == 6:
            self._put("holdings", *struct.unpack(">HH", content))
            return content
        if function == 16:
            address, count, _ = struct.unpack_from(">HHB", content)
            for place, value in enumerate(struct.unpack_from(f">{count}H", content, 5)):
                self._put("holdings", address + place, value)
            return content[:4]
        if function == 0x2B and content[0] == 0x0E and self.objects:
            texts = [text.format(serial=self.config.serial).encode() for text in self.objects]
            listed = b"".join(bytes([place, len(text)]) + text for place, text in enumerate(texts))
            return bytes([0x0E, content[1], 1, 0, 0, len(texts)]) + listed
        raise _Exception(_ILLEGAL_FUNCTION)

    def _read(self, name: str, address: int, count: int) -> bytes:
        table = self._tables[name] | self._faulty(name)
        places = range(address, address + count)
        if not count or any(place not in table for place in places):
            raise _Exception(_ILLEGAL_ADDRESS)
        if name in ("holdings", "inputs"):
            return bytes([2 * count]) + struct.pack(f">{count}H", *(table[place] & 0xFFFF for place in places))
        bits = sum(table[place] << k for k, place in enumerate(places))
        n_bytes = (count + 7) // 8
        return bytes([n_bytes]) + bits.to_bytes(n_bytes, "little")

    def _faulty(self, name: str) -> dict[int, int]:
        """Return input registers that the fault `readings` gives another value."""
        return {int(k): int(v) for k, v in self.faults.get("readings", {}).items()} if name == "inputs" else {}

    def _put(self, name: str, address: int, value: int) -> None:
        if address not in self._tables[name]:
            raise _Exception(_ILLEGAL_ADDRESS)
        signed = value - 0x10000 if value & 0x8000 else value
        low, high = self.bounds.get(address, (-0x8000, 0xFFFF))
        if name == "holdings" and not low <= signed <= high:
            raise _Exception(_ILLEGAL_VALUE)
        self._tables[name][address] = value


_SIZES = {**dict.fromkeys((1, 2, 3, 4, 5, 6, 8), 8), **dict.fromkeys((7, 11, 12, 17), 4), 22: 10, 24: 6, 43: 7}
_COUNTS = {15: 6, 16: 6, 20: 2, 21: 2, 23: 10}
"""Where the functions that say how many bytes follow say it."""
_SHORTEST, _LONGEST = 4, 256


def request_size(got: bytes | bytearray) -> int:
    """Return how many bytes the first request of a serial line has; 0 while it is not whole, -1 where there is none.

    A function that nobody knows ends where a check does.

    Source: Modbus Application Protocol V1.1b3, section 6.
    """
    if len(got) < 2:
        return 0
    place = _COUNTS.get(got[1])
    size = _SIZES.get(got[1], 0) if place is None else place + 3 + got[place] if len(got) > place else _LONGEST
    if size:
        return 0 if len(got) < size else size if crc(got[: size - 2]) == got[size - 2 : size] else -1
    ends = range(_SHORTEST, min(len(got), _LONGEST) + 1)
    return next((n for n in ends if crc(got[: n - 2]) == got[n - 2 : n]), -1 if len(got) > _LONGEST else 0)
