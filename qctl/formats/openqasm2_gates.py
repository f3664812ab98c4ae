"""Gates that OpenQASM 2's qelib1.inc lacks, as definitions that every reader of OpenQASM 2 understands.

They use nothing but the gates of Cross et al., arXiv:1707.03429 (2017), where angles are exact up to a global phase.
qctl's reader knows these texts, so that it gets back the instruction that was written.
"""

from __future__ import annotations

import re

from qctl.formats.gates import Gate
from qctl.program.opcodes import GATES, Op

__all__ = ["DEFINED", "MOST_CONTROLS", "PAPER_GATES", "ms_definition", "phase_definition", "written_gate"]

PAPER_GATES = frozenset(
    [
        "u3",
        "u2",
        "u1",
        "cx",
        "id",
        "x",
        "y",
        "z",
        "h",
        "s",
        "sdg",
        "t",
        "tdg",
        "rx",
        "ry",
        "rz",
        "cz",
        "cy",
        "ch",
        "ccx",
        "crz",
    ]
)
"""Gates of the paper's qelib1.inc that are written as they are."""
MOST_CONTROLS = 8
"""Controls of a phase that is written out; the text doubles with each one."""

_HALF_RXX = "h a; h b; cx a,b; rz({0}) b; cx a,b; h a; h b;"
_HALF_RYY = "rx(pi/2) a; rx(pi/2) b; cx a,b; rz({0}) b; cx a,b; rx(-pi/2) a; rx(-pi/2) b;"

DEFINED: dict[Op, str] = {
    Op.P: "p(t) a { u1(t) a; }",
    Op.SX: "sx a { sdg a; h a; sdg a; }",
    Op.SXDG: "sxdg a { s a; h a; s a; }",
    Op.RPHI: "rphi(t,f) a { rz(-f) a; rx(t) a; rz(f) a; }",
    Op.SWAP: "swap a,b { cx a,b; cx b,a; cx a,b; }",
    Op.CSX: "csx a,b { h b; cu1(pi/2) a,b; h b; }",
    Op.CP: "cp(t) a,b { cu1(t) a,b; }",
    Op.CRX: "crx(t) a,b { h b; crz(t) a,b; h b; }",
    Op.CRY: "cry(t) a,b { ry(t/2) b; cx a,b; ry(-t/2) b; cx a,b; }",
    Op.CU: "cu(t,f,l,g) a,b { u1(g) a; u1((l+f)/2) a; u1((l-f)/2) b; cx a,b; u3(-t/2,0,-(f+l)/2) b; cx a,b;"
    " u3(t/2,f,0) b; }",
    Op.RXX: f"rxx(t) a,b {{ {_HALF_RXX.format('t')} }}",
    Op.RYY: f"ryy(t) a,b {{ {_HALF_RYY.format('t')} }}",
    Op.RZZ: "rzz(t) a,b { cx a,b; rz(t) b; cx a,b; }",
    Op.RZX: "rzx(t) a,b { h b; cx a,b; rz(t) b; cx a,b; h b; }",
    Op.ISWAP: "iswap a,b { s a; s b; h a; cx a,b; cx b,a; h b; }",
    Op.ISWAPDG: "iswapdg a,b { h b; cx b,a; cx a,b; h a; sdg b; sdg a; }",
    Op.SQRTISWAP: f"sqrtiswap a,b {{ {_HALF_RXX.format('-pi/4')} {_HALF_RYY.format('-pi/4')} }}",
    Op.SQRTISWAPDG: f"sqrtiswapdg a,b {{ {_HALF_RXX.format('pi/4')} {_HALF_RYY.format('pi/4')} }}",
    Op.CCZ: "ccz a,b,c { h c; ccx a,b,c; h c; }",
    Op.CSWAP: "cswap a,b,c { cx c,b; ccx a,b,c; cx c,b; }",
}
"""What stands after ``gate``."""

_WRITTEN = {text: op for op, text in DEFINED.items()}
_MADE = re.compile(r"(?:ms(\d{1,3})|c([2-8])p)\(")


def _names(n: int) -> list[str]:
    return [f"q{k}" for k in range(n)]


def phase_definition(n_controls: int) -> str:
    """Return the gate ``cNp(t)``: a phase of t where all of its N + 1 qubits are 1.

    Each parity of qubits gets a phase (J. Welch et al., New J. Phys. 16, 033040, 2014), in the order of Gray's code.
    """
    n = n_controls + 1
    q = _names(n)
    steps = [f"u1(t/{2**n_controls}) {q[0]};"]
    for top in range(1, n):
        for k in range(2**top):  # parities of the top qubit with those below it, one changes at a time
            if k:
                changed = (k & -k).bit_length() - 1
                steps.append(f"cx {q[changed]},{q[top]};")
            sign = "-" if (k ^ k >> 1).bit_count() % 2 else ""
            steps.append(f"u1({sign}t/{2**n_controls}) {q[top]};")
        steps.append(f"cx {q[top - 1]},{q[top]};")
    return f"c{n_controls}p(t) {','.join(q)} {{ {' '.join(steps)} }}"


def ms_definition(n_qubits: int) -> str:
    """Return the gate ``msN(t,f)``: the Mølmer-Sørensen gate on N qubits.

    Its angles' names are in alphabetical order, since qiskit-qasm3-import 0.6.0 takes them so.
    """
    q = _names(n_qubits)
    steps = [f"rz(-w) {a}; h {a};" for a in q]
    steps += [f"cx {a},{b}; rz(t) {b}; cx {a},{b};" for k, a in enumerate(q) for b in q[k + 1 :]]
    steps += [f"h {a}; rz(w) {a};" for a in q]
    return f"ms{n_qubits}(t,w) {','.join(q)} {{ {' '.join(steps)} }}"


def written_gate(definition: str) -> Gate | None:
    """Return the gate that a definition (without ``gate``) stands for, if qctl writes it so."""
    op = _WRITTEN.get(definition)
    if op is not None:
        return Gate(op, GATES[op].n_qubits, GATES[op].n_params)
    made = _MADE.match(definition)
    if made is None:
        return None
    if made[2]:
        n_controls = int(made[2])
        return Gate(Op.P, n_controls + 1, 1, n_controls) if definition == phase_definition(n_controls) else None
    n_qubits = int(made[1])
    known = n_qubits >= 2 and made[1] == str(n_qubits) and definition == ms_definition(n_qubits)
    return Gate(Op.MS, n_qubits, 2) if known else None
