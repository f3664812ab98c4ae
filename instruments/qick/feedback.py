"""Plays by measured bits on a QICK board: its tProcessor reads sums, keeps bits, and jumps over what is left out.

A readout that decides is turned by the phase of its own pulse, so that I alone tells states apart. Its sums are read
once they are there, after all that is due before anything may depend on them has been handed on.

Source: qick 0.2.436 (``asm_v2.py``: ReadInput, CondJump, registers s8 and s9). How long sums take to the processor's
input is written nowhere: unverified.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.cext import tproc
from qctl.errors import CompileError, TimingError
from qctl.instruments.rows import Rows, conditions_of
from qctl.program.conditions import Condition
from qctl.program.timeline import Straight

__all__ = ["FEEDBACK_NS", "Event", "Pattern", "Read", "Steering", "late_event"]

FEEDBACK_NS = 800
"""From the end of a window to what it may decide: the sums' way, and the instructions that read, test and jump."""
_READ_S = 150e-9
"""From the end of a window until its sums are read; a guess."""
_MOST_BITS = 20
_NEAR = 4_194_304
_AHEAD_OF_WAIT = 12
"""Instructions' time that is left between what is handed on before a read, and when that is due."""


class Event(NamedTuple):
    """An event of a point: tick, kind, port, value, and the play that it belongs to, or -1."""

    tick: int
    kind: int
    port: int
    value: int
    play: int

    def text(self, since: int) -> str:
        """Return its instruction, as `tproc.emit` writes it."""
        at = f"@{self.tick - since}"
        if self.kind == tproc.WAVE:
            return f"WPORT_WR p{self.port} wmem [&{self.value}] {at}\n"
        if self.kind == tproc.PORT:
            return f"DPORT_WR p{self.port} imm {self.value} {at}\n"
        return f"TRIG p{self.port} {'set' if self.kind == tproc.SET else 'clr'} {at}\n"


class Read(NamedTuple):
    """A read of sums: when, the tick before which all else goes first, the input's port, its bit, and the threshold."""

    tick: int
    first: int
    port: int
    bit: int
    threshold: int


@dataclass(slots=True)
class Steering:
    """The conditions of a batch, and what decides them.

    Attributes
    ----------
    rows : Rows
        All points.
    conditions : list of sequence of Condition or None
        Of each play of each point; empty where none has any.
    """

    rows: Rows
    conditions: list[Sequence[Condition | None]]
    name: str
    timing_hz: float
    _bits: list[dict[int, int]] = field(default_factory=list)
    _reads: dict[int, list[Read]] = field(default_factory=dict)

    @classmethod
    def of(cls, straights: Sequence[Straight], rows: Rows, name: str, timing_hz: float) -> Steering:
        """Return those of a batch for one board."""
        made = cls(rows, conditions_of(straights), name, timing_hz)
        for whens in made.conditions:
            columns = sorted({c for when in whens if when is not None for c in when.captures})
            if len(columns) > _MOST_BITS:
                raise CompileError(f"{len(columns)} results decide in one shot on {name}; it keeps {_MOST_BITS} bits")
            made._bits.append({column: k for k, column in enumerate(columns)})
        return made

    def __bool__(self) -> bool:
        return any(self._bits)

    def angle(self, ports: Iterable[int]) -> float:
        """Return by how much the results of ports are turned: those of which any decides."""
        for p, bits in enumerate(self._bits):
            for row in self.rows.captures[int(self.rows.capture_bounds[p]) :][list(bits)] if bits else ():
                if int(row["port"]) in ports:
                    return self.rows.specs[int(row["capture"])].angle_rad
        return 0.0

    def take(
        self, index: Sequence[int], ticks: Mapping[int, int], lasts: float, port: int | None, counts_per_v: float
    ) -> None:
        """Note when sums are read: of the captures on some ports, by row, which start at `ticks`.

        Raises
        ------
        CompileError
            If the processor has no input for them.
        """
        for p, bits in enumerate(self._bits):
            first = int(self.rows.capture_bounds[p])
            for column, bit in bits.items():
                row = self.rows.captures[first + column]
                if int(row["port"]) not in index:
                    continue
                spec = self.rows.specs[int(row["capture"])]
                if port is None:
                    raise CompileError(
                        f"plays depend on the capture into {spec.slot!r}, whose readout has no input of the tProcessor "
                        f"of {self.name}: soccfg says no tproc_ch of it"
                    )
                end = ticks[first + column] + lasts
                late = ceil(end + FEEDBACK_NS * 1e-9 * self.timing_hz) - 1
                at = ceil(end + _READ_S * self.timing_hz)
                self._reads.setdefault(p, []).append(Read(at, late, port, bit, round(spec.threshold * counts_per_v)))

    def when(self, p: int, play: int) -> Condition | None:
        """Return the condition of a play of a point; a point where all plays always happen has none."""
        own = self.conditions[p] if self.conditions else ()
        return own[play - int(self.rows.bounds[p])] if play >= 0 and own else None

    def bits(self, p: int) -> Mapping[int, int]:
        """Return the bit in which each capture of a point that decides is kept, by column."""
        return self._bits[p]

    def steps(self, p: int, events: Iterable[Event]) -> Iterator[Read | tuple[list[Event], Condition | None]]:
        """Yield what is done in a point, in order: reads of sums, and events under one condition or none."""
        items = [(one.tick, 1, one) for one in events]
        items += [(one.first, 0, one) for one in self._reads.get(p, ())]  # type: ignore[misc]
        items.sort(key=lambda item: item[:2])
        group: list[Event] = []
        when: Condition | None = None
        for *_, one in items:
            own = None if isinstance(one, Read) else self.when(p, one.play)
            if group and (isinstance(one, Read) or own != when):
                yield group, when
                group = []
            if isinstance(one, Read):
                yield one
            else:
                group, when = [*group, one], own
        if group:
            yield group, when

    # --- text ---------------------------------------------------------------------------------------

    def text(
        self, events: NDArray[np.int64], bounds: NDArray[np.int64], period: int, head: int, pace: float
    ) -> tuple[str, int]:
        """Return the assembly of all points, without what is around them, and its instructions.

        Parameters
        ----------
        events : (n, 5) int64
            Tick, kind, port, value, and play or -1; each point's in order of time.
        head : int
            Ticks that the processor is ahead of a point.

        Raises
        ------
        TimingError
            If the processor would be late with an event.
        """
        made = _Text(self.name, pace, self.timing_hz)
        for p in range(len(bounds) - 1):
            made.begin(p, -head)
            if self._reads.get(p):
                made.line("REG_WR r4 imm #0")
            for step in self.steps(p, [Event(*row) for row in events[int(bounds[p]) : int(bounds[p + 1])].tolist()]):
                if isinstance(step, Read):
                    made.read(step)
                else:
                    made.play(*step, self._bits[p])
            made.end(period, head)
        return "".join(made.parts), made.n_instructions


class Pattern(NamedTuple):
    """Which bits decide, their values that are looked for, and whether those are the ones that are played."""

    mask: int
    values: list[int]
    plays: bool

    @classmethod
    def of(cls, when: Condition, bits: Mapping[int, int]) -> Pattern:
        """Return that of a condition, by the fewest values."""
        n = 1 << len(when.captures)
        true = [k for k in range(n) if when.table >> k & 1]
        few = len(true) <= n // 2
        chosen = true if few else [k for k in range(n) if k not in true]
        values = [sum((k >> j & 1) << bits[c] for j, c in enumerate(when.captures)) for k in chosen]
        return cls(sum(1 << bits[c] for c in when.captures), values, few)


def late_event(name: str, tick: int, now: float, timing_hz: float, point: int) -> TimingError:
    """Return the error of an event that a processor gets to after it is due."""
    return TimingError(
        f"{name} gets to an event at {tick / timing_hz * 1e9:.4g} ns of point {point} "
        f"{(now - tick) / timing_hz * 1e9:.4g} ns late: leave more time behind the measurement that decides, or depend "
        "on fewer bits"
    )


class _Text:
    """The text so far, and when the processor gets there."""

    def __init__(self, name: str, pace: float, timing_hz: float) -> None:
        self.name, self.pace, self.timing_hz = name, pace, timing_hz
        self.parts: list[str] = []
        self.n_instructions = self.n_labels = self.point = 0
        self.now = 0.0

    def begin(self, point: int, now: float) -> None:
        self.point, self.now = point, now

    def line(self, text: str, n: int = 1, cost: int = 1) -> None:
        """Add an instruction."""
        self.parts.append(text + "\n")
        self.n_instructions += n
        self.now += cost * self.pace

    def jump(self, condition: str) -> None:
        self.line(f"JUMP [s15]{condition}", 1, 1 + tproc.JUMP_COST)

    def to(self, label: str) -> None:
        self.line(f"REG_WR s15 label {label}")

    def label(self, letter: str) -> str:
        self.n_labels += 1
        return f"{letter}{self.n_labels}"

    def here(self, label: str) -> None:
        self.parts.append(f"{label}:\n")

    def wait(self, tick: int) -> None:
        if tick >= _NEAR:
            raise TimingError(f"{self.name}: a result is read {tick} ticks into a point, over {_NEAR}")
        self.parts.append(f"REG_WR s15 label SKIP\nWAIT [s15] @{tick} time\n")
        self.n_instructions += 3
        self.now = max(self.now + 3 * self.pace, tick)

    def read(self, one: Read) -> None:
        """Wait for sums, and keep whether I is at the threshold or above it."""
        self.wait(one.tick)
        self.line(f"DPORT_RD p{one.port}")
        self.line(f"REG_WR r6 imm #{one.threshold}")
        below = self.label("B")
        self.to(below)
        self.line("TEST -op(s8 - r6)")
        self.jump(" -if(S)")
        self.line(f"REG_WR r4 op -op(r4 + #{1 << one.bit})")
        self.here(below)

    def play(self, group: Sequence[Event], when: Condition | None, bits: Mapping[int, int]) -> None:
        """Hand events on, or jump over them."""
        over = "" if when is None else self.label("O")
        if when is not None:
            self._tests(when, bits, over)
        for one in group:
            self.line(one.text(0)[:-1])
            if self.now > one.tick:
                raise late_event(self.name, one.tick, self.now, self.timing_hz, self.point)
        if over:
            self.here(over)

    def _tests(self, when: Condition, bits: Mapping[int, int], over: str) -> None:
        mask, values, plays = Pattern.of(when, bits)
        if len(when.captures) == 1:
            self.to(over)
            self.line(f"TEST -op(r4 AND #{mask})")
            self.jump(" -if(Z)" if values == [mask] else " -if(NZ)")
            return
        self.line(f"REG_WR r5 op -op(r4 AND #{mask})")
        there = self.label("P") if plays else over
        self.to(there)
        for value in values:
            self.line(f"TEST -op(r5 - #{value})")
            self.jump(" -if(Z)")
        if plays:
            self.to(over)
            self.jump("")
            self.here(there)

    def end(self, period: int, head: int) -> None:
        """Wait until the next point is near, and count from that."""
        resume, since = period - head, 0
        if resume > _NEAR:
            self.line(f"TIME #{resume} inc_ref")
            since = resume
        self.wait(resume - since)
        self.line(f"TIME #{period - since} inc_ref")
