"""Write a timeline as a program at pulse level, with a column of start ticks beside its instructions."""

from __future__ import annotations

from contextlib import ExitStack
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from qctl.errors import InternalError
from qctl.program.body import Body
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
        for action in timeline.actions:
            ticks[len(program)] = action.start
            _append(program, action)
    starts = np.full(len(program), -1, np.int64)
    starts[list(ticks)] = list(ticks.values())
    starts.setflags(write=False)
    return program.body, starts


def _append(program: Program, action: Action) -> None:
    value = float(action.value) if isinstance(action.value, Fraction) else action.value
    if action.op is Op.PLAY:
        assert action.waveform is not None
        program.play(action.port, action.waveform, value)
    elif action.op is Op.CAPTURE:
        program.capture(action.port, into=action.slot, duration_s=action.length_s)
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
