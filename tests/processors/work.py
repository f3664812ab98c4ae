"""What a processor makes of the same work, as hashes and arrays: run by each processor, compared by the test."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np

import qctl
from qctl import channels

GRID = tuple((4 * r + c, 4 * r + c + 1) for r in range(4) for c in range(3)) + tuple(
    (4 * r + c, 4 * r + c + 4) for r in range(3) for c in range(4)
)


def circuit(n_qubits: int, n_gates: int, seed: int) -> qctl.Circuit:
    """Return random gates on one and two qubits."""
    rng = np.random.default_rng(seed)
    c = qctl.Circuit(n_qubits)
    for _ in range(n_gates):
        kind = int(rng.integers(6))
        a, b = rng.permutation(n_qubits)[:2].tolist()
        angle = float(rng.uniform(-np.pi, np.pi))
        if kind < 2:
            (c.rx, c.rz)[kind](angle, a)
        elif kind == 2:
            c.h(a)
        elif kind == 3:
            c.cx(a, b)
        else:
            (c.cp, c.rzz)[kind - 4](angle, a, b)
    return c


def digest(*parts: bytes) -> str:
    """Return a hash of bytes."""
    return hashlib.sha256(b"".join(parts)).hexdigest()


def exact(lab: str) -> dict[str, str]:
    """Return hashes of what has to be the same, bit for bit, everywhere."""
    found = {}
    for level in range(4):
        made = [qctl.translate(circuit(12, 150, k), qctl.Target(edges=GRID), level=level, seed=k) for k in range(4)]
        found[f"level {level}"] = digest(*(one.to_bytes() for one in made))
    text = circuit(12, 150, 9).to_qasm()
    found["text"] = digest(text.encode(), qctl.Circuit.from_qasm(text).to_bytes(packed=True))
    ready = qctl.compile([circuit(3, 40, k) for k in range(3)], lab, shots=100)
    for one in ready.programs:
        blobs = [name.encode() + np.ascontiguousarray(one.blobs[name]).tobytes() for name in sorted(one.blobs)]
        found[one.instrument] = digest(one.body, *blobs)
    return found


def close() -> dict[str, np.ndarray]:
    """Return numbers that may differ in their last bits."""
    noise = qctl.NoiseModel().on(None, channels.depolarising(0.01)).on("cx", channels.depolarising(0.02, 2))
    levels = np.arange(3.0)
    lower = np.diag(np.sqrt(levels[1:]), 1).astype(complex)
    hamiltonian = [np.diag(-1e9 * levels * (levels - 1)), lower.T / 2]
    drives = np.random.default_rng(0).normal(size=(3, 50, 1)) * 1e8 + 0j
    return {
        "double": qctl.simulate(circuit(10, 120, 3)).statevector,
        "single": qctl.simulate(circuit(10, 120, 3), precision="single").statevector,
        "density": qctl.simulate(circuit(6, 60, 5), noise=noise, method="density").density_matrix,
        "propagate": qctl.propagate(hamiltonian, drives, 1e-9, [1e3 * lower], [1, 0, 0]),
    }


if __name__ == "__main__":
    lab, out = sys.argv[1:]
    np.savez(Path(out), **close(), **{f"hash {name}": np.array(text) for name, text in exact(lab).items()})
