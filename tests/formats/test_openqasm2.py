"""OpenQASM 2 read by us equals OpenQASM 2 read by Qiskit."""

from __future__ import annotations

import pytest
from mqt.bench import BenchmarkLevel, get_benchmark
from qasm_judges import HEADER2, outcome_distance, qiskit_loads, unitary_overlap
from qiskit import qasm2

from qctl.errors import ParseError
from qctl.formats.limits import MAX_QUBITS
from qctl.formats.openqasm2 import read_openqasm2
from qctl.program.opcodes import Op


@pytest.mark.parametrize("name", [c.name for c in qasm2.LEGACY_CUSTOM_INSTRUCTIONS if c.name != "delay"])
def test_each_gate_of_qelib1_has_qiskits_matrix(name: str) -> None:
    """Compare each gate with angles that are unlike."""
    [gate] = [c for c in qasm2.LEGACY_CUSTOM_INSTRUCTIONS if c.name == name]
    angles = f"({','.join(['0.3', '-1.1', '2.2', '0.7'][: gate.num_params])})" if gate.num_params else ""
    if name == "u0":
        angles = "(1)"
    qubits = ",".join(f"q[{i}]" for i in [2, 0, 3, 1, 4][: gate.num_qubits])
    text = f"{HEADER2}qreg q[5];\nrx(0.4) q; {name}{angles} {qubits};"
    assert unitary_overlap(read_openqasm2(text).body, qiskit_loads(text, 2)) == pytest.approx(1, abs=1e-12)


UNITARIES = {
    "built in": "qreg q[2]; U(0.1,0.2,0.3) q[0]; CX q[0],q[1]; U(pi/2,0,pi) q;",
    "own gates": "gate a(x,y) p,r { rz(x*2-y/3) p; cx p,r; barrier p,r; u3(-x^2,sin(y),ln(2)) r; }\n"
    "gate b p,r,s { a(0.3,pi/7) p,s; a(-.5,1e-1) r,s; }\nqreg q[3]; b q[2],q[0],q[1];",
    "empty gate": "gate nothing(x) a { } qreg q[1]; h q; nothing(1) q;",
    "broadcast": "qreg q[3]; qreg r[3]; qreg w[1]; h q; cx q,r; cx w[0],q; cu1(0.3) r,w[0]; barrier q,r[1];"
    "ccx q,r,w[0];",
    "several registers": "qreg a[1]; qreg b[2]; creg c[2]; qreg d[1]; rx(0.1) a[0]; ry(0.2) b[1]; cx b[1],d[0]; h b;",
    "precedence": "qreg q[1]; rx(-2^2/3+1-0.5-0.25) q; rz(2^3^0.5) q; ry(2*-3/4) q; rx(-(1+2)*3) q; rz(8/4/2) q;",
    "functions": "qreg q[1]; rx(sin(1)+cos(2)*tan(0.3)) q; rz(exp(0.5)-ln(3)+sqrt(2)) q; ry(sqrt(exp(ln(4)))) q;",
    "numbers": "qreg q[1]; rx(1.) q; ry(.5) q; rz(1.5e-1) q; rx(2E+0) q; rz(3) q;",
    "comments": "// a comment; qreg x[9];\nqreg q[1]; // another\nh q;//last",
}


@pytest.mark.parametrize("name", UNITARIES)
def test_unitaries_are_qiskits(name: str) -> None:
    """Compare whole unitaries."""
    text = HEADER2 + UNITARIES[name]
    assert unitary_overlap(read_openqasm2(text).body, qiskit_loads(text, 2)) == pytest.approx(1, abs=1e-12)


OUTCOMES = {
    "bit order": "qreg q[3]; creg a[1]; creg b[2]; x q[1]; measure q[0] -> b[1]; measure q[1] -> a[0];"
    "measure q[2] -> b[0];",
    "register": "qreg q[3]; creg c[3]; h q[0]; cx q[0],q[2]; measure q -> c;",
    "condition": "qreg q[3]; creg c[2]; creg d[1]; h q; measure q[0] -> c[0]; measure q[1] -> c[1];"
    "if(c==2) x q[2]; if(c==1) cx q[2],q[0]; if(c==3) measure q[2] -> d[0]; if(d==1) reset q[2]; if(c==0) h q;",
    "condition that its body changes": "qreg q[2]; creg c[1]; h q[0]; measure q[0] -> c[0];"
    "if(c==0) measure q[1] -> c[0];",
    "reset": "qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; reset q[0]; measure q -> c; reset q;",
    "measure again": "qreg q[1]; creg c[2]; h q; measure q[0] -> c[0]; h q; measure q[0] -> c[1];",
}


def test_a_file_may_define_what_qiskit_added_to_qelib1() -> None:
    """The file's own gate counts; the judge reads it under another name."""
    text = HEADER2 + "gate rzz(t) a,b { cx a,b; u1(2*t) b; cx a,b; } qreg q[2]; h q; rzz(0.3) q[0],q[1];"
    circuit = qiskit_loads(text.replace("rzz", "mine"), 2)
    assert unitary_overlap(read_openqasm2(text).body, circuit) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("name", OUTCOMES)
def test_outcomes_are_qiskits(name: str) -> None:
    """Compare the state of each classical outcome."""
    text = HEADER2 + OUTCOMES[name]
    assert outcome_distance(read_openqasm2(text).body, qiskit_loads(text, 2)) < 1e-12


def test_a_condition_beyond_the_register_never_holds() -> None:
    """Compare with nothing: Qiskit refuses such a number."""
    program = read_openqasm2(HEADER2 + "qreg q[1]; creg c[1]; if(c==2) x q[0];")
    assert program.body.blocks[0].value.evaluate({}) == 0.0  # type: ignore[union-attr]


def test_names_and_opaque_gates_are_kept() -> None:
    """Registers name the symbols; an opaque gate of an opcode's name and shape is that opcode."""
    program = read_openqasm2(HEADER2 + "opaque iswap a,b; opaque magic(x) a; qreg q[2]; creg c[1]; iswap q[1],q[0];")
    assert (program.qubits, program.bits) == (("q[0]", "q[1]"), ("c[0]",))
    assert program.body.gate(0)[:2] == (Op.ISWAP, (1, 0))


@pytest.mark.parametrize("family", ["ghz", "qft", "qaoa", "vqe_real_amp", "graphstate", "qpeexact", "wstate", "bv"])
@pytest.mark.parametrize("size", [4, 6])
def test_mqt_bench_is_qiskits(family: str, size: int) -> None:
    """Read circuits that others made."""
    circuit = get_benchmark(family, level=BenchmarkLevel.INDEP, circuit_size=size, random_parameters=True)
    text = qasm2.dumps(circuit)
    assert outcome_distance(read_openqasm2(text).body, qiskit_loads(text, 2)) < 1e-9


REFUSED = {
    "qreg q[2]; cx q[0];": (3, 12, "2 qubits, not 1"),
    "qreg q[2]; rx q[0];": (3, 12, "1 angles, not 0"),
    "qreg q[2]; cx q[0],q[0];": (3, 12, "twice"),
    "qreg q[2]; qreg r[3]; cx q,r;": (3, 23, "different sizes"),
    "qreg q[2]; x q[2];": (3, 16, r"q\[2\] is outside \[0, 1\]"),
    "qreg q[2]; qreg q[1];": (3, 17, "already defined"),
    "qreg q[2];\n  foo q[0];": (4, 3, "'foo' is not defined"),
    "qreg q[2]; x r;": (3, 14, "'r' is not a quantum register"),
    "qreg q[2]; creg c[1]; measure q -> c;": (3, 31, "2 qubits are measured into 1 bits"),
    "qreg q[2]; creg c[2]; measure q[0] -> c;": (3, 31, "register"),
    "opaque magic a; qreg q[1]; magic q[0];": (3, 28, "opaque"),
    "qreg q[1]; rx(1/0) q;": (3, 16, "undefined"),
    "qreg q[1]; rx(ln(-1)) q;": (3, 15, "undefined"),
    "qreg q[1]; rx(1e999) q;": (3, 15, "too large"),
    "gate g(x) a { rx(1/x) a; } qreg q[1]; g(0) q;": (3, 39, "undefined"),
    "gate g a { cx a,b; }": (3, 17, "no qubit of this gate"),
    "gate g a { g a; }": (3, 12, "no gate defined before"),
    "gate g(x,x) a { }": (3, 10, "twice"),
    "gate pi a { }": (3, 6, "word of OpenQASM"),
    'include "other.inc";': (3, 9, "only"),
    "qreg q[1]; h q": (3, 15, "expected"),
    "qreg q[1]; ?": (3, 12, "unexpected character"),
    "qreg q[0];": (3, 8, "outside"),
    "if(c==1) x q[0];": (3, 4, "'c'"),
    "qreg q[1]; creg c[1]; if(c==1) if(c==1) x q[0];": (3, 32, "under an if"),
    "qreg q[10000000000];": (3, 8, f"size = 10000000000 is outside \\[1, {MAX_QUBITS}\\]"),
    "qreg q[1]; rx(" + "(" * 1000 + "1" + ")" * 1000 + ") q;": (3, 80, "nested"),
    "qreg q[1]; rx(" + "-" * 100_000 + "1) q;": (3, 80, "nested"),
    "qreg q[" + "9" * 10_000 + "];": (3, 8, "digits"),
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_wrong_is_refused_with_its_place(text: str) -> None:
    """Check line, column and message."""
    line, column, message = REFUSED[text]
    with pytest.raises(ParseError, match=message) as caught:
        read_openqasm2(HEADER2 + text)
    assert (caught.value.line, caught.value.column) == (line, column)


def test_gates_without_the_include_are_refused() -> None:
    """The message says what is missing."""
    with pytest.raises(ParseError, match=r"qelib1\.inc"):
        read_openqasm2("OPENQASM 2.0; qreg q[1]; h q;")


@pytest.mark.parametrize("leaf", ["h a; h a;", ""])
def test_gates_that_double_sixty_times_are_refused_at_once(leaf: str) -> None:
    """A billion laughs, with and without instructions at the bottom."""
    text = HEADER2 + f"gate g0 a {{ {leaf} }}\n"
    text += "".join(f"gate g{k} a {{ g{k - 1} a; g{k - 1} a; }}\n" for k in range(1, 60))
    with pytest.raises(ParseError, match="more than 5000000 steps"):
        read_openqasm2(text + "qreg q[1]; g59 q;")


def test_a_register_condition_is_exact_for_any_width() -> None:
    """200 bits, of which a float64 could not tell the last."""
    program = read_openqasm2(HEADER2 + f"qreg q[1]; creg c[200]; if(c=={2**199 + 1}) x q[0];")
    condition = program.body.blocks[0].value
    bits = {f"c[{k}]": float(k in (0, 199)) for k in range(200)}
    assert condition.evaluate(bits) == 1.0  # type: ignore[union-attr]
    assert condition.evaluate(bits | {"c[0]": 0.0}) == 0.0  # type: ignore[union-attr]
