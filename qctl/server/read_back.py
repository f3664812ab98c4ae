"""Reads back what was set on an instrument once its link is up again, and tells what differs by name.

Nothing is set again here: the instrument goes to its safe state, and whatever it is to be set to next comes from a run,
or from who set it before and now knows.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, TypedDict

from qctl.device import BulkRead, Comparing, Device
from qctl.errors import RefusedError, RequestError
from qctl.units import agree

__all__ = ["Difference", "differences"]

_LOG = logging.getLogger(__name__)
_HZ_SHARE, _SHARE, _LEAST_HZ, _LEAST = 1e-9, 1e-4, 1e-3, 1e-5
"""How far what is read back may be off where the driver can't tell: boxes round volts and powers to their steps, and
frequencies hardly at all."""


class Difference(TypedDict):
    """One setting that is not as it was set; `found` is None where the instrument does not tell it."""

    parameter: str
    set: Any
    found: Any


def differences(name: str, device: Device, settings: Mapping[str, Any]) -> list[Difference]:
    """Return which settings a device has lost.

    Parameters
    ----------
    name : str
        Of the instrument, for the log.
    device : Device
        Just opened, nothing sent to it but the question who it is.
    settings : mapping of str to object
        What was set on it and confirmed.

    Raises
    ------
    DeviceError
        If it does not answer.
    """
    if not settings:
        return []
    told = device.get_all() if isinstance(device, BulkRead) else None
    found: list[Difference] = []
    for parameter, value in dict(settings).items():
        try:
            now = told[parameter] if told is not None and parameter in told else device.get(parameter)
        except (RefusedError, RequestError):
            now = None
        if isinstance(device, Comparing):
            same = device.agrees(parameter, value, now)
        else:
            same = _same(parameter, value, now)
        if not same:
            found.append({"parameter": parameter, "set": value, "found": now})
    if found:
        words = ", ".join(f"{one['parameter']} = {one['found']}, set was {one['set']}" for one in found)
        _LOG.warning("%s is up again with other settings: %s", name, words)
    return found


def _same(parameter: str, value: Any, now: Any) -> bool:
    least, share = (_LEAST_HZ, _HZ_SHARE) if parameter.endswith("_hz") else (_LEAST, _SHARE)
    return agree(value, now, least, share)
