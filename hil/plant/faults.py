"""Faults in cables and boxes, and which line or box each is about; the wire's faults go on to the emulators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError
from qctl.hil.faults.table import KINDS, kinds_at
from qctl.hil.physics.lines import Run
from qctl.hil.plant.cables import Cables, connector

__all__ = ["BOX_FAULTS", "CABLE_FAULTS", "FAULTS", "Fault", "FaultTable", "invert_pulse"]

CABLE_FAULTS, BOX_FAULTS, WIRE_FAULTS = kinds_at("cable"), kinds_at("box"), kinds_at("wire")
FAULTS = {**CABLE_FAULTS, **BOX_FAULTS, **WIRE_FAULTS}
_MOST = 1e12
"""Of a fault's value: what is more counts and waits for ever, and fits no message."""
_WORDS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault that is set.

    Attributes
    ----------
    name : str
        What is wrong.
    on : str
        Where: a line ("q0.drive", "feedline", "lo_drive") for cables, a box otherwise.
    value : object
        By how much.
    """

    name: str
    on: str
    value: Any


class FaultTable:
    """The faults of a lab, in the order they were set.

    Parameters
    ----------
    cables : Cables
        What places are called.
    names : tuple of str
        Names of the transmons.

    Attributes
    ----------
    models : mapping of str to str
        Model of each box; a fault on one of them that does not show it is refused.
    on_lines : mapping of str to str
        The line of each unit that shares one.
    """

    def __init__(self, cables: Cables, names: tuple[str, ...]) -> None:
        self._cables = cables
        self._names = names
        self._faults: dict[tuple[str, str], Fault] = {}
        self._spent: set[tuple[str, str]] = set()
        self.models: Mapping[str, str] = {}
        self.on_lines: Mapping[str, str] = {}
        self.version = 0

    def put(self, name: str, on: str | None, value: Any) -> Fault:
        """Set a fault, and return it with its place and value made explicit.

        Raises
        ------
        RequestError
            If there is no such fault or place.
        """
        if name not in FAULTS:
            raise RequestError(f"fault {name!r} is not one of {', '.join(sorted(FAULTS))}")
        found = Fault(name, self._place(name, on), _same_kind(name, FAULTS[name] if value is None else value))
        if found.on in self.models and (said := KINDS[name].misplaced(found.on, self.models[found.on])):
            raise RequestError(said)
        if name == "renamed" and (line := self.on_lines.get(found.on)):
            said = f"renamed is set on {line}, not on {found.on}, which is on it: a port goes and comes for all"
            raise RequestError(said)
        if name == "swap":
            other = str(found.value) or self._next_drive(found.on)
            found = Fault(name, found.on, self._line(other, name))
        self._faults[name, found.on] = found
        self._spent.discard((name, found.on))
        self.version += 1
        return found

    def spend(self, name: str, on: str) -> None:
        """Note that a fault which happens once, or so often, is used up."""
        if (name, on) in self._faults:
            self._spent.add((name, on))

    def clear(self, name: str | None = None, on: str | None = None) -> list[Fault]:
        """Remove the faults of a name, of a place, or both; every fault without them. Return what was removed.

        Raises
        ------
        RequestError
            If no such fault is set.
        """
        removed = [f for f in self._faults.values() if name in (None, f.name) and (on is None or self._is_at(f, on))]
        if not removed and (name, on) != (None, None):
            there = ", ".join(f"{f.name} on {f.on}" for f in self.present()) or "none"
            raise RequestError(f"fault {name or 'of any name'}{f' on {on}' if on else ''} is not set; set is {there}")
        for fault in removed:
            del self._faults[fault.name, fault.on]
            self._spent.discard((fault.name, fault.on))
        self.version += 1
        return removed

    def present(self) -> list[Fault]:
        """Return every fault that is set and not used up."""
        return [fault for key, fault in self._faults.items() if key not in self._spent]

    def of_box(self, box: str) -> dict[str, Any]:
        """Return what one box has to act on itself."""
        if not self._faults:
            return {}
        return {f.name: f.value for f in self.present() if f.on == box and f.name not in CABLE_FAULTS}

    def on_line(self, line: str) -> list[Fault]:
        """Return the faults of one line."""
        return [fault for fault in self._faults.values() if fault.on == line and fault.name in CABLE_FAULTS]

    def swapped(self, line: str) -> str:
        """Return the line whose cable is plugged in where this line's should be."""
        for fault in self._faults.values():
            if fault.name == "swap" and line in (fault.on, fault.value):
                return str(fault.value) if line == fault.on else fault.on
        return line

    def _next_drive(self, line: str) -> str:
        drives = [f"{name}.drive" for name in self._names]
        if line not in drives or len(drives) < 2:
            raise RequestError(f"swap on {line} needs a value: the other line")
        return drives[(drives.index(line) + 1) % len(drives)]

    def _place(self, name: str, on: str | None) -> str:
        if name in CABLE_FAULTS and not self._names:
            raise RequestError(f"{name} is a fault of cables to a fridge, and this lab has none")
        if name == "lo_shift":
            sources = {line.lo for line in self._cables.drive} | {self._cables.readout.lo}
            place = on or self._cables.drive[0].lo
            if place not in sources:
                raise RequestError(f"{place!r} is not an LO; there are {', '.join(sorted(sources))}")
            return place
        if name in CABLE_FAULTS:
            return self._line(on or f"{self._names[0]}.drive", name)
        usual = connector(self._cables.readout.acquire_i)[0] or next(iter(self._cables.beside), "")
        place = (on or usual).partition(":")[0]
        place = connector(self._cables.slots.get(place, place))[0]  # a module's link is its chassis'
        boxes = self._boxes() | self.models.keys()
        if place not in boxes:
            raise RequestError(f"{place!r} is not one of {', '.join(sorted(boxes))}")
        return place

    def _boxes(self) -> set[str]:
        cables = self._cables
        boxes = {*cables.triggers, *cables.beside} | {line.lo for line in cables.drive} | {cables.readout.lo}
        boxes |= {connector(place)[0] for line in cables.drive for place in (line.i, line.q)} - set(cables.slots)
        boxes -= {""}
        boxes |= {connector(place)[0] for place in (*cables.triggers.values(), *cables.slots.values())}
        return boxes | {connector(line.dc)[0] for line in cables.flux if line.dc}

    def _is_at(self, fault: Fault, place: str) -> bool:
        return fault.on in (place, place.partition(":")[0], *self._lines_at(place))

    def _line(self, place: str, name: str) -> str:
        """Return the one line that a qubit, a line, a connector or a box stands for."""
        found = self._lines_at(place)
        if len(found) > 1:
            raise RequestError(f"{name}: {place} has several lines, and a fault is on one: name {' or '.join(found)}")
        if not found:
            lines = ", ".join(self._lines())
            raise RequestError(f"{name}: {place!r} is no line, output or box of this lab; lines are {lines}")
        return found[0]

    def _lines_at(self, place: str) -> list[str]:
        """Return the lines at a qubit, a line, a connector or a box."""
        lines = self._lines()
        if f"{place}.drive" in lines:
            return [f"{place}.drive"]
        return [
            line
            for line, connectors in lines.items()
            if place == line or place in connectors or place in {connector(c)[0] for c in connectors}
        ]

    def _lines(self) -> dict[str, tuple[str, ...]]:
        cables = self._cables
        lines: dict[str, tuple[str, ...]] = {}
        for name, drive in zip(self._names, cables.drive, strict=True):
            lines[f"{name}.drive"] = (drive.i, drive.q)
        lines |= {f"{n}.flux": (f.output,) for n, f in zip(self._names, cables.flux, strict=True) if f.output}
        return lines | {"feedline": (cables.readout.i, cables.readout.q)}


def _same_kind(name: str, value: Any) -> Any:
    """Return a value in the kind of its fault's default.

    Raises
    ------
    RequestError
        If it can't be read.
    """
    kind = type(FAULTS[name])
    if kind is str:
        return str(value)
    if kind is bool:
        word = str(value).lower()
        if word not in _WORDS:
            raise RequestError(f"fault {name}: value {value!r} is neither true nor false")
        return _WORDS[word]
    unit = KINDS[name].unit
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise RequestError(f"fault {name}: value {value!r} is not a number ({unit})") from None
    least = -_MOST if name in ("lo_shift", "scale", "clock_drift") else 1 if kind is int else 0
    most = 1 if unit.startswith("share") else _MOST
    if not least <= number <= most:
        raise RequestError(f"fault {name}: value {value} ({unit}) is outside [{least:g}, {most:g}]")
    if kind is int and number != int(number):
        raise RequestError(f"fault {name}: value {value} ({unit}) is no whole number")
    return kind(number)


def invert_pulse(runs: tuple[Run, ...], number: int) -> tuple[Run, ...]:
    """Invert the `number`-th pulse of a line, counted from 1; pulses are lobes of the envelope.

    Lobes end where the envelope falls below a twentieth of the line's highest; a line with fewer pulses
    has its last one inverted.
    """
    if not runs:
        return runs
    highest = max(float(np.abs(run.volts).max()) for run in runs)
    lobes: list[tuple[int, int, int]] = []
    for index, run in enumerate(runs):
        lobes += [(index, start, stop) for start, stop in _lobes(np.abs(run.volts), 0.05 * highest)]
    if not lobes:
        return runs
    index, start, stop = lobes[min(number, len(lobes)) - 1]
    volts = runs[index].volts.copy()
    volts[start:stop] *= -1
    return (*runs[:index], Run(runs[index].start, volts), *runs[index + 1 :])


def _lobes(envelope: NDArray[np.float64], floor: float) -> list[tuple[int, int]]:
    """Return (start, stop) of each lobe; the quiet samples between two are shared half and half."""
    loud = np.flatnonzero(np.diff((envelope > floor).astype(np.int8), prepend=0, append=0))
    starts, stops = loud[::2], loud[1::2]
    if starts.size == 0:
        return []
    middles = (stops[:-1] + starts[1:]) // 2
    edges = [0, *middles.tolist(), envelope.size]
    return list(pairwise(edges))
