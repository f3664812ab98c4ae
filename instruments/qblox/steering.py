"""Plays by measured bits on a Qblox cluster: trigger addresses of results, conditions on them, resets of latches.

A readout sequencer sends a trigger to its address when a result is over its threshold; every sequencer counts triggers
by address, and plays under conditions over which counts are not 0. Counts last until they are reset, all at once.

Source: Qblox documentation, Feedback Trigger Handling (15 addresses, 212 ns on the way, one trigger each 252 ns on a
grid of 28 ns, operators of set_cond, inverted counts); ibid., Feedback (364 ns from input to output).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qctl.errors import CompileError
from qctl.instruments.qblox import capabilities as can
from qctl.instruments.qblox.operators import Operators, flagged, forms_of
from qctl.instruments.rows import Rows, conditions_of, deciding
from qctl.lab import Lab, Port
from qctl.program.conditions import Condition
from qctl.program.timeline import CaptureSpec, Shots, Straight
from qctl.units import rational_hz, to_ticks

__all__ = ["Steered", "Steering", "forms_of"]

_APART_NS = can.TRIGGER_NS + can.TRIGGER_GRID_NS
_LATCH_NS = 4
_SHORTEST_NS = 4
_NS = rational_hz(can.CLOCK_HZ)


@dataclass(frozen=True, slots=True, eq=False)
class Steered:
    """What a sequencer does that follows triggers.

    Attributes
    ----------
    events, bounds
        As they were, with resets of the latches between them.
    steers : (n_events, 2) int32
        As `q1asm.emit` takes them.
    inverted : tuple of int
        Addresses whose counts are inverted.
    """

    events: NDArray
    bounds: NDArray[np.int64]
    steers: NDArray[np.int32]
    inverted: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Result:
    """A capture whose result is sent: its address and when it ends, in ns of the point."""

    column: int
    address: int
    end: int
    noisy: bool


class Steering:
    """The conditions of a batch on a cluster; every module makes the same addresses of them.

    Parameters
    ----------
    straights : sequence of Straight
        All points.
    rows : Rows
        The same as flat tables.
    lab : Lab
        The wiring.
    shots : Shots
        Of the batch.
    period_ns : int
        Length of a point.
    """

    def __init__(self, straights: Sequence[Straight], rows: Rows, lab: Lab, shots: Shots, period_ns: int) -> None:
        self.rows = rows
        self.shots = shots
        self.period_ns = period_ns
        self.conditions = conditions_of(straights)
        ports = deciding(rows, self.conditions, "port")
        ordered = [rows.ports[name] for name in lab.ports if rows.ports.get(name) in ports]
        table = can.TABLES["qblox-qrm"]
        most = int(table.conditions.addresses.high or 0) if table.conditions and table.conditions.addresses else 0
        if len(ordered) > most:
            raise CompileError(
                f"{len(ordered)} ports measure what plays depend on; the trigger network has {most} addresses"
            )
        self.address = {port: k + 1 for k, port in enumerate(ordered)}
        self.zeros = self._sent_on_zero()

    def _addresses(self, p: int, when: Condition) -> dict[int, int]:
        """Return the address of each capture of a condition."""
        first = int(self.rows.capture_bounds[p])
        return {c: self.address[int(self.rows.captures["port"][first + c])] for c in when.captures}

    def _sent_on_zero(self) -> frozenset[int]:
        """Return the addresses that a result of 0 is sent to, so that no trigger says that all results were 1.

        Raises
        ------
        CompileError
            If results of one qubit decide together, and not by whether all of them were the same.
        """
        wanted: dict[int, int] = {}
        for p, conditions in enumerate(self.conditions):
            for when in {when for when in conditions if when is not None}:
                address = self._addresses(p, when)
                several = {a for a in address.values() if list(address.values()).count(a) > 1}
                for a in several:
                    ways = (flagged(when, address, zeros, {a}) for zeros in ((), (a,)))
                    fitting = [zero for zero, way in enumerate(ways) if way is not None]
                    if not fitting or wanted.setdefault(a, fitting[0]) not in fitting:
                        raise CompileError(
                            "a pulse depends on several results of one qubit in a way that the trigger network can't "
                            "tell: it counts them together, and knows whether all were 1, or all were 0, one of the "
                            "two for a qubit"
                        )
        return frozenset(a for a, zero in wanted.items() if zero)

    def __bool__(self) -> bool:
        return bool(self.address)

    def decider(self, index: int) -> tuple[int, CaptureSpec] | None:
        """Return the address of a port's results, and what tells its states apart; None if nothing depends on it."""
        if index not in self.address:
            return None
        kinds = np.unique(self.rows.captures["capture"][self.rows.captures["port"] == index]).tolist()
        specs = [self.rows.specs[kind] for kind in kinds]
        keys = {
            (s.length_s, None if s.weights is None else s.weights.tobytes(), s.angle_rad, s.threshold) for s in specs
        }
        if len(keys) > 1:
            raise CompileError(
                f"port {specs[0].port}: its captures have different lengths or weights, and plays depend on them: a "
                f"sequencer has one threshold"
            )
        return self.address[index], specs[0]

    def sequencer(
        self, port: Port, index: int, events: NDArray, bounds: NDArray[np.int64], lead_ns: int
    ) -> Steered | None:
        """Return what a sequencer does with its conditions; None if it has none.

        Raises
        ------
        CompileError
            If the trigger network can't do it.
        """
        rows = self.rows
        used: list[list[tuple[int, Condition]]] = []
        for p, conditions in enumerate(self.conditions):
            begin = int(rows.bounds[p])
            mine = (
                np.flatnonzero(rows.plays["port"][begin : int(rows.bounds[p + 1])] == index).tolist()
                if conditions
                else []
            )
            found = [(k, when) for k, play in enumerate(mine) if (when := conditions[play]) is not None]
            used.append(found)
        if not any(used):
            return None
        steers = np.zeros((len(events), 2), np.int32)
        chosen = Operators(port.name)
        made, new_bounds, at = [], [0], 0
        for p, members in enumerate(used):
            begin, end = int(bounds[p]), int(bounds[p + 1])
            own = events[begin:end]
            plays = np.flatnonzero(own["acquisition"] < 0)
            results = self._results(p)
            flags = {when: self._flags(p, when) for _, when in members}
            for when in flags.values():
                chosen.want(when)
            resets = self._resets(port, p, own, [(int(own["start"][plays[k]]), when) for k, when in members], results)
            order = np.argsort(np.concatenate([own["start"], np.array(resets, np.int64)]), kind="stable")
            made.append((p, order, own, resets, {int(plays[k]): flags[when] for k, when in members}))
            at += len(order)
            new_bounds.append(at)
        out = np.empty(at, events.dtype)
        steers = np.zeros((at, 2), np.int32)
        for (p, order, own, resets, whens), first in zip(made, new_bounds, strict=False):
            before = None
            for place, k in enumerate(order.tolist(), first):
                if k >= len(own):
                    following = [j for j in order[place - first :].tolist() if j < len(own)]
                    out[place] = (
                        own[following[0]]
                        if before is None and following
                        else out[place - 1]
                        if before is not None
                        else 0
                    )
                    out[place]["start"], out[place]["length"], out[place]["acquisition"] = resets[k - len(own)], 0, -1
                    steers[place] = 0, -1
                    continue
                if (when := whens.get(k)) is not None:
                    if before is not None and before["steps"] != own[k]["steps"]:
                        raise CompileError(
                            f"a pulse on {port.name} of point {p} is played by measured bits, at another frequency "
                            f"than the one before it: a sequencer can't change its frequency by them"
                        )
                    steers[place] = chosen.mask(when)
                out[place] = before = own[k]
        return Steered(out, np.array(new_bounds, np.int64), steers, chosen.inverted)

    def _flags(self, p: int, when: Condition) -> Condition:
        """Return a condition over the addresses that triggers came to."""
        found = flagged(when, address := self._addresses(p, when), self.zeros, frozenset(address.values()))
        assert found is not None
        return found

    def _results(self, p: int) -> dict[int, _Result]:
        """Return the captures of a point whose results are sent, by column; in noise are those that come together."""
        rows, found = self.rows, []
        first, end = int(rows.capture_bounds[p]), int(rows.capture_bounds[p + 1])
        for column, row in enumerate(rows.captures[first:end]):
            if int(row["port"]) in self.address:
                spec = rows.specs[int(row["capture"])]
                length = len(spec.weights) if spec.weights is not None else to_ticks(spec.length_s, _NS).ticks
                lead = to_ticks(self.shots.lead_s.get(spec.instrument, 0.0), _NS).ticks
                found.append((int(row["start"]) + lead + length, column, self.address[int(row["port"])]))
        ends = [at for at, *_ in found]
        return {
            column: _Result(column, address, at, sum(abs(at - other) < _APART_NS for other in ends) > 1)
            for at, column, address in found
        }

    def _check_held(
        self, port: Port, p: int, results: Mapping[int, _Result], column: int, until: int, when: Condition
    ) -> None:
        """Refuse a use of a result that another one would be taken for."""
        one = results[column]
        for other in results.values():
            mixed = other.noisy or other.address == one.address
            if (
                mixed
                and other.column not in when.captures
                and one.end <= other.end <= until - can.FEEDBACK_NS + can.TRIGGER_GRID_NS
            ):
                raise CompileError(
                    f"{port.name} of point {p} still depends on a result at {until} ns that the next one of "
                    f"the same qubit, measured until {other.end} ns, is counted with; use each result before the next "
                    f"measurement"
                )

    def _resets(
        self, port: Port, p: int, own: NDArray, uses: Sequence[tuple[int, Condition]], results: Mapping[int, _Result]
    ) -> list[int]:
        """Return when the latches are reset: before each result that is used, and not while one is held."""
        rows = self.rows
        last: dict[int, int] = {}
        counted_on: set[int] = set()  # results that are counted on from earlier ones of the same qubit
        for start, when in uses:
            for column in when.captures:
                one = results[column]
                slot = rows.specs[int(rows.captures["capture"][rows.capture_bounds[p] + column])].slot
                if one.noisy:
                    raise CompileError(
                        f"the capture into {slot!r} of point {p} ends less than {_APART_NS} ns from another that plays "
                        f"depend on: the trigger network takes one result at a time; measure one after the other"
                    )
                if start < one.end + can.FEEDBACK_NS:
                    raise CompileError(
                        f"a pulse on {port.name} at {start} ns of point {p} depends on the capture into {slot!r}, "
                        f"which ends at {one.end} ns: that is known {can.FEEDBACK_NS} ns later; delay the pulse"
                    )
                last[column] = max(last.get(column, 0), start)
                self._check_held(port, p, results, column, start, when)
                others = [results[c] for c in when.captures if results[c].address == one.address]
                if min(other.end for other in others) < one.end:
                    counted_on.add(column)
        _check_counted(port, p, uses, results, counted_on)
        held = [(results[column].end + can.TRIGGER_WAY_NS, until + _LATCH_NS) for column, until in last.items()]
        ends = [one.end for one in results.values()]
        begin = max(0, max(ends, default=0) + can.FEEDBACK_NS - self.period_ns)
        starts = sorted(own["start"].tolist())
        resets: list[int] = []
        for column in sorted(last.keys() - counted_on, key=lambda column: results[column].end):
            one = results[column]
            earlier = [
                other.end + can.FEEDBACK_NS
                for other in results.values()
                if other.end < one.end and (other.noisy or other.address == one.address)
            ]
            low, high = max([begin, *earlier]), one.end
            if any(low <= reset < high for reset in resets):
                continue
            at = _slot(low, high, starts, [*held, *((reset, reset + _LATCH_NS) for reset in resets)])
            if at is None:
                raise CompileError(
                    f"{port.name} of point {p}: latches would have to be reset for a new result while an earlier one "
                    f"is still needed; use each result before the next measurement of its qubit ends"
                )
            resets.append(at)
        return sorted(resets)


def _check_counted(
    port: Port, p: int, uses: Sequence[tuple[int, Condition]], results: Mapping[int, _Result], counted_on: set[int]
) -> None:
    """Refuse a use of a result alone that is counted on from earlier ones, as another use wants it."""
    for start, when in uses:
        for one in (results[column] for column in when.captures if column in counted_on):
            for other in results.values():
                if other.address == one.address and other.end < one.end and other.column not in when.captures:
                    raise CompileError(
                        f"a pulse on {port.name} at {start} ns of point {p} depends on the result at {one.end} ns and "
                        f"not on that of the same qubit at {other.end} ns, and another one of this port on both: the "
                        f"trigger network counts them together for all or none; play the two on different ports, or "
                        f"let the program keep them apart by other qubits' results"
                    )


def _slot(low: int, high: int, starts: Sequence[int], held: Sequence[tuple[int, int]]) -> int | None:
    """Return the latest time for a reset between two times, beside what the sequencer does and outside what is held."""
    at = high - _LATCH_NS
    while at >= low:
        taken = [start - _SHORTEST_NS for start in starts if abs(start - at) < _SHORTEST_NS]
        taken += [begin - _LATCH_NS for begin, until in held if begin - _LATCH_NS < at < until]
        if not taken:
            return at
        at = min(taken)
    return None
