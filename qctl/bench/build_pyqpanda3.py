"""The building cases in the words of pyqpanda3."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["bind", "fourier", "mixed", "time_crystal"]


def mixed(rows: list[tuple[float, int, int]], n_qubits: int) -> Callable[[], Any]:
    """Append rx, ry, rz, h and cx for each row of an angle and two qubits."""
    from pyqpanda3.core import CNOT, RX, RY, RZ, H, QCircuit

    def run() -> Any:
        c = QCircuit(n_qubits)
        for t, q, r in rows:
            c << RX(q, t)
            c << RY(r, t)
            c << RZ(q, t)
            c << H(r)
            c << CNOT(q, r)
        return c

    return run


def fourier(n_qubits: int) -> Callable[[], Any]:
    """Append the gates of a quantum Fourier transform."""
    from pyqpanda3.core import CP, SWAP, H, QCircuit

    def run() -> Any:
        c = QCircuit(n_qubits)
        for i in range(n_qubits - 1, -1, -1):
            c << H(i)
            for j in range(i - 1, -1, -1):
                c << CP(j, i, math.pi / 2 ** (i - j))
        for i in range(n_qubits // 2):
            c << SWAP(i, n_qubits - 1 - i)
        return c

    return run


def time_crystal(n_qubits: int, n_cycles: int) -> Callable[[], Any]:
    """Build the circuits of 0 to `n_cycles` cycles, each from the one before and a cycle."""
    from pyqpanda3.core import RX, RZ, RZZ, QCircuit

    def run() -> Any:
        rng = np.random.default_rng(12345)
        cycle = QCircuit(n_qubits)
        for q in range(n_qubits):
            cycle << RX(q, 0.95 * np.pi)
        for parity in (0, 1):
            for q in range(parity, n_qubits - 1, 2):
                cycle << RZZ(q, q + 1, 2 * rng.uniform(np.pi / 16, 3 * np.pi / 16))
        for q in range(n_qubits):
            cycle << RZ(q, rng.uniform(-np.pi, np.pi) * np.pi)
        circuits = [QCircuit(n_qubits)]
        for _ in range(n_cycles):
            longer = QCircuit(n_qubits)
            longer << circuits[-1] << cycle
            circuits.append(longer)
        return circuits

    return run


def bind(n_qubits: int, values: np.ndarray, named: bool) -> Callable[[], Any]:
    """Put numbers in place of the parameters of five layers of ry and rz with chains of cx between."""
    from pyqpanda3.core import CNOT, RY, RZ
    from pyqpanda3.vqcircuit import VQCircuit

    ansatz = VQCircuit()
    ansatz.set_Param([len(values)])
    names = iter(range(len(values)))
    for layer in range(5):
        for kind in (RY, RZ):
            for q in range(n_qubits):
                k = next(names)
                ansatz << kind(q, ansatz.Param([k], f"p{k}"))
        for q in range(n_qubits - 1 if layer < 4 else 0):
            ansatz << CNOT(q, q + 1)
    given = {f"p{k}": value for k, value in enumerate(values.tolist())}
    if named:  # it takes them in order alone
        return lambda: ansatz(np.array([given[f"p{k}"] for k in range(len(given))])).at([])
    return lambda: ansatz(values).at([])
