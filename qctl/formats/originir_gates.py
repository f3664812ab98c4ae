"""The gates of OriginIR as opcodes, with what their inverses are and what they are under controls.

Source: matrices measured on pyqpanda3 0.5.1.
"""

from __future__ import annotations

from qctl.program.opcodes import CONTROLLED, GATES, Op

__all__ = ["DURATIONS", "HELPERS", "MACROS", "NAMES", "rules"]

_ALIKE = """
H X Y Z S T RX RY RZ P U1 U2 U3 CZ CRX CRY CRZ SWAP ISWAP RXX RYY RZZ RZX
"""
NAMES: dict[str, Op] = {
    **{name: Op[name] for name in _ALIKE.split()},
    "I": Op.ID,
    "RPhi": Op.RPHI,
    "RPHI": Op.RPHI,
    "CNOT": Op.CX,
    "CR": Op.CP,
    "CP": Op.CP,
    "SQISWAP": Op.SQRTISWAP,
    "TOFFOLI": Op.CCX,
}
"""Gates that one instruction expresses."""

DURATIONS = ("ECHO", "IDLE")
"""Identities with a duration, which may be left out."""

HELPERS: dict[str, tuple[Op, int, int]] = {"gphase": (Op.GPHASE, 1, 1), "cu": (Op.CU, 2, 4), "ms": (Op.MS, 2, 2)}
"""Opcodes that only `MACROS` name, with their qubits and angles there."""

MACROS = """
X1 q { RX(pi/2) q; }
Y1 q { RY(pi/2) q; }
Z1 q { RZ(pi/2) q; }
U4(a,b,c,d) q { gphase(a-(b+d)/2) q; U3(c,b,d) q; }
CU(a,b,c,d) p,q { cu(c,b,d,a-(b+d)/2) p,q; }
MS p,q { ms(pi/2,0) p,q; }
"""
"""The other gates: U4(a, b, c, d) is exp(i a) RZ(b) RY(c) RZ(d), CU a controlled U4."""

_SAME, _FIRST, _EULER, _EULER_PHASE, _SHORT_EULER = 1, 2, 3, 4, 5
_PAIRS = {Op.S: Op.SDG, Op.T: Op.TDG, Op.SX: Op.SXDG, Op.ISWAP: Op.ISWAPDG, Op.SQRTISWAP: Op.SQRTISWAPDG}
_INVERSES = _PAIRS | {other: op for op, other in _PAIRS.items()}
_TURNS: dict[Op, int] = {Op.U2: _SHORT_EULER, Op.U: _EULER, Op.U3: _EULER, Op.CU: _EULER_PHASE}


def rules() -> list[tuple[Op, Op, int, Op, int]]:
    """Return for each gate its inverse, what happens to its angles, and the gate without controls of its own."""
    found: list[tuple[Op, Op, int, Op, int]] = []
    for op, spec in GATES.items():
        inverse = {Op.U2: Op.U3}.get(op, _INVERSES.get(op, op))
        turns: int = _TURNS.get(op, _FIRST if spec.n_params else _SAME)
        if op is not Op.CSX:  # no word of OriginIR is one
            base, n_controls = CONTROLLED.get(op, (op, 0))
            found.append((op, inverse, turns, base, n_controls))
    return found
