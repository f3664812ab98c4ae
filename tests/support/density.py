"""A density-matrix simulation of a native circuit with T1, T2, gate times and readout errors, to judge counts by.

It shares nothing with the virtual lab's physics: two levels, ideal gates at their ends, and between them the exact
solution of the Lindblad equation of one idle qubit, which QuTiP makes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import qutip

from qctl.program.opcodes import Op

_SX = np.array([[1 + 1j, 1 - 1j], [1 - 1j, 1 + 1j]]) / 2


@dataclass(frozen=True)
class Gate:
    """One native gate, a delay or a measurement on numbered qubits, with its length."""

    op: Op
    qubits: tuple[int, ...]
    angle: float = 0.0
    bit: int = -1
    length_s: float = 0.0


def gates_of(native: Any, truth: Mapping[str, Any], names: tuple[str, ...]) -> list[Gate]:
    """Return the gates of a translated program, with the true lengths."""
    body, found = native.body, []
    sx_s = truth["gates"]["sx"]["length_s"]
    for place, row in enumerate(body.instructions):
        op = Op(int(row["op"]))
        if op is Op.MEASURE:
            found.append(Gate(op, (int(row["a"]),), bit=int(row["b"])))
            continue
        if op is Op.BARRIER:
            continue
        if op is Op.DELAY:
            raise AssertionError("delays are judged by tests of their own")
        _, qubits, params, n_controls = body.gate(place)
        assert n_controls == 0 and op in (Op.RZ, Op.SX, Op.CZ), f"{op.name} is not native"
        if op is Op.CZ:
            pair = "-".join(names[q] for q in sorted(qubits))
            found.append(Gate(op, tuple(qubits), length_s=truth["couplers"][pair]["cz_length_s"]))
        elif op is Op.SX:
            found.append(Gate(op, tuple(qubits), length_s=sx_s))
        else:
            found.append(Gate(op, tuple(qubits), float(params[0])))
    return found


def counted(gates: list[Gate]) -> tuple[int, int]:
    """Return how many two-qubit gates and one-qubit pulses a circuit has."""
    return sum(gate.op is Op.CZ for gate in gates), sum(gate.op is Op.SX for gate in gates)


def probabilities(
    gates: list[Gate], truth: Mapping[str, Any], names: tuple[str, ...], n_bits: int, noisy: bool = True
) -> dict[str, float]:
    """Return the probability of each bit string, bit 0 rightmost.

    Gates are as late as what follows them allows, measurements at the end, all at once. A qubit that has not been
    touched rests in its ground state; thermal excitation is in the readout matrix of truth.json.
    """
    used = sorted({q for gate in gates for q in gate.qubits})
    place = {q: k for k, q in enumerate(used)}
    n = len(used)
    end_s = _ends(gates)
    last = max(end_s)
    rho = np.zeros((2,) * (2 * n), complex)
    rho[(0,) * (2 * n)] = 1
    since = dict.fromkeys(used, 0.0)
    measured: dict[int, int] = {}
    for gate, stop in sorted(zip(gates, end_s, strict=True), key=lambda pair: -pair[1]):
        if gate.op is Op.MEASURE:
            measured[gate.bit] = gate.qubits[0]
            continue
        for q in gate.qubits:
            if noisy:
                rho = _relax(rho, place[q], n, last - stop - since[q] + gate.length_s / 2, truth["qubits"][names[q]])
            since[q] = last - stop + gate.length_s / 2
        rho = _apply(rho, gate, place, n)
    if noisy:
        for q in used:
            rho = _relax(rho, place[q], n, last - since[q], truth["qubits"][names[q]])
    diagonal = np.real(np.diag(rho.reshape(2**n, 2**n))).reshape((2,) * n)
    if noisy:
        for q in measured.values():
            matrix = np.array(truth["qubits"][names[q]]["readout_matrix"])
            diagonal = np.moveaxis(np.tensordot(matrix.T, diagonal, axes=(1, place[q])), 0, place[q])
    found: dict[str, float] = {}
    for index in np.ndindex(diagonal.shape):
        bits = ["0"] * n_bits
        for bit, q in measured.items():
            bits[n_bits - 1 - bit] = str(index[place[q]])
        key = "".join(bits)
        found[key] = found.get(key, 0.0) + float(diagonal[index])
    return found


def _ends(gates: list[Gate]) -> list[float]:
    """Return how long before the measurement each gate begins, counted backwards: as late as possible."""
    free: dict[int, float] = {}
    begins = [0.0] * len(gates)
    for k in range(len(gates) - 1, -1, -1):
        gate = gates[k]
        start = max((free.get(q, 0.0) for q in gate.qubits), default=0.0) + gate.length_s
        for q in gate.qubits:
            free[q] = start
        # Equal times keep the circuit's order: virtual gates are ordered by a picosecond that nothing sees.
        begins[k] = start + (len(gates) - k) * 1e-18
    return begins


@lru_cache(maxsize=4096)
def _idle(t1_s: float, t2_s: float, time_s: float) -> np.ndarray:
    """Return the (2, 2, 2, 2) map of idling: new[a, b] = map[a, b, c, d] old[c, d], solved by QuTiP."""
    pure = max(0.0, 1 / t2_s - 0.5 / t1_s)
    collapse = [np.sqrt(1 / t1_s) * qutip.destroy(2), np.sqrt(pure / 2) * qutip.sigmaz()]
    step = (qutip.liouvillian(0 * qutip.sigmaz(), collapse) * time_s).expm().full()
    # QuTiP stacks columns: index = row + 2 * column.
    return step.reshape(2, 2, 2, 2).transpose(1, 0, 3, 2)


def _relax(rho: np.ndarray, k: int, n: int, time_s: float, true: Mapping[str, Any]) -> np.ndarray:
    if time_s <= 1e-15:
        return rho
    step = _idle(true["t1_s"], true["t2_s"], round(time_s, 14))
    out = np.tensordot(step, rho, axes=((2, 3), (k, n + k)))
    return np.moveaxis(out, (0, 1), (k, n + k))


def _apply(rho: np.ndarray, gate: Gate, place: Mapping[int, int], n: int) -> np.ndarray:
    axes = [place[q] for q in gate.qubits]
    if gate.op is Op.CZ:
        sign = np.ones((2, 2))
        sign[1, 1] = -1
        for offset in (0, n):
            shape = [1] * (2 * n)
            for axis in axes:
                shape[offset + axis] = 2
            rho = rho * sign.reshape(shape)
        return rho
    matrix = _SX if gate.op is Op.SX else np.diag(np.exp([-0.5j * gate.angle, 0.5j * gate.angle]))
    k = axes[0]
    rho = np.moveaxis(np.tensordot(matrix, rho, axes=(1, k)), 0, k)
    return np.moveaxis(np.tensordot(matrix.conj(), rho, axes=(1, n + k)), 0, n + k)


def distance(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    """Return the total variation distance of two tables, each of which is made to add up to 1."""
    one, two = sum(first.values()), sum(second.values())
    keys = set(first) | set(second)
    return 0.5 * sum(abs(first.get(key, 0) / one - second.get(key, 0) / two) for key in keys)


def sampling_quantile(wanted: Mapping[str, float], shots: int, seed: int, draws: int = 10_000) -> float:
    """Return the 99.9 % quantile of the distance that `shots` perfect samples have from their own distribution."""
    chances = np.clip(np.array(list(wanted.values())), 0, None)
    chances /= chances.sum()
    samples = np.random.default_rng(seed).multinomial(shots, chances, size=draws) / shots
    return float(np.quantile(0.5 * np.abs(samples - chances).sum(axis=1), 0.999))


def from_uniform(ideal: Mapping[str, float], n_bits: int) -> float:
    """Return a distribution's total variation distance from the uniform one."""
    return distance(ideal, {format(k, f"0{n_bits}b"): 1.0 for k in range(2**n_bits)})
