"""Native lines: what translation would not improve, held to the translator itself."""

import numpy as np
import pytest

import qctl
from qctl.cext import minimal
from qctl.compiler.routed import native_steps
from qctl.compiler.target import Target
from qctl.compiler.unroll import unroll
from qctl.program.opcodes import Op


def marked(bodies):
    bounds, word_bounds = (
        np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)
        for counts in ([len(b.instructions) for b in bodies], [len(b.operands) for b in bodies])
    )
    found = np.zeros(len(bodies), np.uint8)
    rows = np.concatenate([b.instructions for b in bodies])
    words = np.concatenate([b.operands for b in bodies])
    n_qubits = np.array([b.n_qubits for b in bodies], np.int64)
    minimal.native(rows, bounds, words, word_bounds, n_qubits, np.zeros(24 * 9, np.int8), found)
    return found.astype(bool).tolist()


def random_circuit(rng, n):
    c = qctl.Circuit(2)
    for _ in range(n):
        what, q = rng.integers(6), int(rng.integers(2))
        if what == 0:
            c.cz(0, 1)
        elif what == 1:
            c.barrier(*([0, 1] if rng.random() < 0.5 else [q]))
        elif what == 2:
            c.measure(q, q) if rng.random() < 0.2 else c.delay(q, 1e-8)
        elif what == 3:
            c.rz(float(rng.choice([0.3, np.pi / 2, np.pi, -np.pi / 2, 0.0])), q)
        else:
            c.sx(q)
    return c


@pytest.mark.parametrize("n", [0, 1, 2, 5, 12])
def test_translation_finds_no_fewer_pulses_than_marked_lines_have_unless_with_fewer_cz(n):
    rng = np.random.default_rng(n)
    circuits = [random_circuit(rng, n) for _ in range(400)]
    found = marked([c.body for c in circuits])
    n_marked = 0
    for c, native in zip(circuits, found, strict=True):
        steps = unroll(c.body).steps
        made = native_steps(steps, 2, Target(edges=((0, 1),)), fixed=True).steps
        before, after = ([sum(s.op is op for s in line) for op in (Op.SX, Op.CZ)] for line in (steps, made))
        assert not native or after[1] < before[1] or (after[1] == before[1] and after[0] >= before[0])
        n_marked += native
    assert n_marked > 5


def test_other_gates_and_parameters_are_not_native():
    other = [qctl.Circuit(2) for _ in range(4)]
    other[0].h(0)
    other[1].rz(qctl.Parameter("a"), 0)
    other[2].cx(0, 1)
    other[3].swap(0, 1)
    assert marked([c.body for c in other]) == [False] * 4


def test_shapes_that_do_not_fit_are_refused():
    body = random_circuit(np.random.default_rng(0), 5).body
    n, m = len(body.instructions), len(body.operands)
    good = {
        "rows": body.instructions, "bounds": np.array([0, n], np.int64), "words": body.operands,
        "word_bounds": np.array([0, m], np.int64), "n_qubits": np.array([2], np.int64), "work": np.zeros(48, np.int8),
        "found": np.zeros(1, np.uint8),
    }  # fmt: skip
    minimal.native(*good.values())
    for name, value in (
        ("bounds", np.array([0, n + 1], np.int64)), ("word_bounds", np.array([0, m + 1], np.int64)),
        ("n_qubits", np.zeros(2, np.int64)), ("work", np.zeros(47, np.int8)), ("found", np.zeros(2, np.uint8)),
        ("n_qubits", np.array([-1], np.int64)), ("work", np.zeros(96, np.int8)[::2]),
    ):  # fmt: skip
        with pytest.raises(ValueError):
            minimal.native(*(good | {name: value}).values())


def test_pairs_of_lines_are_those_of_their_first_cz():
    rng = np.random.default_rng(2)
    for n in (0, 1, 7):
        lines = [qctl.Circuit(3) for _ in range(n)]
        for c in lines:
            for _ in range(int(rng.integers(0, 4))):
                a, b = rng.permutation(3)[:2].tolist()
                c.cz(a, b)
                c.sx(a)
        tables = [c.body.instructions for c in lines]
        bounds = np.cumsum([0, *map(len, tables)])
        rows = np.concatenate(tables) if tables else np.empty(0, qctl.Circuit(1).body.instructions.dtype)
        found, more = np.empty((n, 2), np.int64), np.empty(n, np.uint8)
        minimal.pairs(rows, bounds, found, more)
        for k, table in enumerate(tables):
            joins = [tuple(sorted((int(r["a"]), int(r["b"])))) for r in table if r["op"] == Op.CZ]
            assert tuple(found[k]) == (joins[0] if joins else (-1, -1)) and more[k] == (len(set(joins)) > 1)


@pytest.mark.parametrize(("bounds", "shape", "n_more"), [([0, 2], (1, 2), 1), ([0, 1], (1, 3), 1), ([0, 1], (1, 2), 2)])
def test_pairs_of_what_does_not_fit_are_refused(bounds, shape, n_more):
    c = qctl.Circuit(2)
    c.cz(0, 1)
    with pytest.raises(ValueError, match=r"line|bounds|found"):
        minimal.pairs(c.body.instructions, np.array(bounds), np.empty(shape, np.int64), np.empty(n_more, np.uint8))
