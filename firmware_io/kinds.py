"""Kinds of message of the firmware link, and codes of its error replies.

The tables are in docs/firmware-protocol.md, sections 4 and 7.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

__all__ = ["ErrorCode", "Feature", "Kind"]


class Kind(IntEnum):
    """Kinds of message; a reply has the request's kind + 0x80."""

    HELLO = 0x01
    CAPABILITIES = 0x02
    SET_LINE = 0x03
    SET_BLOCK = 0x04
    FIRE = 0x05
    STOP = 0x06
    STATUS = 0x07
    SAFE = 0x08
    GET_LINE = 0x09
    GET_BLOCK = 0x0A
    SET_REFERENCE = 0x0B
    ACK = 0x10
    IDENTIFY = 0x28
    OPEN_OBJECT = 0x29
    WRITE_OBJECT = 0x2A
    CLOSE_OBJECT = 0x2B
    ARM = 0x2C
    START = 0x2D
    TRIGGER = 0x2E
    STOP_NOW = 0x2F
    READ_REGISTERS = 0x30
    READ_RESULTS = 0x31
    READ_TRACE = 0x32
    CLOCK = 0x33
    SET_WATCHDOG = 0x34
    SET_TELEMETRY = 0x35
    BOOT_STATUS = 0x36
    REBOOT = 0x37
    CONFIRM = 0x38
    SEQUENCER_CAPABILITIES = 0x39
    DONE = 0xC1
    FAULTED = 0xC2
    MARKED = 0xC3
    GAP = 0xE0
    TELEMETRY = 0xE1
    WINDOW = 0xE2
    ERROR = 0xFF


class ErrorCode(IntEnum):
    """Codes of an error reply."""

    KIND = 1
    PAYLOAD = 2
    RANGE = 3
    STATE = 4
    SEQUENCE = 5
    SESSION = 6
    REFERENCE = 7
    FAULT = 8
    HASH = 9
    SIGNATURE = 10
    RESOURCE = 11


class Feature(IntFlag):
    """What a sequencer may have or not: bits of `Identification.features`."""

    TONES = 1
    COUNTERS = 2
    EXTERNAL_TRIGGER = 4
    TRACE = 8
    UPDATE = 16
    EXTERNAL_REFERENCE = 32
