"""OpenQASM 3 read by us equals OpenQASM 3 read by Qiskit, or by hand where Qiskit doesn't read it."""

from __future__ import annotations

import math

import program_twin as twin
import pytest
from mqt.bench import BenchmarkLevel, get_benchmark
from qasm_judges import HEADER3, outcome_distance, qiskit_loads, unitary_overlap
from qiskit import qasm3

from qctl.formats.openqasm3 import read_openqasm3
from qctl.program.opcodes import Op
from qctl.program.tables import BlockKind

CALLS = {
    1: "x y z h s sdg t tdg sx id p(0.3) rx(0.3) ry(0.3) rz(0.3) u1(0.3) u2(0.3,0.4) u3(0.3,0.4,0.5) "
    "U(0.3,0.4,0.5) phase(0.3)",
    2: "cx cy cz ch cp(0.3) crx(0.3) cry(0.3) crz(0.3) cu(0.3,0.4,0.5,0.6) swap CX cphase(0.3)",
    3: "ccx cswap",
}
GATES = [(gate, n) for n, gates in CALLS.items() for gate in gates.split()]
MODIFIERS = [
    "",
    "inv @",
    "ctrl @",
    "negctrl @",
    "ctrl(2) @",
    "ctrl @ inv @",
    "pow(2) @",
    "pow(-3) @",
    "negctrl @ pow(3) @",
]


@pytest.mark.parametrize("modifiers", MODIFIERS)
def test_each_gate_under_each_modifier_has_qiskits_matrix(modifiers: str) -> None:
    """Compare each gate of stdgates.inc by itself."""
    n_controls = modifiers.count("ctrl") + modifiers.count("(2) @") * modifiers.startswith("ctrl(2)")
    for gate, n in GATES:
        operands = ", ".join(f"q[{i}]" for i in [3, 1, 4, 0, 2][: n + n_controls])
        text = f"{HEADER3}qubit[5] q;\n{modifiers} {gate} {operands};"
        if "pow" in modifiers:
            judged = _without_powers(text)
        else:
            judged = text
        overlap = unitary_overlap(read_openqasm3(text).body, qiskit_loads(judged, 3))
        assert overlap == pytest.approx(1, abs=1e-9), text


def _without_powers(text: str) -> str:
    """Return the last line with pow(k) written out: Qiskit makes annotated gates of it."""
    *head, last = text.split("\n")
    for power in (2, 3, -3):
        if f"pow({power}) @" in last:
            once = last.replace(f"pow({power}) @", "inv @" if power < 0 else "")
            return "\n".join([*head, *[once] * abs(power)])
    return text


UNITARIES = {
    "definitions": "gate a(t, u) p, r { rz(t*2 - u/3) p; cx p, r; U(-t, 0.1, u) r; gphase(t); }\n"
    "gate b p, r, s { a(0.3, pi/7) p, s; inv @ a(-.5, 1e-1) r, s; ctrl @ a(1, 2) p, r, s; }\n"
    "qubit[4] q; b q[2], q[0], q[1]; ctrl @ b q[3], q[2], q[0], q[1]; inv @ b q[0], q[1], q[2];\n"
    "negctrl @ inv @ b q[0], q[1], q[2], q[3];",
    "gphase": "qubit[2] q; h q; gphase(0.3); ctrl @ gphase(0.4) q[0]; ctrl(2) @ gphase(pi/2) q[1], q[0];\n"
    "negctrl @ gphase(1) q[1];",
    "broadcast": "qubit[3] q; qubit[3] r; qubit a; h q; cx q, r; cx a, q; ctrl @ rx(0.2) q, r; barrier q;",
    "aliases": "qubit[4] q; qubit[2] r; let a = q[1:3]; let b = a[0:0] ++ r; let d = q[3:-1:1];\n"
    "h a; cx a[2], b[1]; cx d[0], d[2]; y b;",
    "for": "qubit[2] q; for int i in [0:4] { rx(0.1) q[0]; t q[1]; } for int i in {3, 1} { s q; }",
    "physical": "h $0; cx $0, $1; rz(0.3) $2;",
    "old registers": "qreg q[2]; creg c[2]; h q; cx q[0], q[1];",
    "barrier and delay": "qubit[2] q; h q; barrier q[0]; delay[10ns] q; delay[2.5us] q[0]; delay[100dt] q; "
    "cx q[0], q[1];",
}


@pytest.mark.parametrize("name", UNITARIES)
def test_unitaries_are_qiskits(name: str) -> None:
    """Compare whole unitaries."""
    text = HEADER3 + UNITARIES[name]
    program, circuit = read_openqasm3(text), qiskit_loads(text, 3)
    if any(item.operation.name in ("for_loop", "if_else", "delay") for item in circuit.data):
        assert outcome_distance(program.body, circuit) < 1e-9
    else:
        assert unitary_overlap(program.body, circuit) == pytest.approx(1, abs=1e-9)


# What Qiskit's reader refuses is judged by the same program in plainer words.
PLAIN = {
    "constants": (
        "const int n = 3; const float w = pi / 2 * n; const uint m = n ** 2 % 5; const angle v = w / m;"
        "qubit[n] q; rx(w) q[n - 1]; ry(v) q[0]; rz(-w ** 2 + m) q[1]; rx(tau) q[1]; ry(euler) q[1]; rx(7 / 2) q[0];",
        f"qubit[3] q; rx(3*pi/2) q[2]; ry(3*pi/8) q[0]; rz({4 - (1.5 * math.pi) ** 2}) q[1]; rx(2*pi) q[1];"
        f"ry({math.e}) q[1]; rx(3) q[0];",
    ),
    "functions": (
        "qubit q; rx(arccos(0.1) + arcsin(0.2) * arctan(3)) q; ry(exp(0.5) - log(3) + sqrt(2)) q;"
        "rz(cos(1) / tan(2) + sin(3)) q; rx(mod(7, 4) + floor(2.7) + ceiling(0.2)) q;",
        f"qubit q; rx({math.acos(0.1) + math.asin(0.2) * math.atan(3)}) q;"
        f"ry({math.exp(0.5) - math.log(3) + math.sqrt(2)}) q; rz({math.cos(1) / math.tan(2) + math.sin(3)}) q; "
        "rx(6) q;",
    ),
    "for": (
        "qubit[4] q; for int i in [0:3] { rx(i * 0.1) q[i]; } for int i in [3:-1:1] { cx q[i], q[i - 1]; }"
        "for int i in [0:1] { for int j in [2:3] { cp(pi / 2 ** (i + j)) q[i], q[j]; } } for int i in [2:1] { h q; }"
        "for float f in {0.25, 0.75} { ry(f) q[0]; } for int i in {3, 1} { s q[i]; } for uint i in [0:2:3] { h q[i]; }",
        "qubit[4] q; rx(0) q[0]; rx(0.1) q[1]; rx(0.2) q[2]; rx(3*0.1) q[3]; cx q[3], q[2]; cx q[2], q[1]; "
        "cx q[1], q[0];"
        "cp(pi/4) q[0], q[2]; cp(pi/8) q[0], q[3]; cp(pi/8) q[1], q[2]; cp(pi/16) q[1], q[3]; ry(0.25) q[0]; "
        "ry(0.75) q[0];"
        "s q[3]; s q[1]; h q[0]; h q[2];",
    ),
    "blocks": (
        "qubit q; { h q; { t q; } } if (true) { x q; } else { y q; } if (2 < 1) { x q; } while (false) { z q; }",
        "qubit q; h q; t q; x q;",
    ),
    "sets and negative indices": (
        "qubit[4] q; let c = q[{0, 3}]; let e = q[-1]; h c; y e; s q[-4];",
        "qubit[4] q; h q[0]; h q[3]; y q[3]; s q[0];",
    ),
    "scopes": (
        "qubit q; const float a = 0.5; gate g(b) p { rx(a + b) p; } for int i in [1:2] { const float a = 9; "
        "g(i * a) q; }",
        "qubit q; rx(9.5) q; rx(18.5) q;",
    ),
    "qelib1": (
        'include "qelib1.inc"; qubit[4] q; h q; rccx q[0], q[1], q[2]; ctrl @ rzz(0.3) q[3], q[0], q[1]; '
        "c3x q[3], q[2], q[1], q[0];",
        "gate rzz(t) a, b { cx a, b; rz(t) b; cx a, b; } qubit[4] q; h q; h q[2]; t q[2]; cx q[1], q[2]; tdg q[2];"
        "cx q[0], q[2]; t q[2]; cx q[1], q[2]; tdg q[2]; h q[2]; ctrl @ rzz(0.3) q[3], q[0], q[1];"
        "ctrl(3) @ x q[3], q[2], q[1], q[0];",
    ),
}


@pytest.mark.parametrize("name", PLAIN)
def test_richer_words_mean_the_plain_ones(name: str) -> None:
    """Compare with Qiskit's reading of the plain text."""
    text, plain = PLAIN[name]
    overlap = unitary_overlap(read_openqasm3(HEADER3 + text).body, qiskit_loads(HEADER3 + plain, 3))
    assert overlap == pytest.approx(1, abs=1e-9)


OUTCOMES = {
    "bit order": "qubit[3] q; bit[1] a; bit[2] b; bit d; x q[1]; b[1] = measure q[0]; a[0] = measure q[1];"
    "d = measure q[1];",
    "register": "qubit[3] q; bit[3] c; h q[0]; cx q[0], q[2]; c = measure q; reset q;",
    "arrow": "qubit[2] q; bit[2] c; h q; measure q[0] -> c[1]; measure q -> c;",
    "if on a bit": "qubit[3] q; bit[2] c; h q; c[0] = measure q[0]; if (c[0]) { x q[1]; } else { h q[2]; reset q[0]; }"
    "c[1] = measure q[1]; if (!c[1]) { y q[2]; } if (c[0] == true) { z q[2]; } if (c[1] == false) h q[0];",
    "if on a register": "qubit[3] q; bit[2] c; h q; c[0] = measure q[0]; c[1] = measure q[1]; if (c == 2) { x q[2]; }"
    "if (c == 1) { h q[2]; } else { s q[2]; }",
    "nested if": "qubit[3] q; bit[2] c; h q; c[0] = measure q[0];"
    "if (c[0]) { c[1] = measure q[1]; if (c[1]) { x q[2]; } else { y q[2]; } }",
    "while": "qubit[2] q; bit c; bit d; rx(1.0) q[0]; c = measure q[0];"
    "while (c) { rx(2.0) q[0]; c = measure q[0]; x q[1]; } d = measure q[1];",
    "measured declaration": "qubit q; h q; bit c = measure q;",
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_outcomes_are_qiskits(name: str) -> None:
    """Compare the state of each classical outcome."""
    text = HEADER3 + OUTCOMES[name]
    assert outcome_distance(read_openqasm3(text).body, qiskit_loads(text, 3)) < 1e-9


MEASURED = "qubit[3] q; bit[2] c; h q; c[0] = measure q[0]; c[1] = measure q[1];"
PLAIN_OUTCOMES = {
    "comparisons": (
        "if (c > 1) { x q[2]; } if (c <= 2) { ry(0.3) q[2]; } if (c != 3) { s q[2]; } if (c[0] == 1) { t q[2]; }",
        "if (c == 2) { x q[2]; } if (c == 3) { x q[2]; } if (c == 3) {} else { ry(0.3) q[2]; }"
        "if (c == 3) {} else { s q[2]; } if (c[0]) { t q[2]; }",
    ),
    "operators": (
        "if (c[0] && c[1]) { rx(0.2) q[2]; } if (c[0] || !c[1]) { rz(0.7) q[2]; } if (c[0] ^ c[1]) { rx(0.9) q[2]; }"
        'if (c == "10") { t q[2]; } if (c[0:1] == "01") { s q[2]; } if (int(c) + 1 == 3) { h q[2]; '
        "} if (~c[0]) { y q[2]; }",
        "if (c == 3) { rx(0.2) q[2]; } if (c == 2) {} else { rz(0.7) q[2]; }"
        "if (c == 1) { rx(0.9) q[2]; } if (c == 2) { rx(0.9) q[2]; }"
        "if (c == 2) { t q[2]; } if (c == 1) { s q[2]; } if (c == 2) { h q[2]; } if (!c[0]) { y q[2]; }",
    ),
    "for with a measurement": (
        "for int i in [0:1] { ry(0.3 + i) q[2]; c[i] = measure q[2]; if (c[i]) { x q[0]; } }",
        "ry(0.3) q[2]; c[0] = measure q[2]; if (c[0]) { x q[0]; } ry(1.3) q[2]; c[1] = measure q[2]; "
        "if (c[1]) { x q[0]; }",
    ),
}


@pytest.mark.parametrize("name", PLAIN_OUTCOMES)
def test_richer_conditions_mean_the_plain_ones(name: str) -> None:
    """Compare with Qiskit's reading of the plain text."""
    text, plain = (HEADER3 + MEASURED + tail for tail in PLAIN_OUTCOMES[name])
    assert outcome_distance(read_openqasm3(text).body, qiskit_loads(plain, 3)) < 1e-9


@pytest.mark.parametrize("family", ["ghz", "qft", "qaoa", "vqe_real_amp", "graphstate", "qpeexact", "wstate", "bv"])
@pytest.mark.parametrize("size", [4, 6])
def test_mqt_bench_is_qiskits(family: str, size: int) -> None:
    """Read circuits that others made."""
    circuit = get_benchmark(family, level=BenchmarkLevel.INDEP, circuit_size=size, random_parameters=True)
    text = qasm3.dumps(circuit)
    assert outcome_distance(read_openqasm3(text).body, circuit) < 1e-9


def test_inputs_become_parameters() -> None:
    """Bound values give Qiskit's bound circuit."""
    text = "input float a; input angle[32] b; gate g(t) p { rz(sin(t)) p; }"
    text += "qubit[2] q; rx(2 * a - b / 3) q[0]; g(a + 1) q[1];"
    program = read_openqasm3(HEADER3 + text)
    assert program.body.parameters == ("a", "b")
    plain = f"{HEADER3}qubit[2] q; rx({1.4 + 1.9 / 3}) q[0]; rz({math.sin(1.7)}) q[1];"
    assert unitary_overlap(program.bind(a=0.7, b=-1.9).body, qiskit_loads(plain, 3)) == pytest.approx(1, abs=1e-9)


def test_variables_of_the_run_are_registers() -> None:
    """A while on a counter plays three times: x three times is x."""
    text = HEADER3 + "qubit q; bit c; int k = 0; while (k < 3) { k += 1; x q; } c = measure q; if (k == 3) { x q; }"
    [(bits, state)] = twin.branches(read_openqasm3(text).body)
    assert bits == (1,)
    assert abs(state[0, 0]) == pytest.approx(1)


def test_variables_known_while_reading_are_folded() -> None:
    """A sum over a loop is a number at the end, and nothing is left of it."""
    text = HEADER3 + "qubit q; float w = 0.1; for int i in [1:3] { w += i * 0.5; } rx(w) q; int n = 7; n /= 2; rz(n) q;"
    program = read_openqasm3(text)
    assert [program.body.gate(i)[0::2][:2] for i in range(2)] == [(Op.RX, (0.1 + 3.0,)), (Op.RZ, (3.0,))]
    assert len(program) == 2


def test_assigned_bits_are_set() -> None:
    """By constants, by other bits and by operators."""
    text = HEADER3 + 'qubit q; bit[3] c = "110"; bit d; x q; d = measure q; c[0] = d; c[1] ^= d; c[2] = !c[2];'
    [(bits, _)] = twin.branches(read_openqasm3(text).body)
    assert bits == (1, 0, 0, 1)


def test_loops_alike_are_blocks_and_others_are_unrolled() -> None:
    """A loop that doesn't read its variable stays a loop, break and continue included."""
    text = (
        HEADER3
        + "qubit q; bit c; for int i in [1:1000000000] { h q; c = measure q; if (c) { break; } else { continue; } }"
    )
    body = read_openqasm3(text).body
    assert [block.kind for block in body.blocks] == [BlockKind.LOOP, BlockKind.IF, BlockKind.ELSE]
    assert body.blocks[0].count == 1_000_000_000
    assert {Op.BREAK, Op.CONTINUE} <= set(body.instructions["op"].tolist())


def test_durations_are_exact() -> None:
    """Units, arithmetic, dt and an input of the run."""
    text = (
        HEADER3 + "pragma qctl dt_s 1/1200000000\ninput duration w; qubit q; const duration a = 2us;"
        "duration b = a / 4 + 3 * 100ns;"
        "delay[b] q; delay[1.5ms] q; delay[0.25s] q; delay[240dt] q; delay[3 * 80dt - 40dt] q; delay[2 * w] q; "
        "box { delay[1ns] q; }"
    )
    body = read_openqasm3(text).body
    found = [body.operand_value(i) for i in range(len(body)) if body.instructions[i]["op"] == Op.DELAY]
    assert found[:5] == [8e-7, 1.5e-3, 0.25, 2e-7, 200 / 1.2e9]
    assert found[5].evaluate({"w": 1e-6}) == 2e-6  # type: ignore[union-attr]
    assert found[6] == 1e-9
    assert float(body.tick_s) == 1 / 1.2e9


def test_powers_of_phases_may_be_fractions() -> None:
    """As the specification defines s, t and sx."""
    text = HEADER3 + "qubit q; h q; pow(0.5) @ z q; pow(1/4.0) @ z q; pow(0.5) @ x q; pow(-0.5) @ s q;"
    judged = HEADER3 + "qubit q; h q; s q; t q; sx q; tdg q;"
    assert unitary_overlap(read_openqasm3(text).body, qiskit_loads(judged, 3)) == pytest.approx(1, abs=1e-12)


def test_u_has_qiskits_phase_under_control() -> None:
    """The specification's U has a further phase of theta / 2; Qiskit's has not."""
    [_, _, (theta, phi, lam), n_controls] = read_openqasm3("qubit[2] q; ctrl @ U(0.3, 0.4, 0.5) q[0], q[1];").body.gate(
        0
    )
    assert (theta, phi, lam, n_controls) == (0.3, 0.4, 0.5, 1)
    assert math.isclose(theta, 0.3)
