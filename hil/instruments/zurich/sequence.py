"""What a sequencer does when it executes a program: rows in order of time, loops unrolled in arrays.

Source: LabOne user manuals, AWG tab and SeqC reference: what plays follows what played before without a gap;
``startQA`` and ``resetOscPhase`` take effect where the play that was issued last begins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError
from qctl.hil.instruments.zurich.seqc import BY_HUB, FEEDBACK, Call, Count, Counted, Repeat, Script

__all__ = ["ENTRY", "HUB", "LOOK", "MOST_ROWS", "RESET", "ROW", "START", "TRIGGER", "WAVE", "executed"]

ROW = np.dtype(
    [
        ("time", "<i8"), ("length", "<i8"), ("operation", "<i4"), ("a", "<i4"), ("b", "<i4"), ("read", "<i8"),
        ("counted", "<i4"),
    ]
)  # fmt: skip
"""One thing that is done: its time in samples, how long it plays, and what: an entry, a waveform, generators and
integrators, whose bits go to the register `read` of a PQSC. Of an entry that is chosen by results (LOOK), `a` is the
first one, `b` has shift and bits (`b >> 8 & 255` and `b & 255`) and HUB where a PQSC's message is meant, and `read` is
the cycle since the trigger in which it looks, from the register on where it is `counted`."""
ENTRY, WAVE, START, RESET, TRIGGER, LOOK = range(6)
HUB = 1 << 16
MOST_ROWS = 8_000_000
"""Rows of one sequencer that are held."""
_QUIET = frozenset(("setTrigger", "wait", "waitWave"))


class _Rows:
    """Rows of a body so far, its length in samples, and where the play that was issued last begins."""

    def __init__(self) -> None:
        self.parts: list[NDArray] = []
        self.single: list[tuple[int, ...]] = []
        self.end = 0
        self.last: int | None = None
        self.n_rows = 0
        self.count = 0
        self.looks: dict[int, tuple[int, int]] = {}

    def add(
        self, time: int, length: int, operation: int, a: int = 0, b: int = 0, read: int = 0, counted: int = 0
    ) -> None:
        self.single.append((time, length, operation, a, b, read, counted))
        self.n_rows += 1

    def play(self, length: int) -> int:
        """Note that something plays next, and return when."""
        self.last = self.end
        self.end += length
        return self.last

    def whole(self) -> NDArray:
        if self.single:
            self.parts.append(np.array(self.single, ROW))
            self.single = []
        if len(self.parts) != 1:
            self.parts = [np.concatenate(self.parts) if self.parts else np.empty(0, ROW)]
        return self.parts[0]

    def repeat(self, body: _Rows, times: int) -> None:
        """Add a body so many times."""
        rows = body.whole()
        self.n_rows += len(rows) * times
        if self.n_rows > MOST_ROWS:
            raise RequestError(f"over {MOST_ROWS} events; the emulator holds no more")
        self.whole()
        tiled = np.tile(rows, times)
        if len(rows):
            starts = self.end + body.end * np.arange(times, dtype=np.int64)
            tiled["time"] += np.repeat(starts, len(rows))
            counts = self.count + body.count * np.arange(times, dtype=np.int64)
            tiled["read"] += np.where(tiled["counted"] != 0, np.repeat(counts, len(rows)), 0)
        self.parts.append(tiled)
        if times and body.last is not None:
            self.last = self.end + body.end * (times - 1) + body.last
        self.end += body.end * times
        self.count += body.count * times
        self.looks = body.looks


def executed(
    script: Script, entry_samples: Mapping[int, int], wave_of: Callable[[tuple[str, ...]], int], generates: bool = True
) -> NDArray:
    """Return what a program does: (n,) ROW, times counted from its beginning as if no trigger had to be waited for.

    Parameters
    ----------
    script : Script
        The program.
    entry_samples : mapping of int to int
        How long each entry of the command table plays.
    wave_of : callable
        Index of the waveforms that a playWave names.
    generates : bool
        Whether startQA names generators in front of the integrators; that of a UHFQA doesn't.

    Raises
    ------
    RequestError
        If it does something that can't be done.
    """
    rows = _Rows()
    _run(script.body, rows, script, entry_samples, wave_of, generates)
    return rows.whole()


def _run(
    body: Sequence[Call | Repeat | Count],
    rows: _Rows,
    script: Script,
    entries: Mapping[int, int],
    wave_of: Callable[[tuple[str, ...]], int],
    generates: bool,
) -> None:
    for one in body:
        if isinstance(one, Repeat):
            inner = _Rows()
            inner.looks = dict(rows.looks)
            _run(one.body, inner, script, entries, wave_of, generates)
            rows.repeat(inner, one.times)
            continue
        if isinstance(one, Count):
            rows.count += one.by
            continue
        name = one.name
        numbers = [argument for argument in one.arguments if isinstance(argument, int)]
        if name == "playZero":
            rows.play(numbers[0])
        elif name == "configureFeedbackProcessing":
            source, shift, n_bits, offset = numbers
            rows.looks[source] = offset, shift << 8 | n_bits | HUB * (source == BY_HUB)
        elif name == "executeTableEntry" and one.arguments[0] in (FEEDBACK, BY_HUB):
            _look(one, rows, entries)
        elif name == "executeTableEntry":
            if numbers[0] not in entries:
                raise RequestError(f"line {one.line}: the command table has no entry {numbers[0]}")
            rows.add(rows.end, entries[numbers[0]], ENTRY, numbers[0])
            rows.play(entries[numbers[0]])
        elif name == "playWave":
            names = tuple(argument for argument in one.arguments if isinstance(argument, str))
            length = max((script.lengths[wave] for wave in names), default=0)
            rows.add(rows.end, length, WAVE, wave_of(names))
            rows.play(length)
        elif name == "startQA":
            generators, integrators = numbers[:2] if generates and len(numbers) > 1 else (0, numbers[0])
            register = numbers[3] if generates and len(numbers) > 3 else 0
            rows.add(_since(rows), 0, START, generators, integrators, register)
        elif name == "resetOscPhase":
            rows.add(_since(rows), 0, RESET)
        elif name in ("waitDigTrigger", "waitZSyncTrigger"):
            rows.add(rows.end, 0, TRIGGER)
            rows.last = None
        elif name not in _QUIET:
            raise RequestError(f"line {one.line}: {name} is not emulated")


def _look(one: Call, rows: _Rows, entries: Mapping[int, int]) -> None:
    """Add an entry that is chosen by results when it is played: all that it may be take the same time."""
    look = rows.looks.get(int(str(one.arguments[0])))
    if look is None or len(one.arguments) != 2:
        raise RequestError(f"line {one.line}: an entry by results says when, behind configureFeedbackProcessing")
    offset, how = look
    lengths = {entries.get(offset + k) for k in range(1 << (how & 255))}
    if len(lengths) != 1 or None in lengths:
        raise RequestError(f"line {one.line}: entries from {offset} on are missing, or of different lengths")
    (length,) = lengths
    assert length is not None
    when = one.arguments[1]
    counted = isinstance(when, Counted)
    read = when.more + rows.count if isinstance(when, Counted) else int(when)
    rows.add(rows.end, length, LOOK, offset, how, read, int(counted))
    rows.play(length)


def _since(rows: _Rows) -> int:
    return rows.end if rows.last is None else rows.last
