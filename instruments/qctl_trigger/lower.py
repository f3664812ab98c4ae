"""Lower a shot's period and the trigger wires of lab.toml to what the trigger controller fires."""

from __future__ import annotations

import math
from collections.abc import Sequence

from qctl.errors import CompileError
from qctl.instruments.checker import check_number, usage
from qctl.instruments.qctl_trigger import capabilities as can
from qctl.instruments.qctl_trigger.body import Line, TriggerBody
from qctl.lab import Instrument, Lab
from qctl.lab.held import Same, kept
from qctl.lab.rack import TriggerLine
from qctl.program.device_program import DeviceProgram
from qctl.program.timeline import Shots, Straight
from qctl.units import rational_hz, rational_s, to_ticks

__all__ = ["lower"]


def lower(straights: Sequence[Straight], instrument: Instrument, lab: Lab, shots: Shots) -> DeviceProgram:
    """Return the program of one trigger controller: trigger lines each shot, event lines once a block.

    The period is rounded up to a whole tick, for a shot must have ended before the next one begins.

    Raises
    ------
    CompileError
        If nothing is wired to the controller, or a line's pulse does not fit its limits or the period.
    """
    return kept(
        lab,
        ("qctl-trigger", instrument.name, Same(can.TABLES[instrument.model]), shots.n_shots, shots.period_s),
        lambda: _lowered(instrument, lab, shots),
    )


def _lowered(instrument: Instrument, lab: Lab, shots: Shots) -> DeviceProgram:
    name = instrument.name
    tick_hz = rational_hz(can.TICK_HZ if instrument.clock_hz is None else instrument.clock_hz)
    period_ticks = math.ceil(rational_s(shots.period_s) * tick_hz)
    table = can.TABLES[instrument.model]
    check_number(table, "settings.period_ticks", period_ticks, name)
    boxes = lab.instruments.values()
    wires = {wire.line for box in boxes if (wire := box.trigger) is not None and wire.source == name}
    events = {cable.line for box in boxes if (cable := box.event) is not None and cable.source == name}
    if not wires:
        raise CompileError(f"{name}: no instrument of lab.toml is triggered by it", instrument=name)
    lines = {}
    for number in sorted(wires | events):
        line = instrument.line.get(number) or TriggerLine(number=number)
        delay, width = to_ticks(line.delay_s, tick_hz).ticks, to_ticks(line.width_s, tick_hz).ticks
        check_number(table, "channels.line.start", delay, f"{name}: line {number}")
        check_number(table, "channels.line.length", width, f"{name}: line {number}")
        if number in wires and delay + width >= period_ticks:
            raise CompileError(
                f"{name}: line {number} ends {delay + width} ticks after the start, the period is {period_ticks}",
                instrument=name,
            )
        lines[number] = Line(delay, width, number not in wires)
    body = TriggerBody(shots.n_shots, period_ticks, lines, float(tick_hz))
    rows = (
        usage(table, "loops.count", shots.n_shots, name="shots"),
        usage(table, "channels.line.number", max(lines), name="trigger lines"),
    )
    return DeviceProgram(name, instrument.model, body.to_bytes(), {}, 1, rows)
