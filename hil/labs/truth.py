"""What judges may know of a lab: true frequencies, lifetimes, pulse amplitudes, readout and coupling."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.cext import qutrit
from qctl.hil.labs.draw import LO_DRIVE_HZ, LO_READOUT_HZ
from qctl.hil.physics.couplings import rest_of
from qctl.hil.physics.lines import Lines, Run
from qctl.hil.physics.parameters import Processor, Transmon, tuned_frequency_hz
from qctl.hil.physics.readout import N_BINS, Window, answer_readout
from qctl.hil.physics.relaxation import equilibrium, sample_relaxation

__all__ = [
    "CZ_RISE_S",
    "PULSE_S",
    "READOUT_DELAY_S",
    "READOUT_S",
    "READOUT_V",
    "SIGMA_S",
    "beta_s",
    "cz_length_s",
    "cz_voltage_v",
    "half_pulse_v",
    "readout_hz",
    "true_values",
]

RATE_HZ = 1.2e9
PULSE_S, SIGMA_S = 2.0e-8, 5.0e-9
READOUT_S, READOUT_DELAY_S, READOUT_V = 1.0e-6, 1.0e-7, 0.05
CZ_RISE_S = 2.0e-9
_BAND_HZ = 2.0e8


def true_values(processor: Processor) -> dict[str, Any]:
    """Return the content of truth.json (design.md, section 7).

    readout_matrix[i][j] is the probability to read j after preparing i with ideal gates from rest, so
    it holds the thermal population as well.
    """
    rest = rest_of(processor, (0.0,) * len(processor.transmons))
    qubits, couplers = {}, {}
    for k, transmon in enumerate(processor.transmons):
        level1, level2 = (float(level) for level in rest.levels_hz[k])
        qubits[transmon.name] = {
            "frequency_hz": level1,
            "anharmonicity_hz": level2 - 2 * level1,
            "t1_s": transmon.t1_s,
            "t2_s": transmon.t2_s,
            "amplitude_v": half_pulse_v(transmon, level1),
            "readout_matrix": readout_matrix(processor, k),
        }
    longest = 0.0
    for k, coupler in enumerate(processor.couplers):
        length_s = cz_length_s(coupler.coupling_hz)
        longest = max(longest, length_s)
        couplers[pair_name(processor, k)] = {
            "coupling_hz": coupler.coupling_hz,
            "zz_hz": float(rest.zz_hz[k, 1, 1]),
            "cz_length_s": length_s,
        }
    gates = {"rz": {"length_s": 0.0}, "sx": {"length_s": PULSE_S}, "measure": {"length_s": READOUT_S}}
    if couplers:
        gates["cz"] = {"length_s": longest}
    return {"qubits": qubits, "couplers": couplers, "gates": gates}


def pair_name(processor: Processor, coupler: int) -> str:
    """Return a coupler's name in lab.toml, lower index first."""
    found = processor.couplers[coupler]
    return "-".join(processor.transmons[k].name for k in sorted((found.low, found.high)))


def beta_s(transmon: Transmon) -> float:
    """Return the DRAG coefficient that a designer would take: half the inverse of the nominal anharmonicity."""
    return round(0.5 / (2 * math.pi * abs(round(transmon.anharmonicity_hz, -7))), 11)


def half_pulse_v(transmon: Transmon, frequency_hz: float) -> float:
    """Return the peak volts of the nominal pi/2 pulse: two of them excite best."""
    times = (np.arange(round(PULSE_S * RATE_HZ)) + 0.5) / RATE_HZ - PULSE_S / 2
    floor = math.exp(-0.5 * (PULSE_S / 2 / SIGMA_S) ** 2)
    bell = np.exp(-0.5 * (times / SIGMA_S) ** 2)
    shape = ((bell - floor) - 1j * beta_s(transmon) * bell * (-times / SIGMA_S**2)) / (1 - floor)
    offset_hz = frequency_hz - LO_DRIVE_HZ
    carrier = np.exp(2j * np.pi * offset_hz * np.arange(2 * times.size) / RATE_HZ)
    omega = 2 * np.pi * transmon.drive_hz_per_v * np.conj(np.tile(shape, 2) * carrier)
    levels = 2 * np.pi * np.array([[offset_hz, 2 * offset_hz + transmon.anharmonicity_hz]])
    still = sample_relaxation(1.0, 1.0, 0.0, 1 / RATE_HZ)

    def excited(peak_v: float) -> float:
        states = np.zeros((1, 3, 3), complex)
        states[0, 0, 0] = 1
        qutrit.propagate(np.ascontiguousarray(peak_v * omega), levels, 1 / RATE_HZ, still, states)
        return float(states[0, 1, 1].real)

    first_v = 0.25 * RATE_HZ / (transmon.drive_hz_per_v * shape.real.sum() * np.sinc(offset_hz / RATE_HZ))
    peaks = first_v * np.linspace(0.9, 1.1, 21)
    curve = np.polyfit(peaks / first_v, [excited(peak) for peak in peaks], 4)
    fine = np.linspace(0.9, 1.1, 4001)
    return float(first_v * fine[np.argmax(np.polyval(curve, fine))])


def cz_length_s(coupling_hz: float) -> float:
    """Return the length of a flux pulse that brings 11 through 02 and back; its edges count half."""
    return 1 / (2 * math.sqrt(2) * coupling_hz) + CZ_RISE_S


def cz_voltage_v(processor: Processor, coupler: int) -> float:
    """Return the fast flux voltage that brings 11 and 02 of the moved transmon into resonance."""
    found = processor.couplers[coupler]
    low, high = processor.transmons[found.low], processor.transmons[found.high]
    wanted = low.frequency_hz - high.anharmonicity_hz + found.cross_kerr_hz
    volts = np.linspace(0.0, 0.4 / high.flux_per_v, 8001)
    return float(np.interp(-wanted, -tuned_frequency_hz(high, volts), volts))


def readout_hz(transmon: Transmon) -> float:
    """Return the readout frequency between the resonances with level 0 and 1, where phases differ most."""
    return (transmon.resonator.frequency_hz[0] + transmon.resonator.frequency_hz[1]) / 2


def _readout_lo_hz(processor: Processor) -> float:
    """Return the LO of the racks that have one; where resonators are too far from it, a frequency among theirs."""
    first_hz = readout_hz(processor.transmons[0])
    return LO_READOUT_HZ if abs(first_hz - LO_READOUT_HZ) < _BAND_HZ else first_hz


def readout_matrix(processor: Processor, qubit: int) -> list[list[float]]:
    """Return the (2, 2) assignment probabilities of the nominal readout: boxcar, threshold half way.

    The record's noise is Gaussian, so each path of levels gives a normal distribution of the integrated
    signal; other transmons are read out at the same time and are in level 0.
    """
    n_samples = round(READOUT_S * 5e8)
    times = np.arange(round(READOUT_S * RATE_HZ)) / RATE_HZ
    volts = np.zeros(times.size, complex)
    lo_hz = _readout_lo_hz(processor)
    for transmon in processor.transmons:
        volts += READOUT_V * np.exp(2j * np.pi * (readout_hz(transmon) - lo_hz) * times)
    n = len(processor.transmons)
    silent: tuple[tuple[Run, ...], ...] = ((),) * n
    lines = Lines(RATE_HZ, silent, (LO_DRIVE_HZ,) * n, silent, (0.0,) * n, (Run(0, volts),), lo_hz)
    answer = answer_readout(processor, lines, Window(READOUT_DELAY_S, 5e8, n_samples))
    seen_s = READOUT_DELAY_S + np.arange(n_samples) / 5e8
    offset_hz = readout_hz(processor.transmons[qubit]) - lo_hz
    turn = np.exp(-2j * np.pi * offset_hz * seen_s) / n_samples

    def point(path: int) -> complex:
        return complex(answer.path(qubit, path) @ turn)

    zero, one = point(0), point(1)
    axis = (one - zero) / abs(one - zero)
    spread = processor.noise_v / math.sqrt(n_samples)

    def above(path: int) -> float:
        distance = ((point(path) - (zero + one) / 2) * axis.conjugate()).real
        return 0.5 * math.erfc(-distance / spread / math.sqrt(2))

    def reads_one(level: int) -> float:
        kind = {1: 0, 2: 1, 0: 2}[level]
        shares: NDArray[np.float64] = answer.shares[qubit][kind]
        jumped = sum(float(share) * above(3 + kind * N_BINS + k) for k, share in enumerate(shares))
        return jumped + (1 - float(shares.sum())) * above(level)

    start = equilibrium(processor.transmons[qubit].thermal)
    flipped = (start[1], start[0], start[2])
    ones = [sum(float(p) * reads_one(level) for level, p in enumerate(found)) for found in (start, flipped)]
    return [[1 - one, one] for one in ones]
