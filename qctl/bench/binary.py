"""The binary form beside its peers: mixed gates."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import numpy as np

from qctl.bench.case import Case, Goal
from qctl.circuit import Circuit
from qctl.program.opcodes import Op

__all__ = ["CASES", "N_GATES", "N_QUBITS", "circuit", "panda", "qiskit", "same_gates"]

N_QUBITS, N_GATES, N_LONG = 100, 100_000, 10_000_000
MIXED = {Op.RX: "RX", Op.RY: "RY", Op.RZ: "RZ", Op.H: "H", Op.CX: "CNOT"}
TURNS = (Op.RX, Op.RY, Op.RZ)


@cache
def mixed(n_gates: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return opcodes, qubits, second qubits and angles of random rx, ry, rz, h and cx gates (seed 0)."""
    rng = np.random.default_rng(0)
    first = rng.integers(0, N_QUBITS, n_gates)
    second = (first + rng.integers(1, N_QUBITS, n_gates)) % N_QUBITS
    return rng.choice(np.array([*MIXED]), n_gates), first, second, rng.uniform(0, 2 * np.pi, n_gates)


@cache
def circuit(n_gates: int = N_GATES) -> Circuit:
    """Return the mixed gates as a circuit."""
    ops, first, second, angles = mixed(n_gates)
    return Circuit.from_arrays(N_QUBITS, ops, first, second, angles)


def panda(n_gates: int = N_GATES) -> Any:
    """Return the mixed gates as pyqpanda3's program."""
    from pyqpanda3 import core

    ops, first, second, angles = (array.tolist() for array in mixed(n_gates))
    gates = {op: getattr(core, name) for op, name in MIXED.items()}
    program = core.QProg(N_QUBITS)
    for op, a, b, theta in zip(ops, first, second, angles, strict=True):
        operands = (a, theta) if op in TURNS else (a, b) if op == Op.CX else (a,)
        program << gates[op](*operands)
    return program


def qiskit() -> Any:
    """Return the mixed gates as Qiskit's circuit."""
    from qiskit import QuantumCircuit

    ops, first, second, angles = (array.tolist() for array in mixed(N_GATES))
    found = QuantumCircuit(N_QUBITS)
    calls = {op: getattr(found, op.name.lower()) for op in MIXED}
    for op, a, b, theta in zip(ops, first, second, angles, strict=True):
        calls[op](*((theta, a) if op in TURNS else (a, b) if op == Op.CX else (a,)))
    return found


def _encode(packed: bool, n_gates: int, _: int) -> Callable[[], Any]:
    return partial(circuit(n_gates).to_bytes, packed=packed)


def _decode(packed: bool, n_gates: int, _: int) -> Callable[[], Any]:
    return partial(Circuit.from_bytes, circuit(n_gates).to_bytes(packed=packed))


def _bis_encode(_: int) -> Callable[[], Any]:
    from pyqpanda3.utils import convert_qprog_to_originbis

    return partial(convert_qprog_to_originbis, panda())


def _bis_decode(_: int) -> Callable[[], Any]:
    from pyqpanda3.utils import convert_originbis_to_qprog, convert_qprog_to_originbis

    return partial(convert_originbis_to_qprog, convert_qprog_to_originbis(panda()))


def _protocol_encode(_: int) -> Callable[[], Any]:
    from pyqpanda3.utils import comm_protocol_encode

    return partial(comm_protocol_encode, [panda()])


def _protocol_decode(_: int) -> Callable[[], Any]:
    from pyqpanda3.utils import comm_protocol_decode, comm_protocol_encode

    return partial(comm_protocol_decode, comm_protocol_encode([panda()]))


def _qpy_bytes(program: Any) -> bytes:
    from qiskit import qpy

    stream = io.BytesIO()
    qpy.dump(program, stream)
    return stream.getvalue()


def _qpy_encode(_: int) -> Callable[[], Any]:
    return partial(_qpy_bytes, qiskit())


def _qpy_decode(_: int) -> Callable[[], Any]:
    from qiskit import qpy

    stored = _qpy_bytes(qiskit())
    return lambda: qpy.load(io.BytesIO(stored))[0]


def _n_gates(value: Any) -> int:
    """Return how many gates a circuit, program, text or (nested) list of one of them has."""
    while isinstance(value, (list, tuple)):
        value = value[0]
    if isinstance(value, str):
        lines = [line for line in value.splitlines() if line.rstrip().endswith(";")]
        return sum(
            not line.split()[0].startswith(("OPENQASM", "include", "qreg", "creg", "qubit", "bit")) for line in lines
        )
    if hasattr(value, "gate_operations"):
        return len(value.gate_operations())
    return len(value)


def same_gates(n_gates: int, values: Mapping[str, Any]) -> None:
    """Check that all sides have so many gates."""
    for side, value in values.items():
        assert _n_gates(value) == n_gates, f"{side} has {_n_gates(value)} gates, not {n_gates}"


def _comes_back(n_gates: int, values: Mapping[str, Any]) -> None:
    assert Circuit.from_bytes(values["qctl"]).hash == circuit(n_gates).hash


def _bytes_a_gate(n_gates: int, values: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    return {side: {"bytes a gate": len(value) / n_gates} for side, value in values.items()}


def _binary(name: str, packed: bool, bound_s: float, peers: Mapping[str, tuple[Any, Any]], goals: Any) -> list[Case]:
    form = "packed" if packed else "raw"
    encode = {"qctl": partial(_encode, packed, N_GATES), **{peer: sides[0] for peer, sides in peers.items()}}
    decode = {"qctl": partial(_decode, packed, N_GATES), **{peer: sides[1] for peer, sides in peers.items()}}
    own = Goal("qctl", bound_s)
    shape: dict[str, Any] = {"n_units": N_GATES, "unit": "gate"}
    return [
        Case(
            name=f"{name}-encode",
            work=f"1e5 mixed gates on 100 qubits to bytes, {form} in qctl, checks and checksums included",
            sides=encode,
            agree=partial(_comes_back, N_GATES),
            goals=(own, *(Goal(peer, bounds[0]) for peer, bounds in goals.items())),
            figures=partial(_bytes_a_gate, N_GATES),
            **shape,
        ),
        Case(
            name=f"{name}-decode",
            work=f"1e5 mixed gates on 100 qubits from bytes, {form} in qctl, every byte validated",
            sides=decode,
            agree=partial(same_gates, N_GATES),
            goals=(own, *(Goal(peer, bounds[1]) for peer, bounds in goals.items())),
            **shape,
        ),
    ]


def _long(packed: bool) -> list[Case]:
    form = "packed" if packed else "raw"
    shape: dict[str, Any] = {"n_units": N_LONG, "unit": "gate", "rounds": 2}
    return [
        Case(
            name=f"{form}-encode-1e7",
            work=f"1e7 mixed gates to {form} bytes: what grows beyond 1e5 is the cost of fresh memory",
            sides={"qctl": partial(_encode, packed, N_LONG)},
            agree=partial(_comes_back, N_LONG),
            **shape,
        ),
        Case(
            name=f"{form}-decode-1e7",
            work=f"1e7 mixed gates from {form} bytes",
            sides={"qctl": partial(_decode, packed, N_LONG)},
            agree=partial(same_gates, N_LONG),
            **shape,
        ),
    ]


CASES: tuple[Case, ...] = (
    *_binary(
        "raw",
        False,
        5e-9,
        {"pyqpanda3": (_bis_encode, _bis_decode), "qiskit": (_qpy_encode, _qpy_decode)},
        {"pyqpanda3": (14, 14), "qiskit": (65, 65)},
    ),
    *_binary("packed", True, 15e-9, {"pyqpanda3": (_protocol_encode, _protocol_decode)}, {"pyqpanda3": (14, 65)}),
    *_long(False),
    *_long(True),
)
