"""Lower straights on beams, TTL lines and counters, and device-level records, to programs of qctl's sequencer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from itertools import groupby
from math import ceil
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.errors import CompileError, TimingError
from qctl.firmware_io.instructions import FAULT_TARGET, SequencerProgram
from qctl.firmware_io.instructions import Op as Do
from qctl.instruments.capability import Capability
from qctl.instruments.checker import check_number, usage
from qctl.instruments.ions.events import FIRST_LINE, spans_of
from qctl.instruments.qctl_sequencer import capabilities as can
from qctl.instruments.qctl_sequencer.body import SequencerBody
from qctl.instruments.qctl_sequencer.rows import LEVEL, TONE, event_rows, photons_of
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
_MOST_CLOSED = 8
"""Gates that close at a tick before their counts are stored, each in a register of its own."""
_U32 = 2**32 - 1
_Instruction = tuple[int, int, int, int]


def lower(straights: Sequence[Straight], instrument: Instrument, lab: Lab, shots: Shots) -> DeviceProgram:
    """Return the program of one sequencer: a shot plays all points, one after the other.

    Where the report shows that the program is over a limit, it has no instructions.

    Raises
    ------
    CompileError
        If something is outside what sequencers can; the message names the play, the limit and the remedy.
    TimingError
        If something is at no whole tick, or after its point's period.
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
    tones = _tones_of(instrument, table)
    n_tones = {output: len(numbers) for output, numbers in tones.items()}
    spans = spans_of(flat, instrument, lab, shots, table, max(_STEP_NS, tick_ns), n_tones)
    rows = event_rows(spans, _synthesisers(tones))
    period_ticks = ceil(rational_s(shots.period_s) * tick_hz)
    made = _instructions(rows, period_ticks, tick_hz, name)
    report = (
        usage(table, "instructions.count", len(made), name="instructions"),
        usage(table, "scope.records", len(spans.gates) * shots.n_shots, name="results"),
        usage(table, "settings.period_ticks", period_ticks * len(flat), name="ticks of a shot"),
    )
    program = SequencerProgram.of(tick_hz, *(made if all(row.fits for row in report) else [(Do.HALT, 0, 0, 0)]))
    words = program.rows.view(np.uint64)
    digest = blake2b(words.tobytes(), digest_size=16).hexdigest()
    body = SequencerBody(
        tick_hz, shots.n_shots, shots.averaged, min(period_ticks * len(flat), _U32), digest, len(spans.gates),
        photons_of(spans.gates),
    )  # fmt: skip
    return DeviceProgram(name, instrument.model, body.to_bytes(), {digest: words}, len(flat), report)


def _tones_of(instrument: Instrument, table: Capability) -> dict[int, tuple[int, ...]]:
    """Return the numbers of the synthesisers that each output sums; one that lab.toml gives none has its own."""
    outputs = {number: one.tones or (number,) for number, one in instrument.output.items() if number < FIRST_LINE}
    owner: dict[int, int] = {}
    for output, numbers in outputs.items():
        for number in numbers:
            place = f"{instrument.name}: a synthesiser of output.{output}.tones in lab.toml"
            check_number(table, "channels.tone.number", number, place)
            other = owner.setdefault(number, output)
            if other != output:
                raise CompileError(
                    f"{instrument.name}: outputs {other} and {output} both have synthesiser {number}: give them others "
                    f"in lab.toml, output.{output}.tones",
                    instrument=instrument.name,
                )
    return outputs


def _synthesisers(tones: Mapping[int, tuple[int, ...]]) -> NDArray[np.int64]:
    """Return the number from 0 on of the synthesiser of each tone of each output: (FIRST_LINE, n_tones)."""
    found = np.zeros((FIRST_LINE, max(map(len, tones.values()), default=1)), np.int64)
    for output, numbers in tones.items():
        found[output, : len(numbers)] = np.array(numbers) - 1
    return found


def _instructions(rows: NDArray[Any], period_ticks: int, tick_hz: int, name: str) -> list[_Instruction]:
    """Return the instructions of all rows; points follow each other by the period."""
    tick_ns = 10**9 // tick_hz
    late = np.flatnonzero(rows["ns"] % tick_ns)
    if len(late):
        row = rows[late[0]]
        raise TimingError(
            f"{name}: something begins or ends at {int(row['ns'])} ns (point {int(row['point'])}), "
            f"which is no whole tick of its {tick_hz:g} Hz: choose multiples of {tick_ns} ns, or another sequencer"
        )
    over = np.flatnonzero(rows["ns"] // tick_ns >= period_ticks)
    if len(over):
        raise TimingError(
            f"{name}: something happens {int(rows['ns'][over[0]])} ns after its shot began, which has "
            f"{period_ticks * tick_ns} ns: make shot_period_s longer"
        )
    begins = rows["point"].astype(np.int64) * period_ticks
    at = rows["ns"] // tick_ns + begins
    phases = _phases(rows, begins * tick_ns)
    made: list[_Instruction] = []
    cursor = 0
    columns = zip(
        at.tolist(), *(rows[field].tolist() for field in ("kind", "number", "on", "ftw", "asf")), phases, strict=True
    )
    for tick, group in groupby(columns, key=itemgetter(0)):
        staged, timed = _group(list(group))
        made += staged
        made += _wait(tick - cursor)
        made += timed
        cursor = tick
    return [*made, (Do.HALT, 0, 0, 0)]


def _phases(rows: NDArray[Any], begins_ns: NDArray[np.int64]) -> list[int]:
    """Return phase words: a play's refer to its point's start, synthesisers run from the shot's first tick on."""
    run = (rows["ftw"].astype(np.uint64) * begins_ns.astype(np.uint64)) & np.uint64(_U32)
    words = np.rint(rows["pow"] - run.astype(np.float64) / 2**16).astype(np.int64) % 2**16
    return [int(word) for word in np.where(rows["on"] == 1, words, 0)]


def _wait(ticks: int) -> list[_Instruction]:
    whole, rest = divmod(ticks, _U32)
    parts = [_U32] * whole + ([rest] if rest else [])
    return [(Do.WAIT, 0, 0, part) for part in parts]


def _group(rows: Sequence[tuple[int, ...]]) -> tuple[list[_Instruction], list[_Instruction]]:
    """Return what is staged before a tick, and what happens at it."""
    staged: list[_Instruction] = []
    tones = mask = levels = n_closed = 0
    gates: list[_Instruction] = []
    for _, kind, number, on, frequency, amplitude, phase in rows:
        if kind == TONE:
            tones |= 1 << number
            if on:
                staged.append((Do.FREQUENCY, number, 0, frequency))
            staged.append((Do.AMPLITUDE, number, amplitude, phase))
        elif kind == LEVEL:
            mask |= 1 << number
            levels |= on << number
        elif on:
            gates.append((Do.OPEN, number, 0, 0))
        else:
            gates.append((Do.CLOSE, number, n_closed, 0))
            n_closed += 1
            if n_closed == _MOST_CLOSED:
                gates += _stores(n_closed)
                n_closed = 0
    timed: list[_Instruction] = [(Do.UPDATE, 0, tones, 0)] if tones else []
    timed += [(Do.LINES, 0, mask, levels)] if mask else []
    return staged, timed + gates + _stores(n_closed)


def _stores(n_closed: int) -> list[_Instruction]:
    """Return what stores the counts: after the gates, so that no gate waits for the one before."""
    return [(Do.STORE, register, 0, 0) for register in range(n_closed)]


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
