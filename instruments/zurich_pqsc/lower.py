"""Lower a run to what a PQSC does: start all boxes that it reaches once, and send each the results that it plays by."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from qctl.errors import CompileError
from qctl.instruments.zurich import sequencers
from qctl.instruments.zurich.hub import N_PAIRS, N_REGISTERS, hub_of
from qctl.instruments.zurich.lower import duration_s, plan_of
from qctl.instruments.zurich_pqsc import capabilities as can
from qctl.instruments.zurich_pqsc.body import Link, PqscBody
from qctl.lab import Instrument, Lab
from qctl.program.device_program import DeviceProgram, Usage
from qctl.program.timeline import Shots, Straight

__all__ = ["lower"]

_AFTER_S = 10e-6
"""How long the last shot's results may take to be everywhere; far more than they do."""


def lower(straights: Sequence[Straight], instrument: Instrument, lab: Lab, shots: Shots) -> DeviceProgram:
    """Return the program of a PQSC.

    Raises
    ------
    CompileError
        If it triggers anything but boxes of its own family, nothing, or two boxes by one port.
    """
    name = instrument.name
    led = [box for box in lab.instruments.values() if box.trigger is not None and box.trigger.source == name]
    others = [box.name for box in led if box.model not in sequencers.MODELS]
    if others or not led:
        what = f"triggers {', '.join(others)}" if others else "triggers nothing"
        raise CompileError(f"{name}: it {what}; a PQSC starts Zurich Instruments' boxes by ZSync", instrument=name)
    plan = plan_of(straights, instrument, lab, shots)
    links: dict[int, Link] = {}
    for box in led:
        assert box.trigger is not None and hub_of(box, lab) is not None
        port = box.trigger.line
        if port in links or not 1 <= port <= can.N_PORTS:
            raise CompileError(
                f"{name}: {box.name} is at line {port}; each box needs a ZSync port of its own, 1 … {can.N_PORTS}",
                instrument=name,
            )
        links[port] = Link(port, box.address.rpartition("/")[2].lower(), plan.pairs.get(box.name, ()))
    lasts_s = max(duration_s(straights, box, lab, shots) for box in led)
    steps = ceil((lasts_s + _AFTER_S) / can.HOLDOFF_STEP_S)
    body = PqscBody(tuple(links[port] for port in sorted(links)), steps * can.HOLDOFF_STEP_S)
    kept = {register for of_channel in plan.registers.values() for register in of_channel}
    usage = (
        Usage("ports", len(links), can.N_PORTS),
        Usage("registers", len(kept), N_REGISTERS),
        Usage("pairs of bits", max((len(link.pairs) for link in links.values()), default=0), N_PAIRS),
    )
    return DeviceProgram(name, instrument.model, body.to_bytes(), {}, len(straights), usage)
