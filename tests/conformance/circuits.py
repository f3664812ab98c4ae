"""Circuits that every target of the conformance tests is asked for."""

from __future__ import annotations

import numpy as np

import qctl


def randomized(n_qubits, n_pulses, seed):
    """Return a circuit of random π/2 pulses about random axes of the equator, between barriers, and its measurement."""
    rng = np.random.default_rng(seed)
    c = qctl.Circuit(n_qubits)
    for k in range(n_pulses):
        for q in range(n_qubits):
            c.rz(float(rng.integers(4)) * np.pi / 2, q)
            c.sx(q)
        c.barrier(*range(n_qubits))
        if n_qubits == 2 and k % 4 == 3:
            c.cz(0, 1)
            c.barrier(0, 1)
    c.measure_all()
    return c
