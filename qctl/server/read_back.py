"""Reads back what was set on an instrument once its link is up again, and tells what differs by name.

Nothing is set again here: the instrument goes to its safe state, and whatever it is to be set to next comes from a run,
or from who set it before and now knows.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any, TypedDict

from qctl.device import BulkRead, Device
from qctl.errors import RefusedError, RequestError

__all__ = ["Difference", "differences"]

_LOG = logging.getLogger(__name__)
_HZ_SHARE, _SHARE, _LEAST = 1e-9, 1e-4, 1e-5
"""How far what is read back may be off: boxes round volts and powers to their steps, and frequencies hardly at all."""


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
        if not _same(parameter, value, now):
            found.append({"parameter": parameter, "set": value, "found": now})
    if found:
        words = ", ".join(f"{one['parameter']} = {one['found']}, set was {one['set']}" for one in found)
        _LOG.warning("%s is up again with other settings: %s", name, words)
    return found


def _same(parameter: str, value: Any, now: Any) -> bool:
    if isinstance(value, bool) or isinstance(now, bool) or not isinstance(value, int | float):
        return bool(value == now)
    if not isinstance(now, int | float):
        return False
    if parameter.endswith("_hz"):
        return math.isclose(value, now, rel_tol=_HZ_SHARE, abs_tol=1e-3)
    return math.isclose(value, now, rel_tol=_SHARE, abs_tol=_LEAST)
