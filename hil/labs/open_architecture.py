"""Racks of mixed parts around one fridge: Qblox drive with AWG5014C flux and readout, and one of SCPI boxes alone.

Both labs of a seed have the same qubits behind them, and the same cables but for those of the drive.
"""

from __future__ import annotations

import numpy as np

from qctl.hil.plant.cables import Cables, DriveLine, Feedline, FluxLine

__all__ = ["DESIGN_DELAYS_S", "OPEN_LABS", "open_cables"]

OPEN_LABS = ("open-architecture", "open-architecture-scpi")
DESIGN_DELAYS_S = {"cluster0": 2.44e-7, "awg0": 4.0e-8, "awg1": 4.0e-8, "dig0": 2.0e-8}
"""From a trigger to the first sample at a box's connectors, as makers say; the true delays differ by up to 11 ns.
Of the 244 ns of a chassis its programs take 8, from the end of a wait to the first sample."""
_BOXES = {
    "open-architecture": (("qcm0",) * 2, {"qcm0": "cluster0:2"}, 1.0e9, 2.36e-7),
    "open-architecture-scpi": (("awg1",) * 2, {}, 1.2e9, 4.0e-8),
}
"""The box of each drive line, modules in their chassis, the grid of the fridge, and the true delay of the drive."""


def open_cables(name: str, seed: int) -> Cables:
    """Return the cables of a lab; all delays but that of the drive, which they are counted from, are hidden."""
    boxes, slots, grid_hz, drive_s = _BOXES[name]
    random = np.random.default_rng([seed, 41])
    box_s = random.uniform(4e-9, 9e-9) * random.choice([-1.0, 1.0])
    flux_s = [DESIGN_DELAYS_S["awg0"] + box_s + random.uniform(0.0, 2e-9) for _ in boxes]
    delays_s = {f"q{k}.drive": drive_s for k in range(len(boxes))}
    delays_s |= {f"q{k}.flux": delay_s for k, delay_s in enumerate(flux_s)}
    delays_s["feedline"] = DESIGN_DELAYS_S["awg0"] + box_s + random.uniform(0.0, 2e-9)
    delays_s["acquire"] = DESIGN_DELAYS_S["dig0"] + random.uniform(-3e-9, 3e-9)
    sources = sorted({"awg0", "dig0", *(slots.get(box, box).partition(":")[0] for box in boxes)})
    return Cables(
        drive=tuple(DriveLine(f"{box}:{2 * k + 1}", f"{box}:{2 * k + 2}", "lo_drive") for k, box in enumerate(boxes)),
        flux=tuple(FluxLine(f"awg0:{3 + k}", f"dc0:{k + 1}") for k in range(len(boxes))),
        readout=Feedline("awg0:1", "awg0:2", "lo_readout", "dig0:1", "dig0:2"),
        triggers=dict.fromkeys(sources, "trig0:1"),
        events={box: "trig0:2" for box in sources if box.startswith("awg")},
        slots=slots,
        delays_s=delays_s,
        grid_hz=grid_hz,
        beside=("fridge",),
    )
