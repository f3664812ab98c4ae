"""Play the gates of a program slowly, with textbook matrices: the twin that judges readers and writers."""

from __future__ import annotations

import cmath
import functools
import itertools
import math
from collections.abc import Callable, Mapping

import numpy as np

from qctl.program.body import Body, Range
from qctl.program.expressions import Expression
from qctl.program.opcodes import Op
from qctl.program.tables import BlockKind

Branch = tuple[tuple[int, ...], np.ndarray]
MAX_ROUNDS = 12
"""Rounds of a while loop that are followed."""


def rotation(axis: str, theta: float) -> np.ndarray:
    c, s = math.cos(theta / 2), math.sin(theta / 2)
    return {
        "x": np.array([[c, -1j * s], [-1j * s, c]]),
        "y": np.array([[c, -s], [s, c]], complex),
        "z": np.diag([cmath.exp(-0.5j * theta), cmath.exp(0.5j * theta)]),
    }[axis]


def u(theta: float, phi: float, lam: float) -> np.ndarray:
    c, s = math.cos(theta / 2), math.sin(theta / 2)
    return np.array([[c, -cmath.exp(1j * lam) * s], [cmath.exp(1j * phi) * s, cmath.exp(1j * (phi + lam)) * c]])


def p(lam: float) -> np.ndarray:
    return np.diag([1, cmath.exp(1j * lam)])


X = np.array([[0, 1], [1, 0]], complex)
Y = np.array([[0, -1j], [1j, 0]])
Z = np.diag([1, -1]).astype(complex)
H = (X + Z) / math.sqrt(2)
SX = np.array([[1 + 1j, 1 - 1j], [1 - 1j, 1 + 1j]]) / 2
SWAP = np.eye(4)[[0, 2, 1, 3]].astype(complex)


def controlled(matrix: np.ndarray, n: int = 1) -> np.ndarray:
    size = len(matrix)
    whole = np.eye(size * 2**n, dtype=complex)
    whole[-size:, -size:] = matrix
    return whole


def pauli_rotation(a: np.ndarray, b: np.ndarray, theta: float) -> np.ndarray:
    return math.cos(theta / 2) * np.eye(4) - 1j * math.sin(theta / 2) * np.kron(a, b)


def exchange(theta: float) -> np.ndarray:
    """Return exp(i theta/2 (XX + YY)): theta = pi/2 is iswap."""
    c, s = math.cos(theta), math.sin(theta)
    return np.array([[1, 0, 0, 0], [0, c, 1j * s, 0], [0, 1j * s, c, 0], [0, 0, 0, 1]])


# The first operand is the most significant bit of a matrix' index.
MATRICES: dict[Op, Callable[..., np.ndarray]] = {
    Op.ID: lambda: np.eye(2),
    Op.X: lambda: X,
    Op.Y: lambda: Y,
    Op.Z: lambda: Z,
    Op.H: lambda: H,
    Op.S: lambda: p(math.pi / 2),
    Op.SDG: lambda: p(-math.pi / 2),
    Op.T: lambda: p(math.pi / 4),
    Op.TDG: lambda: p(-math.pi / 4),
    Op.SX: lambda: SX,
    Op.SXDG: lambda: SX.conj().T,
    Op.P: p,
    Op.U1: p,
    Op.RX: lambda t: rotation("x", t),
    Op.RY: lambda t: rotation("y", t),
    Op.RZ: lambda t: rotation("z", t),
    Op.U2: lambda phi, lam: u(math.pi / 2, phi, lam),
    Op.U: u,
    Op.U3: u,
    Op.RPHI: lambda t, phi: rotation("z", phi) @ rotation("x", t) @ rotation("z", -phi),
    Op.CX: lambda: controlled(X),
    Op.CY: lambda: controlled(Y),
    Op.CZ: lambda: controlled(Z),
    Op.CH: lambda: controlled(H),
    Op.CSX: lambda: controlled(SX),
    Op.SWAP: lambda: SWAP,
    Op.ISWAP: lambda: exchange(math.pi / 2),
    Op.ISWAPDG: lambda: exchange(-math.pi / 2),
    Op.SQRTISWAP: lambda: exchange(math.pi / 4),
    Op.SQRTISWAPDG: lambda: exchange(-math.pi / 4),
    Op.CP: lambda t: controlled(p(t)),
    Op.CRX: lambda t: controlled(rotation("x", t)),
    Op.CRY: lambda t: controlled(rotation("y", t)),
    Op.CRZ: lambda t: controlled(rotation("z", t)),
    Op.RXX: lambda t: pauli_rotation(X, X, t),
    Op.RYY: lambda t: pauli_rotation(Y, Y, t),
    Op.RZZ: lambda t: pauli_rotation(Z, Z, t),
    Op.RZX: lambda t: pauli_rotation(Z, X, t),
    Op.CU: lambda t, phi, lam, gamma: controlled(cmath.exp(1j * gamma) * u(t, phi, lam)),
    Op.CCX: lambda: controlled(X, 2),
    Op.CCZ: lambda: controlled(Z, 2),
    Op.CSWAP: lambda: controlled(SWAP),
    Op.GPHASE: lambda t: np.array([[cmath.exp(1j * t)]]),
}


def ms(n: int, theta: float, phi: float) -> np.ndarray:
    """Return exp(-i theta/2 sum over pairs of s s) with s = cos(phi) X + sin(phi) Y, on n qubits."""
    total = np.zeros((2**n, 2**n), complex)
    for pair in itertools.combinations(range(n), 2):
        factors = [math.cos(phi) * X + math.sin(phi) * Y if k in pair else np.eye(2) for k in range(n)]
        total += functools.reduce(np.kron, factors)
    values, vectors = np.linalg.eigh(total)
    return np.asarray(vectors * np.exp(-0.5j * theta * values) @ vectors.conj().T)


def apply(matrix: np.ndarray, qubits: tuple[int, ...], state: np.ndarray) -> np.ndarray:
    """Return the (2,)*n + (m,) array after a matrix on some of its first n axes (axis = qubit)."""
    k = len(qubits)
    if not k:
        return state * matrix[0, 0]
    moved = np.tensordot(matrix.reshape((2,) * (2 * k)), state, (range(k, 2 * k), qubits))
    return np.moveaxis(moved, range(k), qubits)


def unitary(body: Body) -> np.ndarray:
    """Return the matrix of a program of gates alone; qubit 0 is the least significant bit."""
    n = body.n_qubits
    [(_, state)] = branches(body, np.eye(2**n, dtype=complex))
    return state


def branches(body: Body, initial: np.ndarray | None = None, values: Mapping[str, float] | None = None) -> list[Branch]:
    """Return every classical outcome with its unnormalised (2**n, m) state; qubit 0 is least significant."""
    n = body.n_qubits
    start = np.eye(2**n, 1, dtype=complex) if initial is None else initial
    state = start.reshape((2,) * n + (-1,)).transpose((*range(n - 1, -1, -1), n))
    player = _Player(body, dict(values or {}))
    n_bits = len(body.bits)
    played = player.play(body.structure(), [((0,) * (n_bits + len(body.registers)), state)])
    return [(bits[:n_bits], s.transpose((*range(n - 1, -1, -1), n)).reshape(2**n, -1)) for bits, s in played]


def mixture(found: list[Branch]) -> dict[tuple[int, ...], np.ndarray]:
    """Return the unnormalised density matrix of each classical outcome."""
    total: dict[tuple[int, ...], np.ndarray] = {}
    for bits, state in found:
        total[bits] = total.get(bits, 0) + state @ state.conj().T
    return {bits: rho for bits, rho in total.items() if np.trace(rho).real > 1e-12}


class _Player:
    def __init__(self, body: Body, values: dict[str, float]) -> None:
        self.body = body
        self.values = values

    def value(self, value: object, bits: tuple[int, ...]) -> float:
        if isinstance(value, Expression):
            names = (*self.body.bits, *(register.name for register in self.body.registers))
            return value.evaluate({**self.values, **dict(zip(names, map(float, bits), strict=True))})
        return float(value)  # type: ignore[arg-type]

    def play(self, node: Range, live: list[Branch]) -> list[Branch]:
        i, children = node.first, list(node.children)
        skipped: dict[int, list[Branch]] = {}
        while i < node.end:
            if children and children[0].first - 1 == i:
                child = children.pop(0)
                live = self.block(child, live, skipped, children)
                i = child.end + 1
                continue
            live = [new for bits, state in live for new in self.one(i, bits, state)]
            i += 1
        return live

    def block(self, child: Range, live: list[Branch], skipped: dict, rest: list[Range]) -> list[Branch]:
        block = self.body.block(child)
        if block.kind == BlockKind.BOX:
            return self.play(child, live)
        if block.kind in (BlockKind.CAL, BlockKind.CALL):
            return live
        if block.kind == BlockKind.LOOP:
            for _ in range(block.count):
                live = self.play(child, live)
            return live
        if block.kind == BlockKind.WHILE:
            done: list[Branch] = []
            for _ in range(MAX_ROUNDS):
                done += [b for b in live if not self.value(block.value, b[0])]
                live = self.play(child, [b for b in live if self.value(block.value, b[0])])
            return done
        if block.kind == BlockKind.IF:
            taken = self.play(child, [b for b in live if self.value(block.value, b[0])])
            left = [b for b in live if not self.value(block.value, b[0])]
            if rest and rest[0].first == child.end + 2 and self.body.block(rest[0]).kind == BlockKind.ELSE:
                skipped[rest[0].block] = taken
                return left
            return taken + left
        if block.kind == BlockKind.ELSE:
            return skipped.pop(child.block) + self.play(child, live)
        raise NotImplementedError(block.kind)

    def one(self, i: int, bits: tuple[int, ...], state: np.ndarray) -> list[Branch]:
        row = self.body.instructions[i]
        op = Op(int(row["op"]))
        if op in (Op.BARRIER, Op.DELAY, Op.NOP):
            return [(bits, state)]
        if op in (Op.SET_BIT, Op.ASSIGN):
            word = self.value(self.body.expressions[int(row["b"])], bits)
            at = int(row["a"]) + (len(self.body.bits) if op == Op.ASSIGN else 0)
            return [((*bits[:at], int(word) if op == Op.SET_BIT else word, *bits[at + 1 :]), state)]
        if op in (Op.MEASURE, Op.RESET):
            found = []
            for outcome in (0, 1):
                projector = np.zeros((2, 2))
                projector[0 if op == Op.RESET else outcome, outcome] = 1
                new = apply(projector, (int(row["a"]),), state)
                if np.linalg.norm(new) > 1e-9:
                    at = int(row["b"])
                    after = (*bits[:at], outcome, *bits[at + 1 :]) if op == Op.MEASURE else bits
                    found.append((after, new))
            return found
        op, qubits, params, n_controls = self.body.gate(i)
        angles = [self.value(param, bits) for param in params]
        matrix = ms(len(qubits) - n_controls, *angles) if op == Op.MS else MATRICES[op](*angles)
        return [(bits, apply(controlled(matrix, n_controls), qubits, state))]
