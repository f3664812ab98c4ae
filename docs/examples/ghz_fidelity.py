"""Plots how depolarising noise lowers a GHZ state's fidelity: the density matrix beside trajectories."""

import sys
from itertools import combinations

import matplotlib
import numpy as np

import qctl
from qctl.simulation.observables import PauliSum

N_QUBITS = 5


def circuit():
    """Return the circuit that makes the GHZ state."""
    c = qctl.Circuit(N_QUBITS)
    c.h(0)
    for q in range(N_QUBITS - 1):
        c.cx(q, q + 1)
    return c


def projector():
    """Return |GHZ><GHZ| as Pauli strings: pairs of Z, and X everywhere with an even number of them turned to Y."""
    terms = {}
    for k in range(0, N_QUBITS + 1, 2):
        for chosen in combinations(range(N_QUBITS), k):
            terms[" ".join(f"Z{q}" for q in chosen)] = 2.0**-N_QUBITS
            flips = " ".join(f"{'Y' if q in chosen else 'X'}{q}" for q in range(N_QUBITS))
            terms[flips] = (-1) ** (k // 2) * 2.0**-N_QUBITS
    return PauliSum(terms)


def curves(strengths, shots=400):
    """Return the fidelity at each strength: exact, mean over shots, its standard error."""
    rows = []
    for p in strengths:
        noise = qctl.NoiseModel().on("cx", qctl.channels.depolarising(p, 2))
        exact = qctl.simulate(circuit(), noise=noise, method="density").expectation(projector())
        played = qctl.simulate(circuit(), shots=shots, seed=1, noise=noise, method="trajectories")
        rows.append((exact, *played.mean_and_error(projector())))
    return np.array(rows).T


def main(target):
    """Write the plot."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    strengths = np.linspace(0, 0.2, 9)
    exact, mean, error = curves(strengths)
    figure, axes = pyplot.subplots(figsize=(6, 3.6), layout="constrained")
    axes.plot(strengths, exact, label="density matrix")
    axes.errorbar(strengths, mean, error, fmt="o", capsize=3, label="400 trajectories")
    axes.set(xlabel="probability of an error after each cx", ylabel=f"fidelity of GHZ-{N_QUBITS}", ylim=(0, 1.02))
    axes.legend()
    figure.savefig(target, dpi=120)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "ghz_fidelity.png")
