"""Compare firmware versions as semantic versions, and refuse a device that a capability table does not hold for."""

from __future__ import annotations

import re

from qctl.errors import RequestError, VersionError
from qctl.instruments.capability import Capability

__all__ = ["check_firmware", "check_identity", "precedence"]

_TOLD = re.compile(r"\bfwVersion=(\S+)")
"""Where an identity names the firmware by a word; of Qblox."""
_VERSION = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:\.\d+)*(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")


def precedence(version: str) -> tuple[object, ...]:
    """Return what orders versions: Semantic Versioning 2.0.0, section 11; missing parts are 0, build words don't count.

    Raises
    ------
    RequestError
        If it is no version.
    """
    match = _VERSION.fullmatch(version.strip())
    if match is None:
        raise RequestError(f"{version!r} is not a version such as 1.2.3")
    numbers = tuple(int(part or 0) for part in match.groups()[:3])
    if match[4] is None:
        return (*numbers, 1)
    words = tuple((0, int(word), "") if word.isdigit() else (1, 0, word) for word in match[4].split("."))
    return (*numbers, 0, words)


def check_firmware(can: Capability, version: str) -> None:
    """Refuse a firmware that the table's numbers don't hold for.

    Raises
    ------
    VersionError
        With both versions and the remedy.
    """
    try:
        found = precedence(version)
    except RequestError as error:
        raise VersionError(f"{can.model}: {error.message}; qctl can't tell whether its limits are known") from None
    low, high = can.firmware.low, can.firmware.high
    if low and found < precedence(low):
        raise VersionError(
            f"{can.model} has firmware {version}, and its limits are known from {low} on "
            f"({can.firmware.source}): update it",
            version=version,
            low=low,
        )
    if high and found > precedence(high):
        raise VersionError(
            f"{can.model} has firmware {version}, and its limits are known up to {high} ({can.firmware.source}): "
            "update qctl, or the device's firmware to that version",
            version=version,
            high=high,
        )


def check_identity(can: Capability, identity: str) -> None:
    """Refuse the firmware that an identity tells of; nothing where it tells of none.

    Raises
    ------
    VersionError
        With both versions and the remedy.
    """
    told = _TOLD.search(identity)
    if told is not None:
        check_firmware(can, told[1])
