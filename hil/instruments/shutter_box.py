"""Emulated shutter box, as boards of a lab's own are: two DACs, two shutters, a photodiode; lines over USB.

Source: docs/existing-firmware.md, the box's own page of commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from qctl.hil.instruments.line_firmware import Choice, Level, LineFirmware, Reading

__all__ = ["PlainShutterBox", "ShutterBox"]


def _joined(line: bytes) -> bytes:
    """Return a star and all bytes joined by exclusive or, in hex."""
    found = 0
    for byte in line:
        found ^= byte
    return b"*%02X" % found


class PlainShutterBox(LineFirmware):
    """The box as it was at first: nothing but lines."""

    who = ("ID", "SHUTTERBOX 1.4 {serial}")
    values: ClassVar[Mapping[str, Level | Choice | Reading]] = {
        "DAC 1": Level(0.0, -5.0, 5.0, "DAC 1 = {:.3f} V"),
        "DAC 2": Level(0.0, -5.0, 5.0, "DAC 2 = {:.3f} V"),
        "SHUTTER 1": Choice("CLOSED", ("OPEN", "CLOSED"), "SHUTTER 1 {}"),
        "SHUTTER 2": Choice("CLOSED", ("OPEN", "CLOSED"), "SHUTTER 2 {}"),
        "LIGHT": Reading(0.012, "LIGHT = {:.4f} V"),
    }


class ShutterBox(PlainShutterBox):
    """The box of now: checksums both ways, answers behind ``>``, everything sent back first."""

    check = staticmethod(_joined)
    answer_prefix = b">"
    line_end = b"\r"
    answer_end = b"\r"
    echo = True
