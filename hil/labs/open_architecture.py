"""Racks of mixed parts around one fridge: which box drives, which one reads out, and what hides in their delays.

Flux comes from an AWG5014C in all of them. All labs of a seed have the same qubits behind them, and the same cables but
for those of the boxes that differ.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qctl.hil.plant.cables import Cables, DriveLine, Feedline, FluxLine

__all__ = ["DESIGN_DELAYS_S", "OPEN_LABS", "open_cables"]

DESIGN_DELAYS_S = {"cluster0": 2.44e-7, "awg0": 4.0e-8, "awg1": 4.0e-8, "dig0": 2.0e-8, "qa0": 1.4e-7}
"""From a trigger to the first sample at a box's connectors, as makers say; the true delays differ by up to 11 ns.
Of the 244 ns of a chassis its programs take 8, from the end of a wait to the first sample, of the 140 ns of a readout
box 80, in which its oscillators begin anew; its latency is an estimate."""
_HEAD_S = 8.0e-8


class _Rack(NamedTuple):
    """The boxes of a lab: of the drives, in their chassis, with the true delay; of the readout; the fridge's grid."""

    drive: str
    slots: dict[str, str]
    drive_s: float
    feedline: Feedline
    grid_hz: float


_SCOPE = Feedline("awg0:1", "awg0:2", "lo_readout", "dig0:1", "dig0:2")
_ANALYSER = Feedline("qa0:1", "qa0:2", "qa0.qa1", "qa0:1", "qa0:2")
_QBLOX = {"qcm0": "cluster0:2"}
_RACKS = {
    "open-architecture": _Rack("qcm0", _QBLOX | {"qa0": "zds0:1"}, 2.36e-7, _ANALYSER, 2.0e9),
    "open-architecture-scope": _Rack("qcm0", _QBLOX, 2.36e-7, _SCOPE, 1.0e9),
    "open-architecture-scpi": _Rack("awg1", {}, 4.0e-8, _SCOPE, 1.2e9),
}
OPEN_LABS = tuple(_RACKS)


def open_cables(name: str, seed: int) -> Cables:
    """Return the cables of a lab; all delays but that of the drive, which they are counted from, are hidden."""
    rack, n = _RACKS[name], 2
    random = np.random.default_rng([seed, 41])
    box_s = random.uniform(4e-9, 9e-9) * random.choice([-1.0, 1.0])
    flux_s = [DESIGN_DELAYS_S["awg0"] + box_s + random.uniform(0.0, 2e-9) for _ in range(n)]
    delays_s = {f"q{k}.drive": rack.drive_s for k in range(n)}
    delays_s |= {f"q{k}.flux": delay_s for k, delay_s in enumerate(flux_s)}
    way_s, early_s = random.uniform(0.0, 2e-9), random.uniform(-3e-9, 3e-9)
    if rack.feedline is _SCOPE:
        delays_s["feedline"] = DESIGN_DELAYS_S["awg0"] + box_s + way_s
        delays_s["acquire"] = DESIGN_DELAYS_S["dig0"] + early_s
    else:
        # One box plays and integrates: both are as late as it is, but for their cables.
        box_s = random.uniform(4e-9, 9e-9) * random.choice([-1.0, 1.0])
        delays_s["feedline"] = DESIGN_DELAYS_S["qa0"] - _HEAD_S + box_s + way_s
        delays_s["acquire"] = delays_s["feedline"] + early_s
    boxes = {"awg0", rack.drive, *(place.partition(":")[0] for place in (rack.feedline.i, rack.feedline.acquire_i))}
    # A module has its chassis' trigger; a device behind a data server has a wire of its own.
    sources = sorted(_QBLOX[box].partition(":")[0] if box in _QBLOX else box for box in boxes)
    return Cables(
        drive=tuple(DriveLine(f"{rack.drive}:{2 * k + 1}", f"{rack.drive}:{2 * k + 2}", "lo_drive") for k in range(n)),
        flux=tuple(FluxLine(f"awg0:{3 + k}", f"dc0:{k + 1}") for k in range(n)),
        readout=rack.feedline,
        triggers=dict.fromkeys(sources, "trig0:1"),
        events={box: "trig0:2" for box in sources if box.startswith("awg")},
        slots=rack.slots,
        delays_s=delays_s,
        grid_hz=rack.grid_hz,
        beside=("fridge",),
    )
