"""Write a timeline as a program at pulse level, with a column of start ticks beside its instructions."""

from __future__ import annotations

from contextlib import ExitStack
from fractions import Fraction
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from qctl.errors import InternalError
from qctl.program.body import Body
from qctl.program.conditions import Condition
from qctl.program.expressions import Expression
from qctl.program.opcodes import Op
from qctl.program.program import Program
from qctl.program.timeline import Action, Timeline

__all__ = ["pulse_body"]


def pulse_body(timeline: Timeline) -> tuple[Body, NDArray[np.int64]]:
    """Return a timeline as a program, and the tick of each of its instructions at point 0 (-1: it has no time)."""
    program = Program()
    rates = {port.name: port.rate_hz for port in timeline.ports}
    for name in dict.fromkeys(action.port for action in timeline.actions):
        program.add_port(name, rates[name])
    ticks: dict[int, int] = {}
    with ExitStack() as blocks:
        for axis in timeline.axes:
            blocks.enter_context(program.sweep(axis.name, axis.values, axis.unit))
        if timeline.n_repeats != 1:
            blocks.enter_context(program.loop(timeline.n_repeats))
        deciding = {event for action in timeline.actions if action.when is not None for event in action.when.captures}
        program.add_bits(_bit(event) for event in sorted(deciding))
        for when, members in groupby(timeline.actions, lambda action: action.when):
            with ExitStack() as arm:
                if when is not None:
                    arm.enter_context(program.if_(_test(when)))
                for action in members:
                    ticks[len(program)] = action.start
                    _append(program, action, _bit(action.event) if action.event in deciding else None)
    starts = np.full(len(program), -1, np.int64)
    starts[list(ticks)] = list(ticks.values())
    starts.setflags(write=False)
    return program.body, starts


def _bit(event: int) -> str:
    """Return the name of the bit that takes what a measurement finds."""
    return f"measured{event}"


def _test(when: Condition) -> Expression:
    """Return a condition as an expression over these bits: any of the outcomes that it allows."""
    code: list[tuple[str, str | float | None]] = []
    for n, k in enumerate(k for k in range(1 << len(when.captures)) if when.table >> k & 1):
        for j, event in enumerate(when.captures):
            code.append(("bit", _bit(event)))
            code += [] if k >> j & 1 else [("not", None)]
            code += [("and", None)] if j else []
        code += [("or", None)] if n else []
    return Expression(tuple(code))


def _append(program: Program, action: Action, bit: str | None) -> None:
    value = float(action.value) if isinstance(action.value, Fraction) else action.value
    if action.op is Op.PLAY:
        assert action.waveform is not None
        program.play(action.port, action.waveform, value)
    elif action.op is Op.CAPTURE:
        program.capture(action.port, into=action.slot, duration_s=action.length_s, bit=bit)
    elif action.op is Op.SHIFT_PHASE:
        program.shift_phase(action.port, value)
    elif action.op is Op.SET_PHASE:
        program.set_phase(action.port, value)
    elif action.op is Op.SHIFT_FREQUENCY:
        program.shift_frequency(action.port, value)
    elif action.op is Op.SET_FREQUENCY:
        program.set_frequency(action.port, value)
    else:
        raise InternalError(f"a timeline has the action {action.op.name.lower()}")
