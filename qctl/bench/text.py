"""Program texts beside their peers: mixed gates, and a large quantum-volume circuit, read and written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import numpy as np

from qctl.bench.binary import N_GATES, N_QUBITS, circuit, panda, qiskit, same_gates
from qctl.bench.case import Case, Goal
from qctl.circuit import Circuit
from qctl.program.layout import immediate_s
from qctl.program.opcodes import Op

__all__ = ["CASES"]

QV_GATES = 120_001
PEERS = ("qctl", "pyqpanda3", "qiskit")
EIGHT_DECIMALS = 0.51e-8


@cache
def volume_text() -> str:
    """Return OpenQASM 2 of layers of random pairs: three times two u3 and a cx each, 120,001 gates (seed 0)."""
    rng = np.random.default_rng(0)
    lines: list[str] = []
    while len(lines) < QV_GATES:
        for a, b in rng.permutation(N_QUBITS).reshape(-1, 2).tolist():
            for _ in range(3):
                for qubit in (a, b):
                    angles = ",".join(map(repr, rng.uniform(-np.pi, np.pi, 3).tolist()))
                    lines.append(f"u3({angles}) q[{qubit}];")
                lines.append(f"cx q[{a}],q[{b}];")
    head = ["OPENQASM 2.0;", 'include "qelib1.inc";', f"qreg q[{N_QUBITS}];"]
    return "\n".join([*head, *lines[:QV_GATES]]) + "\n"


def _read(reader: str, text: Callable[[], str], _: int) -> Callable[[], Any]:
    if reader == "qctl":
        return partial(Circuit.from_qasm, text())
    if reader == "pyqpanda3":
        from pyqpanda3.intermediate_compiler import convert_qasm_string_to_qprog

        return partial(convert_qasm_string_to_qprog, text())
    from qiskit import qasm2

    return partial(qasm2.loads, text())


def _read_originir(reader: str, _: int) -> Callable[[], Any]:
    text = circuit().to_originir()
    if reader == "qctl":
        return partial(Circuit.from_originir, text)
    from pyqpanda3.intermediate_compiler import convert_originir_string_to_qprog

    return partial(convert_originir_string_to_qprog, text)


def _write(writer: str, version: int, _: int) -> Callable[[], Any]:
    if writer == "qctl":
        return partial(circuit().to_qasm, version=version)
    if writer == "pyqpanda3":
        from pyqpanda3.intermediate_compiler import convert_qprog_to_qasm

        return partial(convert_qprog_to_qasm, panda())
    from qiskit import qasm2, qasm3

    return partial((qasm2 if version == 2 else qasm3).dumps, qiskit())


def _write_originir(writer: str, _: int) -> Callable[[], Any]:
    if writer == "qctl":
        return circuit().to_originir
    from pyqpanda3.intermediate_compiler import convert_qprog_to_originir

    return partial(convert_qprog_to_originir, panda())


def _same_texts(read: Callable[[str], Circuit], values: Mapping[str, Any]) -> None:
    """Check that all texts have the circuit's gates; angles may be cut to eight decimals."""
    wanted = circuit().body.instructions
    for side, text in values.items():
        found = read(text.replace("creg c[0];\n", "")).body.instructions  # pyqpanda3's, which OpenQASM 2 has not
        assert len(found) == len(wanted), f"{side} has {len(found)} gates, not {len(wanted)}"
        assert np.array_equal(found[["op", "flags", "a"]], wanted[["op", "flags", "a"]]), f"{side} has other gates"
        turns = wanted["op"] != Op.H
        turns &= wanted["op"] != Op.CX
        angles = [np.array([immediate_s(row) for row in rows[turns][:1000]]) for rows in (found, wanted)]
        assert np.abs(angles[0] - angles[1]).max() < EIGHT_DECIMALS, f"{side} has other angles"
        assert side != "qctl" or np.array_equal(found, wanted), "the text of qctl loses bits"


def _case(
    name: str, work: str, sides: Mapping[str, Any], agree: Any, n_gates: int = N_GATES, least: float = 5.0
) -> Case:
    return Case(
        name=name,
        work=work,
        sides=dict(sides),
        agree=agree,
        goals=(Goal("fastest", 5.0),),
        n_units=n_gates,
        unit="gate",
        rounds=3,
    )


def _mixed_text() -> str:
    return circuit().to_qasm(version=2)


CASES: tuple[Case, ...] = (
    _case(
        "openqasm2-import-qv100",
        "OpenQASM 2 text of 120,001 gates (u3, cx) on 100 qubits to a circuit",
        {side: partial(_read, side, volume_text) for side in PEERS},
        partial(same_gates, QV_GATES),
        QV_GATES,
    ),
    _case(
        "openqasm2-import-mixed",
        "OpenQASM 2 text of 1e5 mixed gates on 100 qubits to a circuit",
        {side: partial(_read, side, _mixed_text) for side in PEERS},
        partial(same_gates, N_GATES),
    ),
    _case(
        "openqasm2-write-mixed",
        "1e5 mixed gates on 100 qubits to OpenQASM 2 text, angles in full but in pyqpanda3",
        {side: partial(_write, side, 2) for side in PEERS},
        partial(_same_texts, Circuit.from_qasm),
    ),
    _case(
        "openqasm3-write-mixed",
        "1e5 mixed gates on 100 qubits to OpenQASM 3 text",
        {side: partial(_write, side, 3) for side in ("qctl", "qiskit")},
        partial(same_gates, N_GATES),
    ),
    _case(
        "originir-read-mixed",
        "OriginIR text of 1e5 mixed gates on 100 qubits to a circuit",
        {side: partial(_read_originir, side) for side in ("qctl", "pyqpanda3")},
        partial(same_gates, N_GATES),
    ),
    _case(
        "originir-write-mixed",
        "1e5 mixed gates on 100 qubits to OriginIR text, angles in full in qctl, eight decimals in pyqpanda3",
        {side: partial(_write_originir, side) for side in ("qctl", "pyqpanda3")},
        partial(_same_texts, Circuit.from_originir),
    ),
)
