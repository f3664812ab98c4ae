"""Pulses of one line in order of time: none on top of another, none too close, none before its processor is ready."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qctl.errors import CompileError, TimingError
from qctl.instruments.capability import Capability, Channel, Gap

__all__ = ["Pulses", "check_order", "check_pace"]


@dataclass(frozen=True, slots=True, eq=False)
class Pulses:
    """Pulses, captures or edges of one kind of channel, as arrays.

    Attributes
    ----------
    channel : str
        Key of the table's `channels`.
    start, length : (n,) int64
        Ticks of the channel's clock.
    amplitude, frequency, phase : (n,) float64, optional
        In the units of the table.
    line : (n,) int64, optional
        Which channel or sequencer each is on; all on one if None. Those of one line may not overlap.
    number : (n,) int64, optional
        Number of the connector, from 1.
    op : (n,) int64, optional
        Index into `ops`; all of the first one if None.
    ops : tuple of str
        Names that the table's `gaps` and `instructions.cost` use.
    label : callable
        Name of pulse k in messages.
    """

    channel: str
    start: NDArray[np.int64]
    length: NDArray[np.int64]
    amplitude: NDArray[np.float64] | None = None
    frequency: NDArray[np.float64] | None = None
    phase: NDArray[np.float64] | None = None
    line: NDArray[np.int64] | None = None
    number: NDArray[np.int64] | None = None
    op: NDArray[np.int64] | None = None
    ops: tuple[str, ...] = ("play",)
    label: Callable[[int], str] = "pulse {}".format


def check_order(can: Capability, pulses: Pulses, channel: Channel) -> None:
    """Refuse pulses of one line that overlap, or follow each other too closely.

    Raises
    ------
    TimingError
        Naming both pulses, what there must be between them, and by how much the second is to be delayed.
    """
    n = len(pulses.start)
    if n < 2:
        return
    line = np.zeros(n, np.int64) if pulses.line is None else pulses.line
    order = np.lexsort((pulses.start, line))
    start, line = pulses.start[order], line[order]
    end = start + pulses.length[order]
    if not channel.overlaps:
        over = np.flatnonzero((line[1:] == line[:-1]) & (start[1:] < end[:-1]))
        if len(over):
            k = int(over[0])
            first, second = int(order[k]), int(order[k + 1])
            raise TimingError(
                f"{pulses.label(second)} starts at {start[k + 1]} {channel.start.unit}, while {pulses.label(first)} "
                f"plays on the same line of a {can.model} until {end[k]}: delay it by {end[k] - start[k + 1]}",
                model=can.model,
                needed=int(end[k]),
            )
    op = np.zeros(n, np.int64) if pulses.op is None else pulses.op[order]
    for name, gap in can.gaps.items():
        _check_gap(can, f"gaps.{name}.ticks", gap, pulses, order, start, end, line, op)


def _check_gap(
    can: Capability, path: str, gap: Gap, pulses: Pulses, order: NDArray[np.int64], start: NDArray[np.int64],
    end: NDArray[np.int64], line: NDArray[np.int64], op: NDArray[np.int64],
) -> None:  # fmt: skip
    """Refuse the first pulse that comes too soon after the last one of its line that the gap is about."""
    befores, afters = (_of(name, pulses.ops, op) for name in (gap.before, gap.after))
    if not (befores.any() and afters.any()):
        return
    index = np.where(befores, np.arange(len(op)), -1)
    last = np.concatenate([[-1], np.maximum.accumulate(index)[:-1]])
    mine = np.flatnonzero(afters & (last >= 0))
    mine = mine[line[mine] == line[last[mine]]]
    since = start if gap.since == "start" else end
    distance = start[mine] - since[last[mine]]
    bad = np.flatnonzero(distance < float(gap.ticks.low or 0))
    if len(bad):
        k = int(mine[bad[0]])
        before, after = pulses.label(int(order[last[k]])), pulses.label(int(order[k]))
        missing = gap.ticks.least - int(distance[bad[0]])
        raise TimingError(
            f"{after} comes {distance[bad[0]]} {gap.ticks.unit} after the {gap.since} of {before}; a {can.model} needs "
            f"{gap.ticks.low} {gap.ticks.unit} ({gap.ticks.source}): delay it by {missing} {gap.ticks.unit}",
            model=can.model,
            limit=path,
            needed=int(distance[bad[0]]),
        )


def _of(name: str, ops: tuple[str, ...], op: NDArray[np.int64]) -> NDArray[np.bool_]:
    if name == "any":
        return np.ones(len(op), bool)
    return op == ops.index(name) if name in ops else np.zeros(len(op), bool)


def check_pace(
    can: Capability, pulses: Pulses, ticks_per_cost: float, extra: NDArray[np.int64] | None = None,
    queue: tuple[int, NDArray[np.int64]] | None = None,
) -> None:  # fmt: skip
    """Refuse the first pulse that the sequencer's processor reaches too late.

    Parameters
    ----------
    can : Capability
        `instructions.cost` has what each of `pulses.ops` costs, `instructions.ahead` the head start.
    pulses : Pulses
        Of one sequencer, in order of time.
    ticks_per_cost : float
        Ticks of the channel's clock that one unit of cost takes.
    extra : (n,) int64, optional
        Cost of what stands before each pulse beside itself: settings, loops, arithmetic.
    queue : tuple of int and (n,) int64, optional
        Entries of the queue that the processor writes into, and those of each pulse: however much time there is, it
        is no further ahead than that, and as far before anything starts. Without it, `ahead` is what it begins with.

    Raises
    ------
    CompileError
        If the table has no costs.
    TimingError
        Naming the pulse, when it is due and when its processor gets there.
    """
    paid = can.instructions
    if paid is None or not paid.cost:
        raise CompileError(f"the table of a {can.model} does not say what instructions cost", model=can.model)
    costs = np.array([paid.cost.get(name, 1) for name in pulses.ops], np.int64)
    each = np.full(len(pulses.start), costs[0]) if pulses.op is None else costs[pulses.op]
    ahead = 0.0 if paid.ahead is None else float(paid.ahead.low or 0)
    cost = np.asarray((each + (0 if extra is None else extra)) * ticks_per_cost, np.float64)
    ready = np.cumsum(cost) - ahead * ticks_per_cost if queue is None else _queued(cost, pulses.start, *queue)
    late = np.flatnonzero(ready > pulses.start)
    if len(late):
        k = int(late[0])
        at = ready[k]
        unit = can.channels[pulses.channel].start.unit
        raise TimingError(
            f"{pulses.label(k)} is due at {pulses.start[k]} {unit}, and the sequencer of a "
            f"{can.model} gets there at {at:g} ({paid.source}): leave more time before it, or loop over equal pulses",
            model=can.model,
            needed=float(at),
        )


def _queued(
    cost: NDArray[np.float64], start: NDArray[np.int64], depth: int, entries: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return when each pulse is written, if what is so many entries before it must have left the queue.

    A full queue is written before anything starts. Then each is done when what is before it is done and its room is
    free, and its own cost is paid.
    """
    paid, written = np.cumsum(cost), np.cumsum(entries)
    gone = np.searchsorted(written, written - depth, side="right") - 1
    free = np.where(gone >= 0, start[gone], -np.inf)
    done: NDArray[np.float64] = paid + np.maximum.accumulate(free - (paid - cost))
    return done
