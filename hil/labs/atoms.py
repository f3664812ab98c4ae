"""Built-in labs of neutral atoms: what is true of the array, its lab.toml, and what judges may know.

Nine rubidium atoms on a square grid, 5 um apart, with the Rydberg level n = 70: neighbours are blockaded below Rabi
frequencies of 55 MHz. C6 as pulser 1.9.1 has it; lifetime as I. Beterov et al., Phys. Rev. A 79, 052504 (2009), at
300 K; the errors of detection are those of P. Scholl et al., Nature 595, 233 (2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from math import dist
from typing import Any

import numpy as np

from qctl.hil.physics.atom_parameters import AtomArray, Light
from qctl.hil.plant.cables import Cables, Feedline
from qctl.hil.plant.file import AtomFile

__all__ = ["ATOM_LABS", "boxes_of_atoms", "describe_atoms", "draw_atoms", "true_atoms"]

ATOM_LABS = ("atoms9",)
_BOX, _MODEL = "atoms0", "qctl-atoms"
_C6 = 5.42015853e-24
_SIDE, _APART_M = 3, 5.0e-6
_LIFETIME_S = 1.5e-4
_BRIGHT, _DARK = 600.0, 60.0
_CHANNELS = ("rydberg_global", "rydberg_local", "raman_local")


def draw_atoms(name: str, seed: int) -> AtomFile:
    """Return the truth of a lab of atoms: frequencies up to 20 kHz, powers 0.5 % and traps 30 nm off."""
    random = np.random.default_rng([seed, 9, len(name)])
    middle = 0.5 * (_SIDE - 1) * _APART_M
    waists = (1.5e-4, 1.5e-6, 1.5e-6)
    light = {
        channel: Light(
            rabi_scale=1.0 + random.uniform(-0.005, 0.005),
            detuning_hz=random.uniform(-2e4, 2e4),
            waist_m=waist,
            center_m=(middle, middle),
            bandwidth_hz=random.uniform(3.5e7, 4.5e7),
        )
        for channel, waist in zip(_CHANNELS, waists, strict=True)
    }
    offsets = random.normal(0.0, 3e-8, (_SIDE**2, 2))
    array = AtomArray(
        c6_rad_m6_per_s=_C6,
        lifetime_s=_LIFETIME_S,
        light=light,
        offset_m=tuple((float(x), float(y)) for x, y in offsets),
        bright_counts=_BRIGHT,
        dark_counts=_DARK,
        lost=random.uniform(0.008, 0.012),
        recaptured=random.uniform(0.025, 0.035),
    )
    cables = Cables((), (), Feedline("", "", "", "", ""), {}, beside=(_BOX,))
    return AtomFile(array, cables, seed)


def boxes_of_atoms(file: AtomFile) -> dict[str, str]:
    """Return every instrument of a lab of atoms, with its model."""
    return {_BOX: _MODEL}


def true_atoms(array: AtomArray) -> dict[str, Any]:
    """Return the content of truth.json: detection errors by atom, and the light."""
    matrix = [[1 - array.lost, array.lost], [array.recaptured, 1 - array.recaptured]]
    qubits = {f"a{k}": {"readout_matrix": matrix, "offset_m": list(xy)} for k, xy in enumerate(array.offset_m)}
    light = {
        name: {"rabi_scale": one.rabi_scale, "detuning_hz": one.detuning_hz, "bandwidth_hz": one.bandwidth_hz}
        for name, one in array.light.items()
    }
    return {"qubits": qubits, "light": light, "lifetime_s": array.lifetime_s, "c6_rad_m6_per_s": array.c6_rad_m6_per_s}


def describe_atoms(name: str, file: AtomFile, addresses: Mapping[str, str]) -> str:
    """Return the text of lab.toml, with design values."""
    spots = {f"a{y * _SIDE + x}": (x * _APART_M, y * _APART_M) for y in range(_SIDE) for x in range(_SIDE)}
    lines = [
        f"# The built-in virtual lab {name}, seed {file.seed}: nine atoms, and the server of their register.",
        "schema = 1",
        f'name = "{name}"',
        "",
        "[processors.array0]",
        'platform = "atom"',
        f"qubits = [{', '.join(map(_quoted, spots))}]",
        'native_gates = ["rz", "sx", "cz"]',
        "shot_period_s = 0.4",
        f'trigger = "{_BOX}"',
        f"rydberg = {{ n = 70, c6_rad_m6_per_s = {_C6!r}, lifetime_s = {_LIFETIME_S!r}, max_rabi_hz = 2.5e6, "
        "min_distance_m = 4.0e-6 }",
        "",
    ]
    for atom, (x_m, y_m) in spots.items():
        lines += [
            f"[processors.array0.qubit.{atom}]",
            f"position_m = [{x_m!r}, {y_m!r}, 0.0]",
            "frequency_hz = 6.834682e9",
            "t1_s = 10.0",
            "t2_s = 1.0",
            'drive = { beam = "raman", length_s = 1.0e-6, amplitude_v = 0.025 }',
            f"readout = {{ length_s = 2.0e-2, threshold_counts = 300, bright_counts = {_BRIGHT}, "
            f"dark_counts = {_DARK} }}",
            "",
        ]
    for (first, a), (second, b) in combinations(spots.items(), 2):
        if dist(a, b) < 1.1 * _APART_M:
            lines += [
                f'[processors.array0.coupler."{first}-{second}"]',
                'cz = { beam = "rydberg_local", length_s = 8.0e-7, amplitude_v = 0.25 }',
                "",
            ]
    beams = (
        ("rydberg", "rydberg", 4.8e-7, "global", True),
        ("rydberg_local", "rydberg", 4.8e-7, "local", True),
        ("raman", "raman", 7.95e-7, "local", False),
        ("tweezers", "trap", 8.5e-7, "local", False),
    )
    for beam, purpose, wavelength_m, addressing, scaled in beams:
        lines += [f"[processors.array0.beam.{beam}]", f'purpose = "{purpose}"', f"wavelength_m = {wavelength_m!r}"]
        lines += [f'addressing = "{addressing}"']
        if purpose == "trap":
            lines += ["speed_m_per_s = 0.5", ""]
            continue
        lines += ["retarget_s = 2.2e-7"] if addressing == "local" else []
        lines += ["rabi_hz_per_v = 1.0e7"] if scaled else []
        lines += ["bandwidth_hz = 4.0e7", ""]
    lines += [
        f"[instruments.{_BOX}]",
        f'model = "{_MODEL}"',
        f'address = "{addresses[_BOX]}"',
        "timeout_s = 10.0",
        "clock_hz = 1.0e9",
        'reference = "internal"',
        'safe = { outputs = "off" }',
        "line.1 = { width_s = 1.0e-6 }",
        *(f"output.{k + 1} = {{ limits_v = [-0.5, 0.5], amplitude_vpp = 1.0 }}" for k in range(len(beams))),
        "",
    ]
    for k, (beam, *_) in enumerate(beams):
        lines += [f'[ports."{beam}.drive"]', f'output = "{_BOX}:{k + 1}"', ""]
    return "\n".join(lines)


def _quoted(name: str) -> str:
    return f'"{name}"'
