"""Draw the Rabi chevron of one transmon with T1 and T2, each detuning a run of one batch: `chevron.py [FILE.png]`."""

import sys

import numpy as np

import qctl

TWO_PI = 2 * np.pi
LOWER = np.diag(np.sqrt([1.0, 2.0]), 1)
NUMBER = np.diag([0.0, 1.0, 2.0])


def chevron(detunings_hz, n_slices=300, dt_s=1e-9, rabi_hz=10e6, t1_s=30e-6, t2_s=20e-6):
    """Return the population of level 1 after each slice: (n_detunings, n_slices + 1)."""
    anharmonicity = -TWO_PI * 220e6 / 2 * NUMBER @ (NUMBER - np.eye(3))
    hamiltonian = [anharmonicity, NUMBER, LOWER.T / 2]  # a real drive of the number operator is a detuning
    drives = np.empty((len(detunings_hz), n_slices, 2), complex)
    drives[..., 0] = TWO_PI * np.asarray(detunings_hz)[:, None]
    drives[..., 1] = TWO_PI * rabi_hz
    pure = 1 / t2_s - 1 / (2 * t1_s)
    collapse = [LOWER / np.sqrt(t1_s), np.sqrt(2 * pure) * NUMBER]
    level1 = np.diag([0.0, 1.0, 0.0])
    found = qctl.propagate(hamiltonian, drives, dt_s, collapse, [1, 0, 0], at=range(n_slices + 1), observables=[level1])
    return found[..., 0]


def draw(path):
    """Draw the chevron into a file."""
    from matplotlib.figure import Figure

    detunings_hz = np.linspace(-30e6, 30e6, 121)
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(
        chevron(detunings_hz).T, origin="lower", aspect="auto", extent=(-30, 30, 0, 300), vmin=0, vmax=1, cmap="viridis"
    )
    axes.set(xlabel="detuning in MHz", ylabel="length of the pulse in ns")
    figure.colorbar(image, label="population of level 1")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    draw(sys.argv[1] if len(sys.argv) > 1 else "chevron.png")
