"""Translated programs are the same programs: state vectors up to 12 qubits, stabilizers above, for every basis."""

import math
import random

import numpy as np
import pytest
import stim
from mqt.bench import BenchmarkLevel, get_benchmark
from qiskit import transpile

import qctl
from qctl.bench.translate_circuits import COUPLINGS, FAMILIES
from qctl.program.opcodes import GATES, Op

N_RANDOM, N_AT_ONCE = 1000, 50
BASES = (
    ("rz", "sx", "cz"),
    ("rz", "sx", "x", "cz"),
    ("rz", "sx", "cx"),
    ("rz", "rx", "cz"),
    ("rz", "ry", "cx"),
    ("u3", "cz"),
)
ONE_QUBIT = [op for op in GATES if GATES[op].n_qubits == 1]
TWO_QUBITS = [op for op in GATES if GATES[op].n_qubits == 2]
ONE, X, Y, Z = np.eye(2), np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1, -1])


def turned(pauli, angle):
    return math.cos(angle / 2) * np.eye(len(pauli)) - 1j * math.sin(angle / 2) * pauli


def u3(theta, phi, lam):
    return turned(Z, phi) @ turned(Y, theta) @ turned(Z, lam) * np.exp(0.5j * (phi + lam))


CONTROLLED = {
    "cx": X,
    "cy": Y,
    "cz": Z,
    "ch": (X + Z) / math.sqrt(2),
    "csx": turned(X, math.pi / 2) * np.exp(0.25j * math.pi),
}
PAIRS = {"rxx": np.kron(X, X), "ryy": np.kron(Y, Y), "rzz": np.kron(Z, Z), "rzx": np.kron(X, Z)}


def matrix(name, angles):
    """Return a gate's matrix, its first qubit lowest, from its definition alone."""
    fixed = {"id": ONE, "x": X, "y": Y, "z": Z, "h": (X + Z) / math.sqrt(2), "sx": turned(X, math.pi / 2)}
    if name in fixed:
        return fixed[name]
    if name in ("s", "sdg", "t", "tdg", "sxdg"):
        angle = {"s": 0.5, "sdg": -0.5, "t": 0.25, "tdg": -0.25, "sxdg": -0.5}[name] * math.pi
        return turned(X if name == "sxdg" else Z, angle)
    if name in ("rx", "ry", "rz", "p", "u1"):
        return turned({"rx": X, "ry": Y}.get(name, Z), *angles)
    if name in ("u", "u3", "u2"):
        return u3(*(angles if name != "u2" else (math.pi / 2, *angles)))
    if name == "rphi":
        return turned(math.cos(angles[1]) * X + math.sin(angles[1]) * Y, angles[0])
    if name == "ms" and angles[1] == 0:
        name, angles = "rxx", angles[:1]
    if name in PAIRS:
        return turned(PAIRS[name], *angles)
    if name.endswith(("swap", "swapdg")):
        angle = {"iswap": -1, "iswapdg": 1, "sqrtiswap": -0.5, "sqrtiswapdg": 0.5}.get(name)
        if angle is None:
            return np.eye(4)[[0, 2, 1, 3]]
        return turned(PAIRS["rxx"], angle * math.pi / 2) @ turned(PAIRS["ryy"], angle * math.pi / 2)
    on = {"cp": lambda t: np.diag([1, np.exp(1j * t)]), "cu": lambda t, p, lam, g: np.exp(1j * g) * u3(t, p, lam)}
    on |= {"crx": lambda t: turned(X, t), "cry": lambda t: turned(Y, t), "crz": lambda t: turned(Z, t)}
    inner = CONTROLLED[name] if name in CONTROLLED else on[name](*angles)
    return np.kron(ONE, np.diag([1, 0])) + np.kron(inner, np.diag([0, 1]))


def play(program, state):
    """Return a state, an axis of two for each qubit, after a program's gates."""
    body = program.body
    for i in range(len(body)):
        op, qubits, angles, _ = body.gate(i)
        n = len(qubits)
        u = matrix(op.name.lower(), angles).reshape((2,) * 2 * n)
        state = np.moveaxis(np.tensordot(u, state, (range(n, 2 * n), qubits[::-1])), range(n), qubits[::-1])
    return state


def overlap(circuit, made, rng):
    """Return how far a translated circuit takes a random product state to where it should be."""
    layout, final = ([int(q) for q in made.metadata[key].split(",")] for key in ("layout", "final_layout"))
    singles = [rng.normal(size=2) + 1j * rng.normal(size=2) for _ in layout]
    singles = [v / np.linalg.norm(v) for v in singles]

    def product(places, n):
        state = np.ones((1,) * 0)
        order = {place: k for k, place in enumerate(places)}
        for q in range(n):
            state = np.multiply.outer(state, singles[order[q]] if q in order else np.array([1, 0]))
        return state

    theirs = play(circuit, product(range(len(layout)), len(layout)))
    ours = play(made, product(layout, made.n_qubits))
    # Unused qubits end where they began, in 0.
    kept = tuple(slice(None) if q in final else 0 for q in range(made.n_qubits))
    order = [sorted(final).index(q) for q in final]
    return abs(np.vdot(ours[kept].transpose(order), theirs))


def random_circuit(rng, n, n_gates):
    circuit = qctl.Circuit(n)
    for _ in range(n_gates):
        op = rng.choice(TWO_QUBITS if n > 1 and rng.random() < 0.5 else ONE_QUBIT)
        angles = [rng.choice([rng.uniform(-7, 7), math.pi, math.pi / 2, 0.0]) for _ in range(GATES[op].n_params)]
        circuit.append(op, rng.sample(range(n), GATES[op].n_qubits), angles)
    return circuit


def native_only(made, basis, edges):
    coupled = set(map(frozenset, edges))
    for i in range(len(made.body)):
        op, qubits, _, _ = made.body.gate(i)
        assert op.name.lower() in basis
        assert len(qubits) == 1 or frozenset(qubits) in coupled


@pytest.mark.parametrize("first", range(0, N_RANDOM, N_AT_ONCE))
def test_random_circuits_stay_what_they_are(first):
    for seed in range(first, first + N_AT_ONCE):
        rng = random.Random(seed)
        n = rng.randint(1, 6)
        edges = COUPLINGS[rng.choice([*COUPLINGS])](rng.randint(max(n, 4), 7))
        basis = rng.choice(BASES)
        circuit = random_circuit(rng, n, rng.randint(1, 25))
        made = qctl.translate(circuit, qctl.Target(basis, tuple(edges)), level=rng.randint(0, 3), seed=seed)
        native_only(made, basis, edges)
        assert overlap(circuit, made, np.random.default_rng(seed)) == pytest.approx(1, abs=1e-9), seed


MQT = (
    "dj",
    "ghz",
    "graphstate",
    "qft",
    "qftentangled",
    "qpeexact",
    "qpeinexact",
    "wstate",
    "vqe_real_amp",
    "qaoa",
    "bv",
)


@pytest.mark.parametrize("name", MQT)
@pytest.mark.parametrize("n", [5, 12])
def test_mqt_bench_circuits_stay_what_they_are(name, n):
    theirs = get_benchmark(name, level=BenchmarkLevel.ALG, circuit_size=n, random_parameters=True)
    theirs.remove_final_measurements()
    theirs = transpile(theirs, basis_gates=["u3", "cx", "cp", "swap", "rzz"], optimization_level=0)
    circuit = qctl.Circuit(theirs.num_qubits)
    for item in theirs.data:
        if item.operation.name not in ("barrier", "measure"):
            qubits = [theirs.find_bit(q).index for q in item.qubits]
            circuit.append(item.operation.name, qubits, [float(x) for x in item.operation.params])
    edges = COUPLINGS["line"](n)
    made = qctl.translate(circuit, qctl.Target(("rz", "sx", "cz"), tuple(edges)), level=2)
    native_only(made, ("rz", "sx", "cz"), edges)
    assert overlap(circuit, made, np.random.default_rng(n)) == pytest.approx(1, abs=1e-9)


def quarter(angle):
    """Return how many quarter turns an angle is."""
    k = round(angle / (math.pi / 2))
    assert abs(angle - k * math.pi / 2) < 1e-8
    return k % 4


def tableau(program, n):
    """Return what a program of quarter turns does to Pauli operators, by stim."""
    circuit = stim.Circuit()
    circuit.append("I", range(n))
    turns = {"rz": ["I", "S", "Z", "S_DAG"], "p": ["I", "S", "Z", "S_DAG"], "rx": ["I", "SQRT_X", "X", "SQRT_X_DAG"]}
    turns["ry"] = ["I", "SQRT_Y", "Y", "SQRT_Y_DAG"]
    pairs = {"rzz": ["I", "SQRT_ZZ", None, "SQRT_ZZ_DAG"]}
    words = {"sx": "SQRT_X", "sdg": "S_DAG"}
    body = program.body
    for i in range(len(body)):
        op, qubits, angles, _ = body.gate(i)
        name = op.name.lower()
        if name == "u3":
            for word, angle in (("rz", angles[2]), ("ry", angles[0]), ("rz", angles[1])):
                circuit.append(turns[word][quarter(angle)], qubits)
        elif name == "rzz" and quarter(angles[0]) in (0, 2):
            circuit.append("Z" if quarter(angles[0]) else "I", qubits)
        elif angles:
            circuit.append((turns | pairs)[name][quarter(angles[0])], qubits)
        else:
            circuit.append(words.get(name, name.upper()), qubits)
    return circuit.to_tableau()


@pytest.mark.parametrize("family", ["qaoa", "clifft", "qv", "wstate"])
@pytest.mark.parametrize("where", [*COUPLINGS])
def test_routing_of_many_qubits_is_right_in_quarter_turns(family, where):
    n = 24
    circuit = qctl.Circuit(n)
    for name, angles, qubits in FAMILIES[family](n):
        word = {"t": "s", "tdg": "sdg"}.get(name, name)
        circuit.append(word, qubits, [round(angle / (math.pi / 2)) * math.pi / 2 for angle in angles])
    edges = COUPLINGS[where](n)
    made = qctl.translate(circuit, qctl.Target(("rz", "sx", "cz"), tuple(edges)), level=2)
    layout, final = ([int(q) for q in made.metadata[key].split(",")] for key in ("layout", "final_layout"))
    theirs, ours = tableau(circuit, n), tableau(made, made.n_qubits)
    for q in range(n):
        for basis, before in (("X", theirs.x_output(q)), ("Z", theirs.z_output(q))):
            found = (ours.x_output if basis == "X" else ours.z_output)(layout[q])
            wanted = stim.PauliString(made.n_qubits)
            for k in range(n):
                wanted[final[k]] = before[k]
            wanted *= before.sign
            assert found == wanted, f"{basis} of qubit {q}"


def test_same_seed_gives_the_same_bytes_and_the_golden_hash_holds():
    circuit = qctl.Circuit(20)
    for name, angles, qubits in FAMILIES["qv"](20):
        circuit.append(name, qubits, angles)
    target = qctl.Target(("rz", "sx", "cz"), tuple(COUPLINGS["grid"](20)))
    made = [qctl.translate(circuit, target, level=2, seed=5) for _ in range(2)]
    assert made[0].to_bytes() == made[1].to_bytes()
    assert made[0] != qctl.translate(circuit, target, level=2, seed=6)


def test_swap_gates_cost_nothing_where_names_may_change():
    circuit = qctl.Circuit(3)
    circuit.h(0)
    circuit.swap(0, 2)
    made = qctl.translate(circuit, qctl.Target(edges=((0, 1), (1, 2))))
    assert not np.isin(made.body.instructions["op"], [Op.CZ, Op.SWAP]).any()
    assert made.metadata["final_layout"] == "2,1,0"


def test_chain_fills_a_grid_without_swaps():
    circuit = qctl.Circuit(118)
    for name, angles, qubits in FAMILIES["wstate"](118):
        circuit.append(name, qubits, angles)
    made = qctl.translate(circuit, qctl.Target(("rz", "sx", "x", "cz"), tuple(COUPLINGS["grid"](118))))
    assert int((made.body.instructions["op"] == Op.CZ).sum()) == 234
