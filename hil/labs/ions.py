"""The built-in labs of trapped ions: from a seed to a chain, its cables, a lab.toml whose values are a little off.

Ytterbium ions across whose axis Raman beams push, one for each ion, so that any pair can be entangled: one synthesiser
output a beam, its two tones for Moelmer-Soerensen gates. Doppler cooling, cooling by electromagnetically induced
transparency, and optical pumping begin each shot.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np

from qctl.hil.labs.crystal import transverse_modes
from qctl.hil.physics.ions import Beam, Chain, Ion, Mode
from qctl.hil.plant.file import IonFile
from qctl.hil.plant.ion_block import IonCables

__all__ = ["LABS", "boxes_of_ions", "describe_ions", "draw_ions", "gate_v", "half_pulse_v", "true_ions"]

LABS = {"ions1": 1, "ions4": 4}
_BOX = "ctl0"
_LO_HZ, _QUBIT_HZ = 1.2442812e10, 1.2642812e10
_AXIAL_HZ, _RADIAL_HZ, _LAMB_DICKE = 8.0e5, 3.05e6, 0.1
_NAMES = ("com", "tilt", "bend", "zigzag")
_HALF_S, _PEAK_V = 2.5e-6, 0.5
_GATE_S, _GATE_HZ = 1e-4, 1e4
_DETECT_S, _THRESHOLD = 3e-4, 6
_COOL_HZ = 2e8
_STEPS = (("cool", 1e-3), ("eit", 5e-4), ("pump", 2e-5))
_LIGHT_V = 0.3


def draw_ions(name: str, seed: int) -> IonFile:
    """Return the truth of a built-in lab of ions."""
    n = LABS[name]
    random = np.random.default_rng([seed, n, 2])
    ions = tuple(
        Ion(f"i{k}", _QUBIT_HZ + random.uniform(-40, 40), random.uniform(7e4, 8e4), random.uniform(800, 1200))
        for k in range(n)
    )
    frequencies, shapes = transverse_modes(n, _AXIAL_HZ, _RADIAL_HZ)
    modes = tuple(
        Mode(
            _NAMES[m],
            float(hz) + random.uniform(-100, 100),
            tuple(float(_LAMB_DICKE * math.sqrt(_RADIAL_HZ / hz) * part) for part in shapes[:, m]),
            40.0,
            random.uniform(20, 60),
        )
        for m, hz in enumerate(frequencies)
    )
    everyone = tuple(range(n))
    beams = tuple(Beam(f"raman{k}", "drive", (k,), _LO_HZ, 5e5 * random.uniform(0.985, 1.015)) for k in range(n))
    beams += (
        Beam("cool", "doppler", everyone, _COOL_HZ, 2e4 / _LIGHT_V, 1e7, 6.0),
        Beam("eit", "eit", everyone, _COOL_HZ, 2e4 / _LIGHT_V, 1e6, random.uniform(0.03, 0.06)),
        Beam("pump", "pump", everyone, _COOL_HZ, 1e6 / _LIGHT_V, 1e7),
        Beam("detect", "detect", everyone, _COOL_HZ, 1 / _LIGHT_V, 1e7),
    )
    # A beam of its own for each ion has two tones; synthesisers from 1 on are one for each beam, then the second ones.
    numbers = {beam.name: (k + 1, len(beams) + k + 1)[: 1 + (k < n)] for k, beam in enumerate(beams)}
    places = {name: tuple(f"{_BOX}:{number}" for number in found) for name, found in numbers.items()}
    counters = {ion.name: f"{_BOX}:{k + 1}" for k, ion in enumerate(ions)}
    return IonFile(Chain(ions, modes, beams), IonCables(places, counters, {"cool": f"{_BOX}:1"}, _PEAK_V), seed)


def boxes_of_ions(file: IonFile) -> dict[str, str]:
    """Return every instrument of a lab of ions, with its model."""
    return {_BOX: "qctl-sequencer"}


def half_pulse_v(chain: Chain, ion: int) -> float:
    """Return the volts of the pi/2 pulse."""
    return float(0.25 / _HALF_S / (_drive(chain, ion).strength_per_v * _weakened(chain, ion)))


def gate_v(chain: Chain, first: int, second: int) -> float:
    """Return the volts of each tone of the XX(pi/2) gate of two ions whose beams were equally strong.

    The phase that ions gather is the sum over modes of eta_1 eta_2 Omega^2 / 2 (tau / delta - sin(delta tau) / delta^2)
    (C. F. Roos, New J. Phys. 10, 013002 (2008)), of the two modes that the plant keeps quantum.
    """
    beat_hz = chain.modes[0].frequency_hz + _GATE_HZ
    area = 0.0
    for mode in chain.modes[:2]:
        delta = 2 * math.pi * (beat_hz - mode.frequency_hz)
        loop = _GATE_S / delta - math.sin(delta * _GATE_S) / delta**2
        area += mode.lamb_dicke[first] * mode.lamb_dicke[second] * loop / 2
    rabi_hz = math.sqrt(math.pi / 4 / abs(area)) / (2 * math.pi)
    strengths = [_drive(chain, q).strength_per_v * _weakened(chain, q) for q in (first, second)]
    return rabi_hz / math.sqrt(strengths[0] * strengths[1])


def _drive(chain: Chain, ion: int) -> Beam:
    return next(beam for beam in chain.beams if beam.kind == "drive" and ion in beam.ions)


def _weakened(chain: Chain, ion: int) -> float:
    """Return how much weaker motion makes a carrier."""
    n_bar = next(beam.n_bar for beam in chain.beams if beam.kind == "eit")
    return math.exp(-sum(mode.lamb_dicke[ion] ** 2 * (n_bar + 0.5) for mode in chain.modes))


def true_ions(file: IonFile) -> dict[str, Any]:
    """Return the content of truth.json."""
    chain = file.chain
    qubits = {
        ion.name: {"frequency_hz": ion.frequency_hz, "amplitude_v": half_pulse_v(chain, k)}
        for k, ion in enumerate(chain.ions)
    }
    couplers = {
        f"{chain.ions[a].name}-{chain.ions[b].name}": {"amplitude_v": gate_v(chain, a, b)}
        for a, b in combinations(range(len(chain.ions)), 2)
    }
    modes = {mode.name: {"frequency_hz": mode.frequency_hz, "lamb_dicke": mode.lamb_dicke} for mode in chain.modes}
    gates = {"rz": {"length_s": 0.0}, "rphi": {"length_s": _HALF_S}, "measure": {"length_s": _DETECT_S}}
    if couplers:
        gates["ms"] = {"length_s": _GATE_S}
    return {"qubits": qubits, "couplers": couplers, "gates": gates, "modes": modes}


def describe_ions(name: str, file: IonFile, addresses: Mapping[str, str]) -> str:
    """Return the text of lab.toml; frequencies are up to 40 Hz off, modes 150 Hz, amplitudes 1.5 %."""
    chain = file.chain
    random = np.random.default_rng([file.seed, 78])
    names = [ion.name for ion in chain.ions]
    gates = ("rz", "rphi", "ms(pi/2)") if len(names) > 1 else ("rz", "rphi")
    lines = [
        f"# The built-in virtual lab {name}, seed {file.seed}; design values are a little off.",
        "schema = 1",
        f'name = "{name}"',
        "",
        "[processors.qpu0]",
        'platform = "ion"',
        f"qubits = [{_quoted(names)}]",
        f"native_gates = [{_quoted(gates)}]",
        "shot_period_s = 5.0e-3",
        f'trigger = "{_BOX}"',
        f'detection = {{ beam = "detect", amplitude_v = {_LIGHT_V} }}',
        "preparation = [",
        *(f'  {{ beam = "{beam}", length_s = {length_s!r}, amplitude_v = {_LIGHT_V} }},' for beam, length_s in _STEPS),
        "]",
        "",
    ]
    for k, ion in enumerate(chain.ions):
        lines += [
            f"[processors.qpu0.qubit.{ion.name}]",
            f"frequency_hz = {_QUBIT_HZ!r}",
            "t1_s = 1.0e3",
            "t2_s = 1.0",
            f'drive = {{ beam = "raman{k}", length_s = {_HALF_S!r}, '
            f"amplitude_v = {half_pulse_v(chain, k) * random.uniform(0.985, 1.015):.5g} }}",
            f"readout = {{ length_s = {_DETECT_S!r}, threshold_counts = {_THRESHOLD}, bright_counts = 22.0, "
            f"dark_counts = 0.3 }}",
            "",
        ]
    for mode in chain.modes:
        etas = ", ".join(f"{n} = {eta:.4f}" for n, eta in zip(names, mode.lamb_dicke, strict=True))
        lines += [
            f"[processors.qpu0.mode.{mode.name}]",
            'axis = "x"',
            f"frequency_hz = {round(mode.frequency_hz + random.uniform(-150, 150), -1)!r}",
            f"lamb_dicke = {{ {etas} }}",
            "n_bar = 0.05",
            "heating_per_s = 40.0",
            "",
        ]
    for a, b in combinations(range(len(names)), 2):
        volts = gate_v(chain, a, b) * random.uniform(0.985, 1.015)
        lines += [
            f'[processors.qpu0.coupler."{names[a]}-{names[b]}"]',
            f'ms = {{ mode = "com", length_s = {_GATE_S!r}, amplitude_v = {volts:.5g}, detuning_hz = {_GATE_HZ!r} }}',
            "",
        ]
    return "\n".join([*lines, *_beams(file), *_box(file, addresses[_BOX]), *_ports(file)]) + "\n"


_PURPOSES = {"drive": "raman", "doppler": "cooling", "eit": "cooling", "pump": "repump", "detect": "detection"}


def _beams(file: IonFile) -> list[str]:
    lines = []
    for beam in file.chain.beams:
        lines += [f"[processors.qpu0.beam.{beam.name}]", f'purpose = "{_PURPOSES[beam.kind]}"']
        if beam.kind == "drive":
            ions = [file.chain.ions[q].name for q in beam.ions]
            lines += ["wavelength_m = 3.55e-7", f"qubits = [{_quoted(ions)}]", 'addressing = "local"', ""]
        else:
            lines += ["wavelength_m = 3.69e-7", f"modulator_hz = {_COOL_HZ!r}", ""]
    return lines


def _box(file: IonFile, address: str) -> list[str]:
    cables = file.cables
    lines = [
        f"[instruments.{_BOX}]", 'model = "qctl-sequencer"', f'address = "{address}"', 'group = "rack"',
        "timeout_s = 10.0", "clock_hz = 1.0e9", 'reference = "internal"', 'safe = { outputs = "off" }',
        "line.1 = { width_s = 1.0e-6 }",
    ]  # fmt: skip
    for places in cables.beams.values():
        number, *more = (place.partition(":")[2] for place in places)
        lo = f", lo_hz = {_LO_HZ!r}, tones = [{', '.join((number, *more))}]" if more else ""
        lines.append(f"output.{number} = {{ limits_v = [-{_PEAK_V}, {_PEAK_V}], amplitude_vpp = {2 * _PEAK_V}{lo} }}")
    for place in cables.shutters.values():
        line = 32 + int(place.partition(":")[2])
        lines.append(f"output.{line} = {{ limits_v = [0.0, 5.0], amplitude_vpp = 3.3, offset_v = 1.65 }}")
    lines += [f"input.{place.partition(':')[2]} = {{ range_v = 3.3 }}" for place in cables.counters.values()]
    return [*lines, ""]


def _ports(file: IonFile) -> list[str]:
    cables = file.cables
    lines = []
    for beam, (place, *_) in cables.beams.items():
        lines += [f'[ports."{beam}.drive"]', f'output = "{place}"', ""]
    for beam, place in cables.shutters.items():
        box, _, number = place.partition(":")
        lines += [f'[ports."{beam}.ttl"]', f'output = "{box}:{32 + int(number)}"', ""]
    for ion, place in cables.counters.items():
        lines += [f'[ports."{ion}.readout"]', f'acquire = "{place}"', ""]
    return lines


def _quoted(names: Any) -> str:
    return ", ".join(f'"{name}"' for name in names)
