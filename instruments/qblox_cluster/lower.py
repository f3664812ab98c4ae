"""Lower a run to what a Qblox cluster starts: all modules that it triggers, once for all points and shots."""

from __future__ import annotations

from collections.abc import Sequence

from qctl.errors import CompileError
from qctl.instruments.qblox.triggered import ADDRESS
from qctl.instruments.qblox_cluster import capabilities as can
from qctl.instruments.qblox_cluster.body import ClusterBody
from qctl.lab import Instrument, Lab
from qctl.program.device_program import DeviceProgram, Usage
from qctl.program.timeline import Shots, Straight

__all__ = ["lower"]


def lower(straights: Sequence[Straight], instrument: Instrument, lab: Lab, shots: Shots) -> DeviceProgram:
    """Return the program of one cluster.

    Raises
    ------
    CompileError
        If it triggers anything but modules of its own: others can't follow points that it does not tell.
    """
    name = instrument.name
    led = [box for box in lab.instruments.values() if box.trigger is not None and box.trigger.source == name]
    others = [box.name for box in led if not box.model.startswith("qblox-")]
    if others or not led:
        what = f"triggers {', '.join(others)}" if others else "triggers nothing"
        raise CompileError(f"{name}: it {what}; a cluster starts its own modules, by trigger wires", instrument=name)
    address = ADDRESS if instrument.trigger is not None else 0
    body = ClusterBody(len(straights), shots.n_shots, shots.period_s, address)
    usage = (Usage("modules", len(led), can.N_SLOTS),)
    return DeviceProgram(name, instrument.model, body.to_bytes(), {}, len(straights), usage)
