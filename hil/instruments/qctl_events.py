"""Emulated event controller: tables of events written over a pty, played on the ions of the virtual lab.

Source: docs/firmware-protocol.md, protocol version 1, section 6.
"""

from __future__ import annotations

import struct
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from qctl.hil.instruments.firmware_box import E_PAYLOAD, E_RANGE, FirmwareBox, Problem

__all__ = ["QctlEvents"]

_TICK_HZ = 1_000_000_000
_N_OUTPUTS, _N_TONES, _N_LINES, _N_COUNTERS = 32, 2, 32, 32
_GAP = 8
_FULL = 2**14 - 1
_MOST_EVENTS, _MOST_SEQUENCES, _MOST_COUNTS = 1 << 18, 1 << 16, 1 << 24
_TOP = 2**32 - 1
_CAPABILITIES = struct.pack(
    "<IBBBBHHIIIII", _TICK_HZ, _N_OUTPUTS, _N_TONES, _N_LINES, _N_COUNTERS, 1024, _GAP, _MOST_EVENTS, _MOST_SEQUENCES,
    _MOST_COUNTS, _TOP, _TOP,
)  # fmt: skip
_RANGE, _RUN = struct.Struct("<IHH"), struct.Struct("<IIQ")
_EVENT = np.dtype("<u4, u1, u1, u1, u1, <u8")
_EVENT.names = ("tick", "channel", "tone", "operation", "zero", "value")
_SEQUENCE = np.dtype("<u4, <u4")
_SEQUENCE.names = ("first", "count")

CAPABILITIES, WRITE_EVENTS, WRITE_SEQUENCES, SET_RUN, READ_COUNTS = range(0x20, 0x25)
LEVEL, TONE, GATE = 1, 2, 3
_CHANNELS = {LEVEL: _N_LINES, TONE: _N_OUTPUTS, GATE: _N_COUNTERS}


class QctlEvents(FirmwareBox):
    """The controller; the plant has the ions that its tones, lines and counters are wired to."""

    kind = "events"
    word = "events"
    n_outputs = 64
    n_inputs = _N_COUNTERS
    lengths: ClassVar = {CAPABILITIES: 0, WRITE_EVENTS: -1, WRITE_SEQUENCES: -1, SET_RUN: 16, READ_COUNTS: 8}
    asking = frozenset((CAPABILITIES, READ_COUNTS))

    def reset(self) -> None:
        """Forget all tables."""
        self._rows = np.zeros(_MOST_EVENTS, _EVENT)
        self._sequences = np.zeros(_MOST_SEQUENCES, _SEQUENCE)
        self._run_set = (0, 1, 1_000_000)
        self._block = np.zeros(0, _EVENT), np.zeros(1, np.int64)
        self._counts = np.zeros(0, "<u2")

    def low(self) -> None:
        """Between blocks all tones are off, and all lines low; there is nothing to do."""

    def answer(self, kind: int, payload: bytes) -> bytes:
        """Execute a setting or a question."""
        if kind == CAPABILITIES:
            return _CAPABILITIES
        if kind == SET_RUN:
            n_sequences, n_shots, period = _RUN.unpack(payload)
            if not 1 <= n_sequences <= _MOST_SEQUENCES or n_shots < 1 or period < 1:
                raise Problem(E_RANGE, "sequences, shots or period")
            self._run_set = (n_sequences, n_shots, period)
            return payload
        if len(payload) < _RANGE.size:
            raise Problem(E_PAYLOAD, f"{len(payload)} bytes")
        first, count, zero = _RANGE.unpack_from(payload)
        if zero:
            raise Problem(E_PAYLOAD, "reserved is not 0")
        if kind == READ_COUNTS:
            if first + count > len(self._counts):
                raise Problem(E_RANGE, f"counts 0 to {len(self._counts)}")
            return payload + self._counts[first : first + count].tobytes()
        table, row = (self._rows, _EVENT) if kind == WRITE_EVENTS else (self._sequences, _SEQUENCE)
        rows = payload[_RANGE.size :]
        if len(rows) != count * row.itemsize:
            raise Problem(E_PAYLOAD, f"{len(rows)} bytes for {count} rows")
        if first + count > len(table):
            raise Problem(E_RANGE, f"rows 0 to {len(table)}")
        table[first : first + count] = np.frombuffer(rows, row)
        if kind == WRITE_EVENTS:
            self.plant.tell_count(waveforms=count, waveform_bytes=len(rows))
        return _RANGE.pack(first, count, 0)

    def ready(self) -> int:
        """Look through the events of all sequences."""
        n_sequences, n_shots, period = self._run_set
        sequences = self._sequences[:n_sequences]
        counts = sequences["count"].astype(np.int64)
        firsts = sequences["first"].astype(np.int64)
        if (firsts + counts > _MOST_EVENTS).any():
            raise Problem(E_RANGE, "a sequence goes beyond the events")
        bounds = np.concatenate([[0], np.cumsum(counts)])
        index = np.repeat(firsts - bounds[:-1], counts) + np.arange(int(bounds[-1]))
        rows = self._rows[index]
        self._check(rows, np.repeat(np.arange(n_sequences), counts), period)
        n_counts = int(((rows["operation"] == GATE) & (rows["value"] == 0)).sum())
        if n_counts * n_shots > _MOST_COUNTS:
            raise Problem(E_RANGE, f"{n_counts * n_shots} counts")
        self._block = rows, bounds
        return n_shots

    @staticmethod
    def _check(rows: NDArray[Any], owner: NDArray[np.int64], period: int) -> None:
        """Refuse events that can't be played: of no such channel, out of order, too close, after the end."""
        operation = rows["operation"]
        known = np.zeros(len(rows), bool)
        for kind, most in _CHANNELS.items():
            known |= (operation == kind) & (rows["channel"] >= 1) & (rows["channel"] <= most)
        known &= (operation == TONE) | (rows["value"] <= 1)
        known &= (rows["tone"] < np.where(operation == TONE, _N_TONES, 1)) & (rows["zero"] == 0)
        if not known.all():
            raise Problem(E_RANGE, f"event {int(np.argmin(known))} is for nothing that is here")
        ticks = rows["tick"].astype(np.int64)
        same = owner[1:] == owner[:-1]
        if (same & (np.diff(ticks) < 0)).any():
            raise Problem(E_RANGE, "events are not in order of time")
        if (ticks >= period).any():
            raise Problem(E_RANGE, "an event comes after the period")
        line = (
            (owner << 24) | (operation.astype(np.int64) << 16) | (rows["channel"].astype(np.int64) << 8) | rows["tone"]
        )
        order = np.lexsort((ticks, line))
        close = (np.diff(line[order]) == 0) & (np.diff(ticks[order]) < _GAP)
        if close.any():
            raise Problem(E_RANGE, f"events of one channel less than {_GAP} ticks apart")
        _check_sums(rows[operation == TONE], owner[operation == TONE])

    async def play(self) -> int:
        """Play all sequences in each shot."""
        rows, bounds = self._block
        _, n_shots, period = self._run_set
        fired, counts = await self.plant.events(rows, bounds, n_shots, period / _TICK_HZ)
        self._counts = np.minimum(counts, 65_535).astype("<u2").ravel()
        return fired


def _check_sums(tones: NDArray[Any], owner: NDArray[np.int64]) -> None:
    """Refuse tones of one output that together are over its full scale, once all events of a tick are done."""
    sizes: dict[int, list[int]] = {}
    last, late = (-1, -1), set[int]()
    heads = zip(owner.tolist(), *(tones[name].tolist() for name in ("tick", "channel", "tone", "value")), strict=True)
    for sequence, tick, channel, tone, value in [*heads, (-1, -1, 0, 0, 0)]:
        if (sequence, tick) != last:
            if any(sum(sizes[number]) > _FULL for number in late):
                raise Problem(E_RANGE, "the tones of an output are over full scale")
            if sequence != last[0]:
                sizes.clear()
            last, late = (sequence, tick), set()
        sizes.setdefault(channel, [0] * _N_TONES)[tone] = value >> 48
        late.add(channel)
