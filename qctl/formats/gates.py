"""The gates that OpenQASM's standard includes and Qiskit's writer name, as opcodes."""

from __future__ import annotations

from dataclasses import dataclass

from qctl.program.opcodes import GATES, OP_BY_NAME, Op

__all__ = ["BUILT_IN_2", "BUILT_IN_3", "QELIB1", "QELIB1_EXTENSIONS", "QELIB1_MACROS", "STDGATES", "Gate"]


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate that one instruction expresses.

    Attributes
    ----------
    op : Op
        Its opcode, without generic controls.
    n_qubits, n_params : int
        As the text calls it, controls included.
    n_controls : int
        Generic controls, which stand before the opcode's own qubits.
    keeps_params : bool
        False where the parameter means nothing to the unitary (u0).
    """

    op: Op
    n_qubits: int
    n_params: int
    n_controls: int = 0
    keeps_params: bool = True


def _plain(names: str) -> dict[str, Gate]:
    found = {name: OP_BY_NAME[name] for name in names.split()}
    return {name: Gate(op, GATES[op].n_qubits, GATES[op].n_params) for name, op in found.items()}


BUILT_IN_2 = {"U": Gate(Op.U, 1, 3), "CX": Gate(Op.CX, 2, 0)}
"""What OpenQASM 2 knows without an include."""

BUILT_IN_3 = {"U": Gate(Op.U, 1, 3)}
"""What OpenQASM 3 knows without an include (gphase is a statement of its own)."""

_CONTROLLED_U = {"cu1": Gate(Op.CP, 2, 1), "cu3": Gate(Op.U, 2, 3, 1)}

QELIB1 = {
    **_plain("u3 u2 u1 cx id u p x y z h s sdg t tdg rx ry rz sx sxdg cz cy swap ch ccx cswap crx cry crz cp csx cu"),
    **_plain("rxx rzz"),
    **_CONTROLLED_U,
    "u0": Gate(Op.ID, 1, 1, 0, False),
    "c3x": Gate(Op.X, 4, 0, 3),
    "c3sqrtx": Gate(Op.SX, 4, 0, 3),
    "c4x": Gate(Op.X, 5, 0, 4),
}
"""``qelib1.inc`` of Cross et al., arXiv:1707.03429 (2017), and of Qiskit, which added to it."""

QELIB1_MACROS = """
gate rccx a,b,c { h c; t c; cx b,c; tdg c; cx a,c; t c; cx b,c; tdg c; h c; }
gate rc3x a,b,c,d {
  h d; t d; cx c,d; tdg d; h d; cx a,d; t d; cx b,d; tdg d; cx a,d; t d; cx b,d; tdg d; h d; t d; cx c,d; tdg d; h d;
}
"""
"""The rest of ``qelib1.inc``: Toffolis up to relative phases (Maslov, arXiv:1508.03273, 2016)."""

STDGATES = {
    **_plain("p x y z h s sdg t tdg sx rx ry rz cx cy cz cp crx cry crz ch swap ccx cswap cu id u1 u2 u3"),
    "CX": Gate(Op.CX, 2, 0),
    "phase": Gate(Op.P, 1, 1),
    "cphase": Gate(Op.CP, 2, 1),
}
"""``stdgates.inc`` of the OpenQASM 3 specification, section "Standard library"."""

QELIB1_EXTENSIONS = frozenset(
    [
        "u0",
        "u",
        "p",
        "sx",
        "sxdg",
        "swap",
        "cswap",
        "crx",
        "cry",
        "cp",
        "csx",
        "cu",
        "rxx",
        "rzz",
        "rccx",
        "rc3x",
        "c3x",
        "c3sqrtx",
        "c4x",
    ]
)
"""Names of `QELIB1` that are not in the paper: a file may define its own gates of these names."""
