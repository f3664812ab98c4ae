"""Time: give every item its start, exactly, and every play and capture its tick.

Pulses keep to the ASAP rule of OpenPulse: an item starts when all its lines are free. Circuits of gates alone are timed
from the end, because a qubit that waits in its ground state loses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import ceil

from qctl.compiler.frames import played
from qctl.compiler.items import Item, Seconds, Setting, items_of
from qctl.compiler.lines import lines_of
from qctl.compiler.steps import StepLine
from qctl.compiler.sweep_values import grid_of
from qctl.compiler.times import later
from qctl.errors import CompileError
from qctl.lab import Lab
from qctl.lab.snapshot import Values
from qctl.program.body import Body
from qctl.program.opcodes import Op
from qctl.program.tables import SymbolKind
from qctl.program.timeline import Timeline
from qctl.units import common_grid_s

__all__ = ["time_program"]

_ZERO = Fraction(0)
_CAPTURES = (Op.MEASURE, Op.CAPTURE)


def time_program(line: StepLine, body: Body, lab: Lab, values: Values) -> Timeline:
    """Return the timeline of a straight line on physical qubits.

    The first capture starts at the same tick of every point, on the common grid of the clocks: a swept delay moves what
    comes before it.

    Parameters
    ----------
    line : StepLine
        rz, sx, cz, measurements and pulses on the processor's qubits.
    body : Body
        The program that the steps came from, for its tables.
    lab : Lab
        Wiring.
    values : Values
        Calibrated values.

    Raises
    ------
    CompileError
        If something can't be timed; the message names it.
    """
    grid, n_points = grid_of(line.axes)
    lines = lines_of(lab, values)
    setting = Setting(body, values, lines, grid, n_points, _ports(body, lines.number), tuple(values.qubits))
    items, gates_only = items_of(line.steps, setting)
    n_lines = 2 * len(lines.lines)
    (_alap if gates_only else _asap)(items, n_lines)
    _join(items)
    _align(items, setting)
    return played(items, line, setting)


def _ports(body: Body, number: Mapping[str, int]) -> tuple[int, ...]:
    """Return the processor's port of each port or frame of the program."""
    found = []
    for symbol in body.ports:
        name = symbol.parent if symbol.kind is SymbolKind.FRAME else symbol.name
        index = number.get(name.replace("/", "."))
        if index is None:
            raise CompileError(f"port {name!r} is not of this processor in lab.toml")
        found.append(index)
    return tuple(found)


def _asap(items: Sequence[Item], n_lines: int) -> None:
    """Start every item as soon as its lines are free."""
    free: list[Seconds] = [_ZERO] * n_lines
    for item in items:
        if not item.lines:
            continue
        start = free[item.lines[0]]
        for line in item.lines[1:]:
            if free[line] is not start:
                start = later(start, free[line])
        item.start_s = start
        end = start + item.length_s if item.length_s is not _ZERO else start
        for line in item.lines:
            free[line] = end


def _alap(items: Sequence[Item], n_lines: int) -> None:
    """Start every item as late as what follows it allows."""
    _asap(items[::-1], n_lines)
    end: Seconds = _ZERO
    for item in items:
        end = later(end, item.start_s + item.length_s)
    for item in items:
        item.start_s = end - item.start_s - item.length_s


def _join(items: Sequence[Item]) -> None:
    """Give items that share a start the one of their first."""
    for item in items:
        if item.first is not None:
            item.start_s = item.first.start_s


def _align(items: Sequence[Item], setting: Setting) -> None:
    """Move every point so that its first capture starts at the same time, on the common grid of the clocks."""
    lead = -min((line.delay_s for line in setting.lines.lines), default=_ZERO)
    shift: Seconds = max(lead, _ZERO)
    first = next((item for item in items if item.step.op in _CAPTURES), None)
    if first is not None:
        capture = _capture_line(first, setting)
        wired = setting.lines.lines[capture]
        offset = _offset(first, setting) + wired.delay_s
        wanted = first.start_s + offset + shift
        latest = wanted if isinstance(wanted, Fraction) else wanted.greatest()
        rates = [wired.rate_hz] + ([wired.record_hz] if wired.record_hz is not None else [])
        step = common_grid_s(rates) or Fraction(1) / wired.rate_hz
        target = ceil(latest / step) * step
        shift = target - (first.start_s + offset)
    for item in items:
        item.start_s = item.start_s + shift


def _capture_line(item: Item, setting: Setting) -> int:
    if item.step.op is Op.CAPTURE:
        return setting.line_of_port[item.step.ports[0]]
    q = item.step.qubits[0]
    return setting.lines.find(q, "readout", setting.names[q])


def _offset(item: Item, setting: Setting) -> Fraction:
    """Return the time from an item's start to that of its integration."""
    if item.step.op is Op.CAPTURE:
        return _ZERO
    return Fraction(repr(setting.qubit(item.step.qubits[0]).readout.delay_s))
