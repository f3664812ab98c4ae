"""Feedback in time: waits until results are known, and plays behind a phase that depends on them, each with its own.

A virtual turn under a condition is a frame that depends on what was measured. No play is drawn for it; each later
play of its qubit is there once for every phase that the frame may have, one after the other, and each of these has the
outcomes that give that phase as its condition, until the next measurement of the qubit makes the phase idle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from itertools import groupby

from qctl.compiler.steps import Step, Value
from qctl.compiler.tables import Tables
from qctl.errors import CompileError
from qctl.program.conditions import MOST_BITS, Condition, always
from qctl.program.opcodes import Op
from qctl.program.timeline import Timeline

__all__ = ["Feedback", "waited", "waits_of"]


@dataclass(frozen=True, slots=True)
class Feedback:
    """How a rack follows what it measures.

    Attributes
    ----------
    lacking : str
        What of the rack can't; empty where all can.
    latency_s : Fraction
        From the end of a capture to the first play that it may decide.
    apart_s : Fraction
        Least time between the ends of two captures that decide something.
    """

    lacking: str = "this target"
    latency_s: Fraction = Fraction(0)
    apart_s: Fraction = Fraction(0)


def waited(steps: Sequence[Step], tables: Tables, feedback: Feedback) -> list[Step]:
    """Return native steps on physical qubits with the waits that their conditions need, and phases resolved.

    Raises
    ------
    CompileError
        If a frame of a port would depend on what was measured, or a phase on too much of it.
    """
    deciding = {event for step in steps if step.when is not None for event in step.when.captures}
    if not deciding:
        return list(steps)
    return _arms_met(_frames_resolved(_spaced(steps, deciding, feedback), tables))


def waits_of(timeline: Timeline) -> dict[str, float]:
    """Return, by result, the seconds from the end of the captures that decide to the first play that they do."""
    found: dict[str, float] = {}
    for play, when in zip(timeline.plays[0], timeline.conditions, strict=False):
        start_s = float(int(play["start"]) / timeline.ports[int(play["port"])].rate_hz)
        for k in () if when is None else when.captures:
            row, spec = timeline.captures[0, k], timeline.specs[k]
            end_s = float(int(row["start"]) / timeline.ports[int(row["port"])].rate_hz) + spec.length_s
            found[spec.slot] = min(found.get(spec.slot, start_s - end_s), start_s - end_s)
    return found


def _spaced(steps: Sequence[Step], deciding: set[int], feedback: Feedback) -> list[Step]:
    """Return steps with a wait behind each capture that decides, and distances between such captures."""
    found: list[Step] = []
    group: list[Step] = []
    before: tuple[int, ...] = ()

    def close() -> None:
        nonlocal before, group
        qubits = tuple(step.qubits[0] for step in group)
        if feedback.apart_s and group and (before or len(group) > 1):
            found.append(Step(Op.BARRIER, tuple(dict.fromkeys((*before, *qubits)))))
        for k, step in enumerate(group):
            late = k * feedback.apart_s
            wait = (len(group) - 1 - k) * feedback.apart_s + feedback.latency_s
            if late:
                found.append(Step(Op.DELAY, step.qubits, (late,), where=step.where))
            found.append(step)
            if wait:
                found.append(Step(Op.DELAY, step.qubits, (wait,), where=step.where))
        before = qubits or before
        group = []

    for step in steps:
        measured = {one.qubits[0] for one in group}
        if step.op is Op.MEASURE and step.event in deciding and not measured & set(step.qubits):
            group.append(step)
        elif group and not step.ports and step.qubits and not measured & set(step.qubits) and step.when is None:
            found.append(step)  # what is on other qubits may go ahead
        else:
            close()
            if step.op is Op.MEASURE and step.event in deciding:
                group.append(step)
                continue
            found.append(step)
            if step.op is Op.CAPTURE and step.event in deciding:
                found.append(Step(Op.DELAY, params=(feedback.latency_s,), ports=step.ports, where=step.where))
    close()
    return found


def _arms_met(steps: Sequence[Step]) -> list[Step]:
    """Return steps with barriers around each arm: behind captures that decide, before their qubits' next measurement.

    Boxes hold one result of a qubit at a time.
    """
    where = {step.event: step for step in steps if step.event >= 0}
    users: dict[int, set[int]] = {}
    found: list[Step] = []
    for when, members in groupby(steps, lambda step: step.when):
        arm = list(members)
        if when is not None:
            deciding = [where[event] for event in when.captures]
            qubits = dict.fromkeys(q for step in (*arm, *deciding) for q in step.qubits)
            ports = dict.fromkeys(p for step in (*arm, *deciding) for p in step.ports)
            found.append(Step(Op.BARRIER, tuple(qubits), ports=tuple(ports), where=arm[0].where))
            for q in (q for step in deciding for q in step.qubits):
                users.setdefault(q, set()).update(q for step in arm for q in step.qubits)
            found += arm
            continue
        for step in arm:
            if step.op is Op.MEASURE and (own := users.pop(step.qubits[0], set()) - {step.qubits[0]}):
                at = len(found)
                while at and found[at - 1].op is Op.MEASURE:
                    at -= 1
                found.insert(at, Step(Op.BARRIER, (step.qubits[0], *sorted(own)), where=step.where))
            found.append(step)
    return found


Pending = list[tuple[Condition, Value]]


def _frames_resolved(steps: Sequence[Step], tables: Tables) -> list[Step]:
    """Return steps without turns under a condition: plays behind them come once for each phase."""
    pending: dict[int, Pending] = {}
    found: list[Step] = []
    for step in steps:
        q = step.qubits[0] if step.qubits else -1
        if step.op is Op.RZ and step.when is not None:
            pending.setdefault(q, []).append((step.when, step.params[0]))
        elif step.op is Op.SX and pending.get(q):
            found += _once_for_each_phase(step, pending[q])
        elif step.op is Op.CZ and step.when is not None:
            found.append(step)
            for end, turn in _turns_of(step, tables):
                # cz brings its turns always: they are taken back, and left to those shots that play it.
                found.append(Step(Op.RZ, (end,), (-turn,), where=step.where))
                pending.setdefault(end, []).append((step.when, turn))
        elif step.op in (Op.MEASURE, Op.RESET):
            pending.pop(q, None)
            found.append(step)
        else:
            if step.ports and (any(pending.values()) or (step.when is not None and step.op in _FRAMES)):
                raise CompileError(
                    f"{step.op.name.lower()} at instruction {step.where} comes under or behind a phase that depends on "
                    f"what was measured: a port's frame can't; write the pulses once for each phase, in an if",
                    instruction=step.where,
                )
            found.append(step)
    return found


_FRAMES = frozenset((Op.SHIFT_PHASE, Op.SET_PHASE, Op.SHIFT_FREQUENCY, Op.SET_FREQUENCY))


def _turns_of(step: Step, tables: Tables) -> list[tuple[int, float]]:
    """Return the virtual turns that belong to a cz, by qubit."""
    a, b = step.qubits
    pair = int(tables.couplers[a, b])
    if pair < 0:
        return []
    turns = [(int(tables.pairs[pair, 3 + k]), float(tables.pair_values[pair, 1 + k])) for k in (0, 1)]
    return [(q, turn) for q, turn in turns if turn]


def _once_for_each_phase(step: Step, turns: Pending) -> list[Step]:
    """Return a play as often as the turns before it have different sums, each with its phase and condition."""
    captures = sorted({event for when, _ in turns for event in when.captures})
    if len(captures) > MOST_BITS:
        raise CompileError(
            f"the phase of the pulse at instruction {step.where} depends on {len(captures)} measured bits, over "
            f"{MOST_BITS}",
            instruction=step.where,
        )
    classes: dict[tuple[bool, ...], int] = {}
    for k in range(1 << len(captures)):
        states = {event: k >> j & 1 for j, event in enumerate(captures)}
        key = tuple(when.holds(states) for when, _ in turns)
        classes[key] = classes.get(key, 0) | 1 << k
    found: list[Step] = []
    for key, table in classes.items():
        when = (step.when or always()) & Condition(tuple(captures), table).reduced()
        if when.never:
            continue
        angles = [angle for holds, (_, angle) in zip(key, turns, strict=True) if holds]
        play = step._replace(when=None if when.always else when)
        if not angles:
            found.append(play)
            continue
        angle = reduce(lambda a, b: a + b, angles)
        turn, back = ((Op.RZ, step.qubits, (value,), 0, (), -1, step.where) for value in (angle, -angle))
        found += [Step(*turn), play, Step(*back)]
    return found
