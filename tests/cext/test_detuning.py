"""Transmons whose flux moves, against slow NumPy and the energies of a whole Hamiltonian."""

import numpy as np
import pytest

from qctl.cext import detuning

PARTS = {"offset": -0.004, "per_v": 0.65, "static": 0.02, "asymmetry": 0.2, "frequency_hz": 5.1e9}
CURVES_HZ = -3.1e8, -2.9e8


def slow_frequency(volts, offset, per_v, static, asymmetry, frequency_hz, anharmonicity_hz):
    def bent(flux):
        return (np.cos(np.pi * flux) ** 2 + asymmetry**2 * np.sin(np.pi * flux) ** 2) ** 0.25

    rest_hz = frequency_hz - anharmonicity_hz
    return rest_hz * bent(offset + per_v * volts + static) / bent(offset) + anharmonicity_hz


def slow_meeting(low_hz, high_hz, coupling_hz, kerr_hz, curves_hz):
    low_hz, high_hz = np.broadcast_arrays(low_hz, high_hz)
    apart = high_hz - low_hz
    nearest = min(np.abs(apart).min(), np.abs(apart - curves_hz[0]).min(), np.abs(apart + curves_hz[1]).min())
    energies = [
        np.stack([0 * f, f, 2 * f + curve], axis=1) for f, curve in zip((low_hz, high_hz), curves_hz, strict=True)
    ]
    shifts = kerr_hz * np.multiply.outer(np.arange(3.0), np.arange(3.0))
    total = energies[0][:, :, None] + energies[1][:, None, :] + shifts
    for a in range(2):
        for b in range(1, 3):
            push = np.mean(coupling_hz**2 * (a + 1) * b / (total[:, a, b] - total[:, a + 1, b - 1]))
            shifts[a, b] += push
            shifts[a + 1, b - 1] -= push
    return nearest, shifts


@pytest.mark.parametrize("n", [0, 1, 2, 57])
def test_frequencies_are_those_of_the_formula(n):
    volts = np.random.default_rng(n).normal(scale=0.4, size=n)
    found = np.full(n, np.nan)
    detuning.tune(volts, *PARTS.values(), CURVES_HZ[0], found)
    np.testing.assert_allclose(found, slow_frequency(volts, **PARTS, anharmonicity_hz=CURVES_HZ[0]), rtol=1e-14)


def test_a_transmon_at_its_offset_has_its_own_frequency():
    found = np.empty(1)
    detuning.tune(np.zeros(1), 0.01, 0.6, 0.0, 0.2, 4.9e9, -3e8, found)
    assert found[0] == pytest.approx(4.9e9, rel=1e-15)


@pytest.mark.parametrize(("n_low", "n_high"), [(1, 1), (1, 40), (40, 1), (40, 40), (2, 2)])
def test_meetings_are_those_of_slow_numpy(n_low, n_high):
    random = np.random.default_rng(n_low + 2 * n_high)
    low, high = 4.8e9 + 1e7 * random.normal(size=n_low), 5.9e9 + 2e7 * random.normal(size=n_high)
    shifts = np.full((3, 3), np.nan)
    nearest = detuning.meet(low, high, 4.4e6, -2e5, *CURVES_HZ, shifts)
    wanted, mean = slow_meeting(low, high, 4.4e6, -2e5, CURVES_HZ)
    assert nearest == pytest.approx(wanted, rel=1e-14)
    np.testing.assert_allclose(shifts, mean, rtol=1e-12, atol=1e-9)


def test_shifts_far_from_resonance_are_those_of_the_whole_hamiltonian():
    low, high, coupling, kerr = 4.8e9, 6.3e9, 4.4e6, -2e5
    n = np.arange(3)
    alone = np.add.outer(*(n * f + n * (n - 1) / 2 * curve for f, curve in zip((low, high), CURVES_HZ, strict=True)))
    total = np.diag((alone + kerr * np.outer(n, n)).ravel())
    lower = np.kron(np.diag(np.sqrt([1.0, 2.0]), 1), np.eye(3)), np.kron(np.eye(3), np.diag(np.sqrt([1.0, 2.0]), 1))
    hop = coupling * lower[0].T @ lower[1]
    energies = np.linalg.eigvalsh(total + hop + hop.T)[np.argsort(np.argsort(alone.ravel()))].reshape(3, 3)
    shifts = np.empty((3, 3))
    detuning.meet(np.array([low]), np.array([high]), coupling, kerr, *CURVES_HZ, shifts)
    np.testing.assert_allclose(shifts, energies - alone, atol=20)  # the fourth order is below 20 Hz


@pytest.mark.parametrize("apart_hz", [0.0, CURVES_HZ[0], -CURVES_HZ[1]])
def test_each_resonance_is_met(apart_hz):
    high = 5e9 + apart_hz + np.linspace(-1e8, 1e8, 5)[::2]
    assert detuning.meet(np.array([5e9]), high, 4e6, 0.0, *CURVES_HZ, np.empty((3, 3))) == pytest.approx(0.0, abs=1e-3)


def test_shapes_that_do_not_fit_are_refused():
    two, three, shifts = np.zeros(2), np.zeros(3), np.zeros((3, 3))
    with pytest.raises(ValueError, match="3 samples, not 2"):
        detuning.tune(two, *PARTS.values(), CURVES_HZ[0], three)
    none = two[:0]
    for low, high, room in ((two, three, shifts), (three, none, shifts), (none, none, shifts), (two, two, shifts[:2])):
        with pytest.raises(ValueError, match=f"low_hz {len(low)}, high_hz {len(high)}"):
            detuning.meet(low, high, 1.0, 0.0, *CURVES_HZ, room)
