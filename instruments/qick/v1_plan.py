"""What a tProcessor v1 does for the events of a shot: which registers it loads, from where, and when it gets there.

It has no wave memory: a `set` sends five registers to a channel at the time that a sixth one has. Each channel has a
page of registers of its own, of which is written what is another value than before. What has one value in the whole
program is written once. Where all points are the same events with other values, they are a loop: what differs from
point to point is read from data memory, where it lies page by page in the order in which it is needed. Numbers over an
immediate's 31 bits are read from there, too, as far as there is room, and put together from two parts otherwise.

Source: qick (``firmware/ip/axis_tproc64x32_x8_v1/src``: ``ctrl.sv`` has the cycles of each instruction,
``tproc64x32_x8.v`` the 16 places of a channel's queue, of which 15 are filled).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qctl.errors import TimingError

__all__ = ["DATA_ADDRESS", "N_WORDS", "TIME", "Events", "Plan", "Registers", "plan_of", "signed", "writes"]

N_WORDS = 5
"""Words that a channel takes at once."""
TIME = 5
"""Column of the time behind them."""
DATA_ADDRESS = 2
"""Where the table begins in data memory: address 1 has the number of shots, as a board's server reads it (qick)."""
_QUEUE = 15
_MARGIN = 96
"""Cycles that an event's instruction is ahead of it at least; what ends a point and a shot takes up to 60 of them."""
_IN_TIME = 16
"""Cycles from the end of an instruction to the first time that its event can have."""
_SET, _READ = (1, 4), (2, 9)
"""Instructions and cycles: of an event; of a word from data memory, whose pointer moves on."""
_NEAR = 2**30


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """The events of one shot, each point's in order of time.

    Attributes
    ----------
    point, channel : (n_events,) int64
    short : (n_events,) bool
        Whether only the first word is sent, by an instruction that has the time in itself.
    values : (n_events, 6) int64
        Words and time, as signed numbers of 32 bits.
    unsure : (n_events,) bool
        Whether it may be left out, as what was measured decides it.
    """

    point: NDArray[np.int64]
    channel: NDArray[np.int64]
    short: NDArray[np.bool_]
    values: NDArray[np.int64]
    unsure: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Registers:
    """Which registers are written, and when.

    Attributes
    ----------
    channel, short : (n,) array
        Of each event that the program names.
    values : (n_turns, n, 6) int64
        Its words and time at each turn of the loop over points; one turn where points stand one after the other.
    used, loaded, read : (n, 6) bool
        Whether a register is needed that isn't zero, is written before the event, and is read from data memory.
    once : list of (channel, column, value)
        Registers that are written at the beginning.
    """

    channel: NDArray[np.int64]
    short: NDArray[np.bool_]
    values: NDArray[np.int64]
    used: NDArray[np.bool_]
    loaded: NDArray[np.bool_]
    read: NDArray[np.bool_]
    once: list[tuple[int, int, int]]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """How the events are played.

    Attributes
    ----------
    registers : Registers
    ends : tuple of int
        Events after which a point ends.
    data : (n_data,) int32
        Data memory from `DATA_ADDRESS` on.
    begins : dict of int to int
        Page to where its part for the loop begins.
    held : dict of int to int
        Number to where it lies.
    head : int
        Ticks that the processor begins a point ahead of it.
    n_instructions : int
        Without what is around the points, but with what is written at the beginning.
    cycles : (n,) int64
        Of each event, with its registers.
    """

    registers: Registers
    ends: tuple[int, ...]
    data: NDArray[np.int32]
    begins: dict[int, int]
    held: dict[int, int]
    head: int
    n_instructions: int
    cycles: NDArray[np.int64]

    @property
    def n_turns(self) -> int:
        """Turns of the loop over points; 1 where they stand one after the other."""
        return len(self.registers.values)


def signed(words: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return words of 32 bits as signed numbers."""
    return (words + 2**31) % 2**32 - 2**31


def writes(value: int) -> int:
    """Return how many instructions write a number to a register: immediates have 31 bits."""
    return 1 if -_NEAR <= value < _NEAR else 2 + (value % 4 != 0)


def plan_of(events: Events, n_points: int, n_data: int, name: str) -> Plan:
    """Return how the events of a shot are played: as a loop over points where they are alike and data memory has room.

    Raises
    ------
    TimingError
        If an event can't be reached in time, however far ahead the processor begins.
    """
    bounds = np.searchsorted(events.point, np.arange(n_points + 1))
    size = int(bounds[1]) if n_points else 0
    if n_points > 1 and size and np.all(np.diff(bounds) == size) and not events.unsure.any():
        channel = events.channel.reshape(n_points, size)
        short = events.short.reshape(n_points, size)
        if np.all(channel == channel[0]) and np.all(short == short[0]):
            values = events.values.reshape(n_points, size, 6)
            looped = _registers(channel[0], short[0], values, events.unsure[:size])
            if n_points * int(looped.read.sum()) <= n_data - DATA_ADDRESS:
                with suppress(TimingError):  # without the loop, registers are written faster
                    return _plan(looped, (size,), n_data, name)
    found = _registers(events.channel, events.short, events.values[None], events.unsure)
    return _plan(found, tuple(bounds[1:].tolist()), n_data, name)


def _registers(
    channel: NDArray[np.int64], short: NDArray[np.bool_], values: NDArray[np.int64], unsure: NDArray[np.bool_]
) -> Registers:
    varies = np.any(values != values[:1], axis=0)
    short = short & ~varies[:, TIME]
    used = np.any(values != 0, axis=0)
    used[short, TIME] = False
    loaded, once = np.zeros_like(used), []
    for own in np.unique(channel).tolist():
        for column in range(TIME + 1):
            k = np.flatnonzero(used[:, column] & (channel == own))
            changes = np.any(values[:, k[1:], column] != values[:, k[:-1], column], axis=0)
            if changes.any():  # what an event that may be left out has written is written again
                changes |= unsure[k[1:]] | unsure[k[:-1]]
            if len(k) and not changes.any() and not varies[k[0], column]:
                once.append((own, column, int(values[0, k[0], column])))
            elif len(k):
                loaded[k, column] = np.concatenate([[True], changes])
    return Registers(channel, short, values, used, loaded, loaded & varies, once)


def _plan(found: Registers, ends: tuple[int, ...], n_data: int, name: str) -> Plan:
    channel, values, read = found.channel, found.values, found.read
    begins: dict[int, int] = {}
    parts = [np.zeros(0, np.int64)]
    at = DATA_ADDRESS
    for own in np.unique(channel[read.any(1)]).tolist():
        k, column = np.nonzero(read & (channel == own)[:, None])
        begins[own] = at
        parts.append(values[:, k, column].reshape(-1))
        at += len(parts[-1])
    first = values[0]
    far = found.loaded & ~read & ((first < -_NEAR) | (first >= _NEAR))
    numbers = np.unique(first[far])[: n_data - at]
    parts.append(numbers)
    held = {number: at + k for k, number in enumerate(numbers.tolist())}
    far &= ~np.isin(first, numbers)
    odd = (first % 4 != 0).astype(np.int64)
    near = np.where(np.isin(first, numbers), 4, 2)
    written = (found.loaded & ~read).astype(np.int64)
    n = _SET[0] + (read * _READ[0] + written * np.where(far, 2 + odd, 1)).sum(1)
    cycles = _SET[1] + (read * _READ[1] + written * np.where(far, 7 + 5 * odd, near)).sum(1)
    return Plan(
        found, ends, np.concatenate(parts).astype(np.int32), begins, held,
        _head(channel, values[:, :, TIME], cycles, ends, name),
        int(n.sum()) + sum(writes(value) for *_, value in found.once), cycles,
    )  # fmt: skip


def _head(
    channel: NDArray[np.int64], due: NDArray[np.int64], cycles: NDArray[np.int64], ends: tuple[int, ...], name: str
) -> int:
    """Return the ticks that the processor begins a point ahead of it, so that no event is late.

    It waits where a channel's queue is full, so that it is never further ahead than that.
    """
    behind = 0
    for p, (begin, end) in enumerate(zip((0, *ends[:-1]), ends, strict=True)):
        part, done = due[:, begin:end], np.cumsum(cycles[begin:end])
        behind = max(behind, int((done - part).max(initial=0)))
        room = np.full(part.shape, np.iinfo(np.int64).min // 2)
        for own in np.unique(channel[begin:end]):
            k = np.flatnonzero(channel[begin:end] == own)
            room[:, k[_QUEUE:]] = part[:, k[:-_QUEUE]]
        got = done + np.maximum.accumulate(room - done, axis=1)
        turn, late = np.nonzero(got + _IN_TIME > part)
        if len(late):
            n = int(late.argmin())
            raise TimingError(
                f"event {late[n]} of point {p + turn[n]} on {name} is due at {part[turn[n], late[n]]} ticks, and the "
                f"tProcessor v1 gets there at {got[turn[n], late[n]] + _IN_TIME}, as it is at most {_QUEUE} events of "
                "a channel ahead: leave more time before it"
            )
    return behind + _MARGIN
