"""Check what a program asks of an instrument against its capability table, before anything is uploaded.

One way for all instruments: whole arrays at once, no Python for each pulse. What is refused names the pulse, the
limit, the need and the remedy; a value at the limit passes. Kernels that look at pulses themselves report a fault,
and `refuse` says it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from qctl.errors import CompileError, TimingError
from qctl.instruments.capability import Capability, Number, Range, limit
from qctl.instruments.firmware_versions import check_firmware
from qctl.instruments.limit_words import refusal, resource_of
from qctl.instruments.pulse_order import Pulses, check_order, check_pace
from qctl.program.device_program import Usage

__all__ = ["Asked", "Pulses", "check", "check_number", "check_pace", "check_pulses", "refuse", "usage"]

_TIMING = ("start", "length", "wait")


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What a program asks of one device.

    Attributes
    ----------
    pulses : sequence of Pulses
        By kind of channel.
    numbers : mapping of str to number or array
        Path of the table → counts, waits, loop counts, settings.
    places : mapping of str to str
        Path → the pulse or output that needs it.
    firmware : str
        Version that the device says it has; not looked at if empty.
    """

    pulses: Sequence[Pulses] = ()
    numbers: Mapping[str, Number | NDArray[np.generic]] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)
    firmware: str = ""


def check(can: Capability, asked: Asked) -> None:
    """Refuse what a model can't do.

    Raises
    ------
    CompileError
        Naming the pulse, the limit, the need and the remedy; TimingError where it is about time.
    VersionError
        If the table's numbers don't hold for the firmware.
    """
    if asked.firmware:
        check_firmware(can, asked.firmware)
    for path, values in asked.numbers.items():
        check_number(can, path, values, asked.places.get(path, ""))
    for pulses in asked.pulses:
        check_pulses(can, pulses)


def refuse(can: Capability, path: str, need: Number, place: str = "", pad: str = "") -> NoReturn:
    """Raise for a value that is outside a limit of the table; for kernels, which have found it already."""
    found = limit(can, path)
    kind = TimingError if path.startswith("gaps") or path.split(".")[-1] in _TIMING else CompileError
    raise kind(
        refusal(can, path, found, need, place, pad),
        model=can.model,
        limit=path,
        needed=float(need),
        allowed=None if found.high is None else float(found.high),
        place=place,
    )


def usage(can: Capability, path: str, used: int, place: str = "", name: str = "") -> Usage:
    """Return the row of the resource report for a count, which must have an upper end."""
    return Usage(name or resource_of(path), used, limit(can, path).most, place)


def check_number(can: Capability, path: str, values: Number | NDArray[np.generic], place: str = "") -> None:
    """Refuse a number, or the first of an array, that is outside a limit of the table."""
    found = limit(can, path)
    if not isinstance(values, np.ndarray):
        if not _fits(values, found):
            refuse(can, path, values, place)
        return
    bad = _first_bad(values, found)
    if bad >= 0:
        refuse(can, path, values[bad].item(), f"{place} {bad}".strip())


def _fits(value: Number, within: Range) -> bool:
    if not math.isfinite(value):
        return False
    inside = (within.high is None or value <= within.high) and (within.low is None or value >= within.low)
    step = within.step
    if isinstance(value, int) and isinstance(step, int):
        on_grid = value % step == 0
    else:
        on_grid = step is None or _exact(value) % _exact(step) == 0
    return inside and on_grid and (not within.choices or value in within.choices)


def _exact(value: Number) -> Fraction:
    return Fraction(float.__repr__(value)) if isinstance(value, float) else Fraction(value)


_OFF_GRID = 1e-9
"""Of a step: how far a float may be from a whole multiple and still stand for it."""


def _first_bad(values: NDArray[Any], within: Range) -> int:
    """Return the index of the first value that a Range does not take, or -1; comparisons with NaN are false."""
    whole = values.dtype.kind != "f"
    good = np.ones(len(values), bool) if whole else np.isfinite(values)
    if within.low is not None:
        good &= values >= (within.low if isinstance(within.low, int) else float(within.low))
    if within.high is not None:
        good &= values <= (within.high if isinstance(within.high, int) else float(within.high))
    if within.step is not None:
        if whole and isinstance(within.step, int):
            good &= values % within.step == 0
        else:
            steps = np.where(good, values, 0) / float(within.step)
            good &= np.abs(steps - np.rint(steps)) <= _OFF_GRID
    if within.choices:
        good &= np.isin(values, np.array([float(x) for x in within.choices]))
    bad = np.flatnonzero(~good)
    return int(bad[0]) if len(bad) else -1


def check_pulses(can: Capability, pulses: Pulses) -> None:
    """Refuse the first pulse that is too short or long, off the grid, too strong, too early or on top of another."""
    channel = can.channels.get(pulses.channel)
    if channel is None:
        known = ", ".join(can.channels) or "none"
        raise CompileError(f"a {can.model} has no channel {pulses.channel!r}; it has {known}", model=can.model)
    _same_sizes(pulses)
    for name in ("number", "start", "length", "amplitude", "frequency", "phase"):
        values, within = getattr(pulses, name), getattr(channel, name)
        if values is None:
            continue
        if within is None:
            if np.any(values):
                k = int(np.flatnonzero(values)[0])
                raise CompileError(
                    f"{pulses.label(k)}: {name} = {values[k]:g}, and {pulses.channel} of a {can.model} has none"
                )
            continue
        bad = _first_bad(values, within)
        if bad >= 0:
            path = f"channels.{pulses.channel}.{name}"
            refuse(can, path, values[bad].item(), pulses.label(bad), channel.pad)
    check_order(can, pulses, channel)


def _same_sizes(pulses: Pulses) -> None:
    n = len(pulses.start)
    for name in ("length", "amplitude", "frequency", "phase", "line", "number", "op"):
        values = getattr(pulses, name)
        if values is not None and len(values) != n:
            raise CompileError(f"{n} starts and {len(values)} of {name} of {pulses.channel}")
