"""Checksums that firmware puts behind its lines, as capital hex digits.

Source: NMEA 0183 (all bytes joined by exclusive or); Modbus over serial line V1.02, 6.2.2 (CRC-16, here in digits).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from operator import xor

__all__ = ["CHECKSUMS", "crc16"]


def crc16(said: bytes | bytearray) -> int:
    """Return the CRC-16 of Modbus: polynomial 0xA001 reflected, begun with ones."""
    crc = 0xFFFF
    for byte in said:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


CHECKSUMS: Mapping[str, Callable[[bytes], str]] = {
    "xor": lambda said: f"{reduce(xor, said, 0):02X}",
    "sum": lambda said: f"{sum(said) % 256:02X}",
    "crc16": lambda said: f"{crc16(said):04X}",
}
