"""What a timeline shows to people, made only when it is looked at: the name of each play, and its actions as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from qctl.compiler.rows import Rows
from qctl.compiler.tables import Tables, whole
from qctl.program.body import Body
from qctl.program.layout import NONE, Flag, immediate_s
from qctl.program.opcodes import Op
from qctl.program.timeline import Action
from qctl.units import to_ticks

__all__ = ["Actions", "Labels", "Lined", "Names"]


class Names:
    """What rows are called.

    Parameters
    ----------
    rows : Rows
        They themselves.
    tables : Tables
        The processor.
    body : Body
        The program, for its tables.
    """

    __slots__ = ("body", "rows", "tables")

    def __init__(self, rows: Rows, tables: Tables, body: Body) -> None:
        self.rows = rows
        self.tables = tables
        self.body = body

    def label(self, k: int) -> str:
        """Return the name of the play that row k makes."""
        rows, tables = self.rows, self.tables
        op, _, a, b, _ = rows.rows.item(k)
        if op == Op.PLAY:
            wave, _ = rows.waves[b]
            return (
                f"{wave.kind} pulse at instruction {rows.wheres[k]} on {tables.lines.lines[rows.frames[a]].port.name}"
            )
        if op == Op.CAPTURE:
            return f"capture into {self.body.captures[rows.captures[b][0]].slot!r}"
        q = rows.places[a]
        if op == Op.CZ:
            return f"cz on {tables.pair_names[tables.couplers[q, rows.places[b]]]}"
        return f"{'sx on' if op == Op.SX else 'readout of'} {tables.names[q]}"

    def line(self, k: int) -> int:
        """Return the line that row k plays or records on, or turns; -1 for none."""
        row, tables = self.rows.rows[k], self.tables
        op = int(row["op"])
        if op >= Op.PLAY:
            return int(self.rows.frames[int(row["a"])])
        if op not in (Op.SX, Op.RZ, Op.CZ, Op.MEASURE):
            return -1
        q = int(self.rows.places[int(row["a"])])
        if op == Op.CZ:
            return int(tables.pairs[tables.couplers[q, int(self.rows.places[int(row["b"])])], 1])
        return int(tables.qubits[q, 3 if op == Op.MEASURE else 2])


class Labels(Sequence[str]):
    """Names of plays.

    Parameters
    ----------
    names : Names
        Of the rows.
    rows : (n_plays,) int
        Row of each play in its sequence.
    first : int
        Row that the sequence begins with.
    """

    __slots__ = ("first", "names", "rows")

    def __init__(self, names: Names, rows: NDArray[np.signedinteger], first: int = 0) -> None:
        self.names = names
        self.rows = rows
        self.first = first

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, k: int) -> str: ...
    @overload
    def __getitem__(self, k: slice) -> Sequence[str]: ...
    def __getitem__(self, k: int | slice) -> str | Sequence[str]:
        if isinstance(k, slice):
            return Labels(self.names, self.rows[k], self.first)
        return self.names.label(self.first + int(self.rows[k]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]


class Lined(Sequence[tuple[int, Sequence[str]]]):
    """Names of the plays of many sequences, made when one is asked for: as `Straights.labels` wants them.

    Parameters
    ----------
    names : Names
        Of the rows of all sequences.
    rows : (n_plays,) int
        Row of each play in its sequence.
    bounds, row_bounds : (n_sequences + 1,) int64
        Where each sequence's plays and rows begin.
    """

    def __init__(
        self, names: Names, rows: NDArray[np.signedinteger], bounds: NDArray[np.int64], row_bounds: NDArray[np.int64]
    ) -> None:
        self.names = names
        self.rows = rows
        self.bounds = bounds
        self.row_bounds = row_bounds

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __getitem__(self, k: Any) -> Any:
        rows = self.rows[self.bounds[k] : self.bounds[k + 1]]
        return k, Labels(self.names, rows, int(self.row_bounds[k]))


class Actions(Sequence[Action]):
    """A straight line as a program at pulse level.

    Parameters
    ----------
    names : Names
        Of the rows.
    rows : (n_items,) int
        Row of each item in its sequence, in order.
    first : int
        Row that the sequence begins with.
    times : function
        Returns the start of each at point 0, without the delays of lines, and what is added to all of them:
        (n_items, 2) and (2,) int64, whole numbers of 128 bits.
    units : int
        Units of time in a second.
    """

    def __init__(
        self, names: Names, rows: NDArray[np.signedinteger], first: int,
        times: Callable[[], tuple[NDArray[np.int64], NDArray[np.int64]]], units: int,
    ) -> None:  # fmt: skip
        self.names = names
        self.rows = rows
        self.first = first
        self.times = times
        self.units = units
        self._made: list[Action] | None = None

    def _all(self) -> list[Action]:
        if self._made is None:
            starts, shift = self.times()
            late = whole(shift[None])[0]
            rows = self.names.rows
            events = {row: event for event, row in rows.events.items()} if rows.conditions else {}
            self._made = [
                action
                if not events
                else action._replace(
                    when=rows.conditions.get(k), event=events.get(k, -1) if action.op is Op.CAPTURE else -1
                )
                for k, start in zip((self.first + self.rows).tolist(), whole(starts), strict=True)
                for action in self._of(k, Fraction(start + late, self.units))
            ]
        return self._made

    def __len__(self) -> int:
        return len(self._all())

    def __getitem__(self, k: Any) -> Any:
        return self._all()[k]

    def _of(self, k: int, start: Fraction) -> Iterator[Action]:
        names, tables = self.names, self.names.tables
        row = names.rows.rows[k]
        op = Op(int(row["op"]))
        line = names.line(k)
        if line < 0:
            return

        def tick(line: int, late: Fraction = Fraction(0)) -> int:
            wired = tables.lines.lines[line]
            return to_ticks(start + late + wired.delay_s, wired.rate_hz).ticks

        port = tables.lines.lines[line].port.name
        if op is Op.PLAY:
            wave, _ = names.rows.waves[int(row["b"])]
            yield Action(op, port, tick(line), names.rows.symbols[int(row["c"])], wave)
            return
        if op is Op.CAPTURE:
            number, length = names.rows.captures[int(row["b"])]
            length_s = _length_s(names, length)
            yield Action(op, port, tick(line), slot=names.body.captures[number].slot, length_s=length_s)
            return
        if op >= Op.SHIFT_PHASE or op is Op.RZ:
            value = immediate_s(row) if int(row["flags"]) & Flag.IMM else names.rows.symbols[int(row["b"])]
            yield (
                Action(Op.SHIFT_PHASE, port, tick(line), -value) if op is Op.RZ else Action(op, port, tick(line), value)
            )
            return
        q = int(names.rows.places[int(row["a"])])
        if op is Op.CZ:
            pair = int(tables.couplers[q, int(names.rows.places[int(row["b"])])])
            yield Action(
                Op.PLAY, port, tick(line), float(tables.pair_values[pair, 0]), tables.waveforms[tables.pairs[pair, 2]]
            )
            for end in (q, int(names.rows.places[int(row["b"])])):
                angle = float(tables.pair_values[pair, 1 if end == tables.pairs[pair, 3] else 2])
                if angle:
                    drive = int(tables.qubits[end, 2])
                    yield Action(Op.SHIFT_PHASE, tables.lines.lines[drive].port.name, tick(drive), -angle)
            return
        which = 0 if op is Op.SX else 1
        wave = tables.waveforms[tables.qubits[q, 7 + which]]
        yield Action(Op.PLAY, port, tick(line), float(tables.volts[q, which]), wave)
        if op is Op.MEASURE:
            readout = tables.qubit(q).readout
            late = tables.lengths_s[tables.qubits[q, 6]]
            bit = int(row["b"])
            slot = names.body.bits[bit] if bit != NONE else f"{tables.names[q]}.reset"
            yield Action(Op.CAPTURE, port, tick(line, late), slot=slot, length_s=readout.length_s)


def _length_s(names: Names, index: int) -> float:
    known = names.tables.lengths_s
    found = known[index] if index < len(known) else names.rows.lengths[index - len(known)]
    assert isinstance(found, Fraction)  # a capture's length is not swept
    return float(found)
