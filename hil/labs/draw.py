"""From a seed to what is true of a lab: parameters of the processor and the cables behind its rack.

Frequencies alternate: transmons that flux moves (q0, q2, q4) sit above their neighbours. Only q2 has two of these,
and its pulses keep half its anharmonicity, 165 MHz, from each other's resonances: at 110 MHz a neighbour's state would
turn q2's phase by 0.3 rad in each gate with the other neighbour, which no calibration of that gate can undo.
Couplers have two paths whose static ZZ cancels but for a few kHz, as in A. Kandala et al., Phys. Rev. Lett. 127,
130501 (2021).
"""

from __future__ import annotations

import math

import numpy as np

from qctl.errors import RequestError
from qctl.hil.labs.bridged import BESIDE
from qctl.hil.labs.open_architecture import OPEN_LABS, open_cables
from qctl.hil.physics.couplings import meet_hz
from qctl.hil.physics.parameters import Coupler, Processor, Resonator, Transmon
from qctl.hil.plant.cables import Cables, DriveLine, Feedline, FluxLine, connector
from qctl.hil.plant.file import PlantFile

__all__ = ["LABS", "LO_DRIVE_HZ", "LO_READOUT_HZ", "draw_lab"]

LO_DRIVE_HZ = 5.10e9
LO_READOUT_HZ = 7.07e9
_FREQUENCIES_HZ = {
    "transmon1": (4.72e9,),
    "bridged1": (4.72e9,),
    **dict.fromkeys(("transmon2", "spi2"), (5.47e9, 4.73e9)),
    "transmon5": (5.42e9, 4.72e9, 5.47e9, 4.885e9, 5.45e9),
    **dict.fromkeys(("qblox2", "qblox2-rf", "qblox2-qrc"), (5.47e9, 4.73e9)),
    "zurich1": (4.72e9,),
    **dict.fromkeys(("mixed1", "mixed1-qblox"), (4.72e9,)),
    **dict.fromkeys(("zurich2", "zurich2-pqsc", "zurich2-uhf", "proteus2"), (5.47e9, 4.73e9)),
    **dict.fromkeys(("qick1", "qick1-v1"), (4.72e9,)),
    **dict.fromkeys(("qick2", "qick2-v1"), (5.47e9, 4.73e9)),
    **dict.fromkeys(OPEN_LABS, (5.47e9, 4.73e9)),
}
_ANHARMONICITY_HZ = {"transmon5": -3.3e8}
_RESONATORS_HZ = {
    "transmon1": (7.02e9,),
    "bridged1": (7.02e9,),
    **dict.fromkeys(("transmon2", "spi2"), (7.035e9, 7.105e9)),
    "transmon5": (7.00e9, 7.035e9, 7.07e9, 7.105e9, 7.14e9),
    **dict.fromkeys(("qblox2", "qblox2-rf", "qblox2-qrc"), (7.035e9, 7.105e9)),
    "zurich1": (7.02e9,),
    **dict.fromkeys(("mixed1", "mixed1-qblox"), (7.02e9,)),
    **dict.fromkeys(("zurich2", "zurich2-pqsc", "zurich2-uhf", "proteus2"), (7.035e9, 7.105e9)),
    **dict.fromkeys(("qick1", "qick1-v1"), (5.92e9,)),
    **dict.fromkeys(("qick2", "qick2-v1"), (5.885e9, 5.955e9)),
    **dict.fromkeys(OPEN_LABS, (7.035e9, 7.105e9)),
}
_OUTPUTS = {
    "transmon1": ("awg0:1 awg0:2", "", "awg0:3 awg0:4"),
    "transmon2": ("awg0:1 awg0:2 awg0:3 awg0:4", "awg1:3 awg1:4", "awg1:1 awg1:2"),
    "transmon5": (
        "awg0:1 awg0:2 awg0:3 awg0:4 awg1:1 awg1:2 awg1:3 awg1:4 awg2:1 awg2:2",
        "awg2:3 awg2:4 awg3:1 awg3:2 awg3:3",
        "awg4:1 awg4:2",
    ),
    "proteus2": ("pro0:1 pro0:2 pro0:3 pro0:4", "awg0:3 awg0:4", "awg0:1 awg0:2"),
    "qblox2": ("qcm0:1 qcm0:2 qcm0:3 qcm0:4", "qcm1:1 qcm1:2", "qrm0:1 qrm0:2"),
    "qblox2-rf": ("rfc0:1 rfc0:2 rfc0:3 rfc0:4", "qcm0:1 qcm0:2", "rfr0:1 rfr0:2"),
    "qblox2-qrc": ("qrc0:5 qrc0:6 qrc0:7 qrc0:8", "qcm0:1 qcm0:2", "qrc0:1 qrc0:2"),
    "zurich1": ("qc0:1 qc0:2", "", "qc0:13 qc0:14"),
    "mixed1": ("awg0:1 awg0:2", "", "qa0:1 qa0:2"),
    "mixed1-qblox": ("awg0:1 awg0:2", "", "qrm0:1 qrm0:2"),
    "zurich2": ("qc0:1 qc0:2 qc0:3 qc0:4", "hd0:1 hd0:2", "qc0:13 qc0:14"),
    "zurich2-pqsc": ("sg0:1 sg0:2 sg0:3 sg0:4", "hd0:1 hd0:2", "qa0:1 qa0:2"),
    "zurich2-uhf": ("hd0:1 hd0:2 hd0:3 hd0:4", "hd0:5 hd0:6", "uh0:1 uh0:2"),
    "qick1": ("board0:1 board0:2", "", "board0:5 board0:6"),
    "qick2": ("board0:1 board0:2 board0:3 board0:4", "board0:9 board0:11", "board0:5 board0:6"),
}
_OUTPUTS |= {"bridged1": _OUTPUTS["transmon1"], "spi2": _OUTPUTS["transmon2"]}
_BOARDS = {"qick1": "board0", "qick2": "board0", "qick1-v1": "rfsoc0", "qick2-v1": "rfsoc0"}
"""Racks of one board that plays and reads everything, and starts itself."""
for _name in ("qick1", "qick2"):
    _drive, _flux, _readout = (text.replace("board0", _BOARDS[f"{_name}-v1"]) for text in _OUTPUTS[_name])
    _OUTPUTS[f"{_name}-v1"] = _drive, _flux, _readout
_BESIDE = {"bridged1": tuple(BESIDE)}
"""Racks with boxes that nothing of the processor hangs on."""
_JOINED = {name: {f"{_BOARDS[name]}:7": f"{_BOARDS[name]}:5"} for name in ("qick2", "qick2-v1")}
_SLOTS = {
    "qblox2": {"qcm0": "cluster0:2", "qcm1": "cluster0:3", "qrm0": "cluster0:4"},
    "qblox2-rf": {"rfc0": "cluster0:2", "qcm0": "cluster0:3", "rfr0": "cluster0:4"},
    "qblox2-qrc": {"qrc0": "cluster0:2", "qcm0": "cluster0:3"},
    "zurich1": {"qc0": "zds0:1"},
    "mixed1": {"qa0": "zds0:1"},
    "mixed1-qblox": {"qrm0": "cluster0:4"},
    "zurich2": {"qc0": "zds0:1", "hd0": "zds0:2"},
    "zurich2-pqsc": {"pq0": "zds0:1", "qa0": "zds0:2", "sg0": "zds0:3", "hd0": "zds0:4"},
    "zurich2-uhf": {"hd0": "zds0:1", "uh0": "zds0:2"},
}
"""Racks whose boxes are modules of a chassis, or devices behind a data server, which start together."""
_BIASES = {"spi2": ("d5a0:1", "s4g0:1")}
"""Racks whose static biases come from elsewhere than a QDAC-II, one of them as a current."""
_RACKS = {"spi2": {"d5a0": "spi0:2", "s4g0": "spi0:5"}}
"""Modules of bias sources, and the controller and number of each."""
_CARRIERS = {
    "qblox2-rf": ("rfc0.lo{}", "rfr0.lo1"),
    "qblox2-qrc": ("qrc0.lo{}", "qrc0.lo1"),
    **dict.fromkeys(("zurich1", "zurich2"), ("qc0.sg1", "qc0.qa1")),
    "zurich2-pqsc": ("sg0.sg1", "qa0.qa1"),
    "mixed1": ("lo_drive", "qa0.qa1"),
    **{name: (f"{board}.g{{}}", f"{board}.g3") for name, board in _BOARDS.items()},
}
"""Racks that up-convert inside the boxes: the carriers of drives and readout."""
_TRIGGERS = {
    "zurich1": {"qc0": "trig0:1"},
    "zurich2": {"hd0": "qc0:1"},
    "zurich2-pqsc": {"qa0": "pq0:1", "sg0": "pq0:2", "hd0": "pq0:3"},
    "zurich2-uhf": {"uh0": "hd0:1"},
    "mixed1": {"awg0": "trig0:1", "qa0": "trig0:1"},
    "mixed1-qblox": {"awg0": "trig0:1", "cluster0": "trig0:1"},
}
_GRIDS_HZ = {"mixed1": 1.2e9, "mixed1-qblox": 1.2e9, "zurich2-uhf": 2.4e9, "proteus2": 2.0e9}
"""Racks whose boxes have different rates: at which the fridge is followed."""
_DRAWS = {**dict.fromkeys((*_SLOTS, *_BOARDS), (1,)), **dict.fromkeys(OPEN_LABS, (2,))}
"""What beside the seed and the number of qubits decides what is true: labs that share it have the same fridge."""
LABS = tuple(_FREQUENCIES_HZ)


def draw_lab(name: str, seed: int) -> PlantFile:
    """Return the truth of a built-in lab.

    Raises
    ------
    RequestError
        If there is no such lab.
    """
    if name not in LABS:
        raise RequestError(f"lab {name!r} is not one of {', '.join(LABS)}")
    random = np.random.default_rng([seed, len(_FREQUENCIES_HZ[name]), *_DRAWS.get(name, ())])
    places = zip(_FREQUENCIES_HZ[name], _RESONATORS_HZ[name], strict=True)
    curve_hz = _ANHARMONICITY_HZ.get(name, -2.2e8)
    transmons = tuple(_transmon(f"q{k}", f, r, curve_hz, random) for k, (f, r) in enumerate(places))
    couplers = tuple(_coupler(transmons, k, random) for k in range(len(transmons) - 1))
    processor = Processor(transmons, couplers, _crosstalk(len(transmons), random), 0.06)
    cables = open_cables(name, seed) if name in OPEN_LABS else _cables(name)
    return PlantFile(processor, cables, seed)


def _transmon(
    name: str, frequency_hz: float, resonance_hz: float, anharmonicity_hz: float, random: np.random.Generator
) -> Transmon:
    bare_hz = resonance_hz + random.uniform(-1.5e6, 1.5e6)
    chi_hz = random.uniform(-3.2e6, -2.8e6)
    resonator = Resonator(
        frequency_hz=(bare_hz, bare_hz + chi_hz, bare_hz + 1.8 * chi_hz),
        kappa_hz=random.uniform(3.7e6, 4.3e6),
        gain=random.uniform(0.38, 0.44),
        phase_rad=random.uniform(0, 2 * math.pi),
    )
    return Transmon(
        name=name,
        frequency_hz=frequency_hz + random.uniform(-4e6, 4e6),
        anharmonicity_hz=anharmonicity_hz + random.uniform(-4e6, 4e6),
        t1_s=random.uniform(2.5e-5, 4.5e-5),
        t2_s=random.uniform(1.6e-5, 3e-5),
        thermal=random.uniform(0.003, 0.005),
        drive_hz_per_v=random.uniform(1.7e8, 2.0e8),
        flux_per_v=random.uniform(0.6, 0.7),
        dc_flux_per_v=random.uniform(0.3, 0.35),
        flux_offset=random.uniform(-0.006, 0.006),
        asymmetry=random.uniform(0.1, 0.25),
        resonator=resonator,
    )


def _coupler(transmons: tuple[Transmon, ...], left: int, random: np.random.Generator) -> Coupler:
    """Couple two neighbours; the cross-Kerr leaves 1 to 4 kHz of static ZZ."""
    low, high = sorted((left, left + 1), key=lambda k: transmons[k].frequency_hz)
    coupling_hz = random.uniform(4.2e6, 4.5e6)
    curves = (transmons[low].anharmonicity_hz, transmons[high].anharmonicity_hz)
    bare = Coupler(low, high, coupling_hz, 0.0)
    low_hz, high_hz = (np.array([transmons[k].frequency_hz]) for k in (low, high))
    _, shifts = meet_hz(bare, low_hz, high_hz, curves)
    static_hz = shifts[1, 1] - shifts[1, 0] - shifts[0, 1]
    left_hz = random.uniform(1e3, 4e3) * random.choice([-1.0, 1.0])
    return Coupler(low, high, coupling_hz, float(left_hz - static_hz))


def _crosstalk(n: int, random: np.random.Generator) -> tuple[tuple[tuple[float, float], ...], ...]:
    """Return about 1 % of each neighbour's drive, and 0.3 % of each further one, at random phases."""
    rows = []
    for q in range(n):
        row = []
        for j in range(n):
            size = 1.0 if j == q else random.uniform(0.8, 1.2) * (0.01 if abs(j - q) == 1 else 0.003)
            angle = 0.0 if j == q else random.uniform(0, 2 * math.pi)
            row.append((size * math.cos(angle), size * math.sin(angle)))
        rows.append(tuple(row))
    return tuple(rows)


def _cables(name: str) -> Cables:
    drive, flux, readout = (text.split() for text in _OUTPUTS[name])
    n = len(drive) // 2
    slots = _SLOTS.get(name, {})
    boxes = sorted({place.partition(":")[0] for place in (*drive, *flux, *readout)})
    dc = _BIASES.get(name) or ([f"dc0:{k + 1}" for k in range(n)] if flux else [""] * n)
    lo_drive, lo_readout = _CARRIERS.get(name, ("lo_drive", "lo_readout"))
    alone = bool(slots) or name in _BOARDS
    digitizer = readout[0].partition(":")[0] if alone else "dig0"
    tones = [lo_drive.format((connector(drive[2 * k + 1])[1]) // 2) for k in range(n)]
    return Cables(
        drive=tuple(DriveLine(drive[2 * k], drive[2 * k + 1], tones[k]) for k in range(n)),
        flux=tuple(FluxLine(flux[k] if flux else "", dc[k]) for k in range(n)),
        readout=Feedline(readout[0], readout[1], lo_readout, f"{digitizer}:1", f"{digitizer}:2"),
        triggers=_TRIGGERS.get(name, {}) if alone else dict.fromkeys((*boxes, "dig0"), "trig0:1"),
        events={box: "trig0:2" for box in boxes if box.startswith("awg")},
        slots=slots | _RACKS.get(name, {}),
        grid_hz=_GRIDS_HZ.get(name, 0.0),
        joined=_JOINED.get(name, {}),
        beside=_BESIDE.get(name, ()),
    )
