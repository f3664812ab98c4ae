"""Lower straights on beams, TTL lines and counters, and device-level records, to programs of qctl's sequencer."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from itertools import groupby
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.errors import CompileError, TimingError
from qctl.firmware_io.instructions import FAULT_TARGET, SequencerProgram
from qctl.firmware_io.instructions import Op as Do
from qctl.instruments.checker import check_number, usage
from qctl.instruments.ions.events import spans_of
from qctl.instruments.qctl_events.capabilities import GATE, LEVEL, TONE
from qctl.instruments.qctl_events.lower import event_rows, photons_of
from qctl.instruments.qctl_sequencer import capabilities as can
from qctl.instruments.qctl_sequencer.body import SequencerBody
from qctl.lab import Instrument, Lab
from qctl.program.body import Body
from qctl.program.device_program import DeviceProgram
from qctl.program.opcodes import Op
from qctl.program.straights import joined
from qctl.program.timeline import Shots, Straight
from qctl.units import rational_s

__all__ = ["lower", "lower_records"]

_STEP_NS = 200
"""How often an envelope's amplitude is set, at least."""
_U32 = 2**32 - 1
_KIND, _TONE, _CHANNEL = np.uint64(48), np.uint64(40), np.uint64(32)
_Instruction = tuple[int, int, int, int]


def lower(straights: Sequence[Straight], instrument: Instrument, lab: Lab, shots: Shots) -> DeviceProgram:
    """Return the program of one sequencer: a shot plays all points, one after the other.

    Raises
    ------
    CompileError
        If something is outside what sequencers can; the message names the play, the limit and the remedy.
    TimingError
        If something is at no whole tick.
    """
    name = instrument.name
    tick_hz = round(instrument.clock_hz or 0)
    if not tick_hz or 10**9 % tick_hz:
        raise CompileError(
            f"{name}: clock_hz = {instrument.clock_hz} in lab.toml; a sequencer's tick is a whole number of nanoseconds"
        )
    tick_ns = 10**9 // tick_hz
    flat = joined(straights)
    table = can.TABLES[can.MODEL]
    spans = spans_of(flat, instrument, lab, shots, table, max(_STEP_NS, tick_ns))
    rows = event_rows(spans)
    period_ticks = ceil(rational_s(shots.period_s) * tick_hz)
    program = _program(rows, period_ticks, tick_hz, name)
    check_number(table, "settings.period_ticks", period_ticks * len(flat), name)
    report = [usage(table, "instructions.count", len(program.rows), name="instructions")]
    if spans.gates:
        report.append(usage(table, "scope.records", len(spans.gates) * shots.n_shots, name="results"))
    words = program.rows.view(np.uint64)
    digest = blake2b(words.tobytes(), digest_size=16).hexdigest()
    body = SequencerBody(
        tick_hz, shots.n_shots, shots.averaged, period_ticks * len(flat), digest, len(spans.gates),
        photons_of(spans.gates),
    )  # fmt: skip
    return DeviceProgram(name, instrument.model, body.to_bytes(), {digest: words}, len(flat), tuple(report))


def _program(rows: NDArray[Any], period_ticks: int, tick_hz: int, name: str) -> SequencerProgram:
    """Return the instructions of all rows; points follow each other by the period."""
    tick_ns = 10**9 // tick_hz
    late = np.flatnonzero(rows["tick"] % tick_ns)
    if len(late):
        row = rows[late[0]]
        raise TimingError(
            f"{name}: something begins or ends at {int(row['tick'])} ns (point {int(row['point'])}), "
            f"which is no whole tick of its {tick_hz:g} Hz: choose multiples of {tick_ns} ns, or another sequencer"
        )
    over = np.flatnonzero(rows["tick"] // tick_ns >= period_ticks)
    if len(over):
        raise TimingError(
            f"{name}: something happens {int(rows['tick'][over[0]])} ns after its shot began, which has "
            f"{period_ticks * tick_ns} ns: make shot_period_s longer"
        )
    at = rows["tick"] // tick_ns + rows["point"].astype(np.int64) * period_ticks
    made: list[_Instruction] = []
    cursor = 0
    for tick, group in groupby(range(len(rows)), key=lambda k: int(at[k])):
        staged, timed = _group([rows[k] for k in group])
        made += staged
        made += _wait(tick - cursor)
        made += timed
        cursor = tick
    made.append((Do.HALT, 0, 0, 0))
    if len(made) > 65_535:
        raise CompileError(
            f"{name}: {len(made)} instructions, a sequencer takes 65,535: give fewer points, or longer steps"
        )
    return SequencerProgram.of(tick_hz, *made)


def _wait(ticks: int) -> list[_Instruction]:
    whole, rest = divmod(ticks, _U32)
    return [(Do.WAIT, 0, 0, _U32)] * whole + ([(Do.WAIT, 0, 0, rest)] if rest else [])


def _group(rows: Sequence[Any]) -> tuple[list[_Instruction], list[_Instruction]]:
    """Return what is staged before a tick, and what happens at it."""
    staged: list[_Instruction] = []
    tones = mask = levels = 0
    gates: list[_Instruction] = []
    for row in rows:
        word, value = int(row["word"]), int(row["value"])
        kind, number = word >> 48, (word >> 32 & 255) - 1
        if kind == TONE:
            tones |= 1 << number
            if value >> 48:
                staged.append((Do.FREQUENCY, number, 0, value & _U32))
            staged.append((Do.AMPLITUDE, number, value >> 48 & 0x3FFF, value >> 32 & 0xFFFF))
        elif kind == LEVEL:
            mask |= 1 << number
            levels |= value << number
        elif kind == GATE and value:
            gates.append((Do.OPEN, number, 0, 0))
        else:
            gates += [(Do.CLOSE, number, 0, 0), (Do.STORE, 0, 0, 0)]
    timed: list[_Instruction] = [(Do.UPDATE, 0, tones, 0)] if tones else []
    timed += [(Do.LINES, 0, mask, levels)] if mask else []
    return staged, timed + gates


def lower_records(body: Body, tick_hz: int) -> SequencerProgram:
    """Return the program of device-level records, an instruction for each record; a halt is added at the end.

    ``register`` has operation + 256 · field a, then b and c, of any instruction that is neither of the others;
    ``trigger`` has source, target (none: a fault) and the ticks it may take (none: any); ``wait`` counts the
    header's ticks, and ``jump`` an instruction.

    Raises
    ------
    CompileError
        If a record is of another level.
    TimingError
        If a wait is no whole number of the sequencer's ticks.
    """
    ticks_each = body.tick_s * tick_hz
    made: list[_Instruction] = []
    for k, row in enumerate(body.instructions):
        op, a, b, c = (int(row[field]) for field in ("op", "a", "b", "c"))
        if op == Op.REGISTER:
            made.append((a & 255, a >> 8 & 255, b & 0xFFFF, c))
        elif op == Op.TRIGGER:
            made.append((Do.WAIT_TRIGGER, a & 255, FAULT_TARGET if b == _U32 else b, 0 if c == _U32 else c))
        elif op == Op.WAIT:
            ticks = (b | c << 32) * ticks_each
            if ticks.denominator != 1 or not 0 <= ticks <= _U32:
                raise TimingError(f"record {k} waits {float(ticks):g} ticks of {tick_hz} Hz: whole ones to {_U32}")
            made.append((Do.WAIT, 0, 0, int(ticks)))
        elif op == Op.JUMP:
            made.append((Do.JUMP, 0, a & 0xFFFF, 0))
        elif op == Op.HALT:
            made.append((Do.HALT, 0, 0, 0))
        else:
            raise CompileError(f"record {k} is no device-level record: compile the program for a processor instead")
    return SequencerProgram.of(tick_hz, *made, (Do.HALT, 0, 0, 0))
