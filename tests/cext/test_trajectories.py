"""Shots side by side against one slow numpy shot after the other that draws the same numbers."""

import numpy as np
import pytest

from qctl.cext import propagate, trajectories

MASK = 2**64 - 1
FIELDS = ("kind", "t0", "t1", "controls", "matrix", "n_operators", "odds", "site", "still", "bit", "readout")
LANES = {np.float64: 8, np.float32: 16}


def uniform(key, number):
    z = (int(key) + (number + 1) * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
    return ((z ^ z >> 31) >> 11) * 2.0**-53


class Tables:
    """A plan in the making, and the same steps as a slow list."""

    def __init__(self, n_qubits, n_bits=0):
        self.n_qubits, self.n_bits, self.n_sites = n_qubits, n_bits, 0
        self.items, self.blocks, self.numbers, self.odds, self.slow = [], [], [], [], []

    def store(self, matrices):
        at = len(self.numbers)
        self.numbers += np.ascontiguousarray(matrices, complex).ravel().view(float).tolist()
        return at

    def block(self, qubits, members, product=None, controls=0):
        """Close a block over the last `members` items; without a product it is its one item."""
        row = self.items[-1]
        matrix = row[4] if product is None else self.store(product)
        self.blocks.append([*[*qubits, -1][:2], controls, matrix, len(self.items) - members, len(self.items)])

    def gate(self, matrix, qubits, controls=0):
        self.items.append([0, *[*qubits, -1][:2], controls, self.store(matrix), 1, 0, 0, 0, 0, 0])
        self.slow.append(("gate", matrix, qubits, controls))

    def mixture(self, unitaries, odds, qubits):
        row = [1, *[*qubits, -1][:2], 0, self.store(unitaries), len(odds), len(self.odds), self.n_sites, 0, 0, 0]
        self.items.append(row)
        self.odds += np.cumsum(odds).tolist()
        self.slow.append(("mixture", unitaries, qubits, odds, self.n_sites))
        self.n_sites += 1

    def kraus(self, operators, qubits, least, bit=None, ones=(0.0, 1.0)):
        grams = np.einsum("nji,njk->nik", np.conj(operators), operators)
        at = len(self.odds)
        self.odds += [least, *np.ascontiguousarray(grams, complex).ravel().view(float).tolist(), *ones]
        kind = 2 if bit is None else 3
        targets = [*qubits, -1][:2]
        readout = len(self.odds) - 2
        row = [kind, *targets, 0, self.store(operators), len(operators), at, self.n_sites, 0, bit or 0, readout]
        self.items.append(row)
        self.slow.append(("kraus", operators, qubits, bit, ones, self.n_sites))
        self.n_sites += 1 if bit is None else 2

    def plan(self):
        numbers = np.array(self.numbers)
        items = np.array(self.items, np.int64).reshape(-1, 11)
        blocks = np.array(self.blocks, np.int64).reshape(-1, 6)
        return trajectories.Plan(
            self.n_qubits,
            items,
            blocks,
            numbers,
            numbers.astype(np.float32),
            np.array(self.odds),
            self.n_sites,
            self.n_bits,
        )

    def slow_shot(self, key):
        """Return the normalised state and the bits of one shot."""
        n = self.n_qubits
        psi = np.zeros((2,) * n, complex)
        psi[(0,) * n] = 1
        bits = [0] * self.n_bits

        def applied(psi, matrix, qubits, controls=0):
            k = len(qubits)
            axes = [n - 1 - q for q in qubits]
            tensor = np.asarray(matrix).reshape((2,) * (2 * k))
            out = np.moveaxis(np.tensordot(tensor, psi, (range(k, 2 * k), axes)), range(k), axes)
            index = np.arange(2**n).reshape((2,) * n)
            return np.where((index & controls) == controls, out, psi)

        for kind, matrices, qubits, *rest in self.slow:
            if kind == "gate":
                psi = applied(psi, matrices, qubits, rest[0])
            elif kind == "mixture":
                chosen = int(np.searchsorted(np.cumsum(rest[0])[:-1], uniform(key, rest[1]), side="right"))
                psi = applied(psi, matrices[chosen], qubits)
            else:
                bit, ones, site = rest
                after = [applied(psi, k, qubits) for k in matrices]
                odds = np.array([np.vdot(a, a).real for a in after])
                chosen = int(np.searchsorted(np.cumsum(odds)[:-1], uniform(key, site), side="right"))
                psi = after[chosen] / np.sqrt(odds[chosen])
                if bit is not None:
                    bits[bit] = int(uniform(key, site + 1) < ones[chosen])
        return psi.ravel(), bits


def random_unitary(rng, d):
    return np.linalg.qr(rng.normal(size=(d, d)) + 1j * rng.normal(size=(d, d)))[0]


def damping(gamma):
    return np.array([[[1, 0], [0, np.sqrt(1 - gamma)]], [[0, np.sqrt(gamma)], [0, 0]]], complex)


def scene(n_qubits, seed, rate=0.1):
    """Return tables of everything: gates, controls, mixtures, Kraus channels on one and two qubits, measurements."""
    rng = np.random.default_rng(seed)
    t = Tables(n_qubits, n_bits=2)
    projectors = np.array([np.diag([1, 0]), np.diag([0, 1])], complex)
    for _ in range(4):
        for q in range(n_qubits):
            u, errors = random_unitary(rng, 2), np.array([np.eye(2), *(random_unitary(rng, 2) for _ in range(2))])
            t.gate(u, [q])
            t.mixture(errors, [1 - rate, rate / 4, 3 * rate / 4], [q])
            t.kraus(damping(rate), [q], 1 - rate)
            t.block([q], 3, damping(rate)[0] / np.sqrt(1 - rate) @ u)
        if n_qubits >= 2:
            a, b = (int(q) for q in rng.permutation(n_qubits)[:2])
            t.gate(random_unitary(rng, 4), [a, b])
            t.block([a, b], 1)
            joint = np.einsum("aij,bkl->abikjl", damping(rate), damping(rate)).reshape(4, 4, 4)
            t.kraus(joint, [b, a], (1 - rate) ** 2)
            t.block([b, a], 1)
        if n_qubits >= 3:
            a, b, c = (int(q) for q in rng.permutation(n_qubits)[:3])
            t.gate(random_unitary(rng, 2), [a], 1 << b | 1 << c)
            t.block([a], 1, controls=1 << b | 1 << c)
        t.kraus(projectors, [0], 0.0, bit=int(rng.integers(2)), ones=(0.1, 0.8))
        t.block([0], 1)
    return t


def paulis(n_qubits):
    return np.array([[x, z] for x in range(min(2**n_qubits, 4)) for z in range(min(2**n_qubits, 4))], np.int64)


def slow_means(psi, strings):
    index = np.arange(len(psi))
    found = []
    for x, z in strings:
        signs = (-1.0) ** np.array([bin(i & z).count("1") for i in index])
        found.append((1j ** bin(x & z).count("1") * np.vdot(psi[index ^ x], signs * psi)).real)
    return found


def run(plan, keys, dtype, strings, threads=1, most=2, watch=None):
    n, lanes = len(keys), LANES[dtype]
    starts = np.empty(n, np.int64)
    trajectories.find_starts(plan, keys, starts)
    order = np.argsort(starts, kind="stable")
    order = np.concatenate([order, np.repeat(order[-1:], -n % lanes)])
    outcomes, bits, means = np.empty(n, np.int64), np.zeros((n, plan.n_bits), np.uint8), np.empty((n, len(strings)))
    for k in range(threads):
        work = np.empty(4 * lanes * 2**plan.n_qubits, dtype)
        trajectories.run(plan, keys, order, starts, k, threads, strings, outcomes, bits, means, work, most, watch)
    return outcomes, bits, means


@pytest.mark.parametrize(("dtype", "error"), [(np.float64, 1e-11), (np.float32, 2e-3)])
@pytest.mark.parametrize(("n_qubits", "rate"), [(1, 0.1), (2, 0.3), (3, 0.1), (5, 0.02)])
def test_every_shot_is_the_slow_one(dtype, error, n_qubits, rate):
    t = scene(n_qubits, n_qubits, rate)
    plan, strings = t.plan(), paulis(n_qubits)
    keys = np.random.default_rng(9).integers(0, 2**64, 37, np.uint64)
    outcomes, bits, means = run(plan, keys, dtype, strings)
    for shot, key in enumerate(keys):
        psi, wanted = t.slow_shot(key)
        assert bits[shot].tolist() == wanted
        np.testing.assert_allclose(means[shot], slow_means(psi, strings), atol=error)
        sums = np.cumsum(np.abs(psi) ** 2)
        draw = uniform(key, plan.n_sites)
        assert sums[outcomes[shot]] > draw - error and (sums - np.abs(psi) ** 2)[outcomes[shot]] <= draw + error
    again = run(plan, keys, dtype, strings, threads=3)
    np.testing.assert_array_equal(again[0], outcomes)
    np.testing.assert_array_equal(again[1], bits)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_kept_states_go_on_where_they_were_and_others_stay(dtype):
    t = scene(3, 4, 0.2)
    plan, lanes = t.plan(), LANES[dtype]
    keys = np.random.default_rng(8).integers(0, 2**64, 3 * lanes, np.uint64)
    wanted, wanted_bits, _ = run(plan, keys, dtype, paulis(0))
    states = np.zeros((3, 8, 2, lanes), dtype)
    states[:, 0, 0] = 1
    clocks, bits = np.zeros(len(keys), np.uint64), np.zeros((len(keys), 2), np.uint8)
    for turn in (0, 1):
        active = (np.arange(len(keys)) % 3 % 2 == turn).astype(np.uint8)
        before = states.copy()
        trajectories.advance(plan, states, keys, clocks, active, bits, 0, 3)
        rest = np.flatnonzero(active == 0)
        np.testing.assert_array_equal(
            states[rest // lanes, :, :, rest % lanes], before[rest // lanes, :, :, rest % lanes]
        )
    outcomes = np.empty(len(keys), np.int64)
    trajectories.draw(3, states, keys, clocks + np.uint64(plan.n_sites), outcomes, 0, 3)
    np.testing.assert_array_equal(bits, wanted_bits)
    np.testing.assert_array_equal(outcomes, wanted)


@pytest.mark.parametrize("most", range(propagate.widest() + 1))
@pytest.mark.parametrize(("dtype", "error"), [(np.float64, 1e-11), (np.float32, 2e-3)])
def test_all_vector_instructions_play_the_same(dtype, error, most):
    t = scene(3, 4, 0.2)
    plan, lanes = t.plan(), LANES[dtype]
    keys = np.random.default_rng(8).integers(0, 2**64, 3 * lanes, np.uint64)
    outcomes, bits, means = run(plan, keys, dtype, paulis(3), 2)
    found, found_bits, found_means = run(plan, keys, dtype, paulis(3), 2, most)
    np.testing.assert_array_equal(found, outcomes)
    np.testing.assert_array_equal(found_bits, bits)
    np.testing.assert_allclose(found_means, means, atol=error)


def test_a_watch_counts_blocks_and_stops():
    t = scene(3, 4, 0.2)
    plan, keys = t.plan(), np.arange(16, dtype=np.uint64)
    watch = np.zeros(2, np.int64)
    run(plan, keys, np.float64, paulis(0), watch=watch)
    assert watch[0] == 0
    assert plan.n_blocks <= watch[1] <= 3 * plan.n_blocks
    watch[:] = 1, 0
    run(plan, keys, np.float64, paulis(0), watch=watch)
    assert watch.tolist() == [1, 0]
    with pytest.raises(ValueError, match="watch has 1"):
        run(plan, keys, np.float64, paulis(0), watch=watch[:1])


def test_no_steps_and_no_shots():
    plan = Tables(1).plan()
    outcomes, _, means = run(plan, np.arange(3, dtype=np.uint64), np.float64, paulis(1))
    assert outcomes.tolist() == [0, 0, 0]
    np.testing.assert_allclose(means, [[1, 1, 0, 0]] * 3)
    assert len(run(plan, np.empty(0, np.uint64), np.float64, paulis(0))[0]) == 0


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("t0", 3, "acts on the qubits"),
        ("t1", 0, "acts on the qubits"),
        ("controls", 1, "controls"),
        ("controls", 8, "controls"),
        ("matrix", 10_000, "matrices"),
        ("matrix", -1, "matrices"),
        ("n_operators", 0, "matrices"),
        ("kind", 4, "kind 4"),
        ("odds", 1000, "odds"),
        ("site", 7, "draw 7"),
        ("site", -1, "draw -1"),
        ("bit", 2, "bit 2"),
        ("readout", 1000, "bit 0"),
    ],
)
def test_an_item_out_of_range_is_refused(field, value, message):
    t = Tables(3, n_bits=1)
    t.kraus(np.array([np.diag([1, 0]), np.diag([0, 1])]), [0], 0.0, bit=0)
    t.block([0], 1)
    t.items[0][FIELDS.index(field)] = value
    with pytest.raises(ValueError, match=message):
        t.plan()


@pytest.mark.parametrize(("first", "end"), [(1, 1), (0, 2), (0, 0), (-1, 1)])
def test_blocks_must_follow_each_other(first, end):
    t = Tables(1)
    t.gate(np.eye(2), [0])
    t.block([0], 1)
    t.blocks[0][4:] = [first, end]
    with pytest.raises(ValueError, match="block"):
        t.plan()


def test_shapes_that_do_not_fit_are_refused():
    t = Tables(1)
    plan, keys = t.plan(), np.zeros(8, np.uint64)
    starts, order, none = np.zeros(8, np.int64), np.arange(8), paulis(0)[:0]
    outcomes, bits, means = np.empty(8, np.int64), np.empty((8, 0), np.uint8), np.empty((8, 0))
    whole = [plan, keys, order, starts, 0, 1, none, outcomes, bits, means, np.empty(64)]
    trajectories.run(*whole)
    wrong = {
        2: (np.arange(7), np.arange(8) + 1), 3: (starts[:7], starts - 1, starts + 1), 4: (-1,), 5: (0,),
        6: (np.zeros((0, 3), np.int64), np.array([[2, 0]])), 7: (outcomes[:7],), 8: (np.empty((8, 1), np.uint8),),
        9: (np.empty((8, 1)),), 10: (np.empty(63), np.empty(64, np.float32), np.empty(128)[::2]),
    }  # fmt: skip
    for place, values in wrong.items():
        for value in values:
            with pytest.raises(ValueError):
                trajectories.run(*whole[:place], value, *whole[place + 1 :])
    with pytest.raises(ValueError, match="differ in length"):
        trajectories.find_starts(plan, keys, starts[:7])
    states, clocks, active = np.zeros((1, 2, 2, 8)), np.zeros(8, np.uint64), np.ones(8, np.uint8)
    for bad in (
        (np.zeros((1, 4, 2, 8)), keys, clocks, active, bits, 0, 1),
        (states, keys[:7], clocks, active, bits, 0, 1),
        (states, keys, clocks[:7], active, bits, 0, 1),
        (states, keys, clocks, active[:7], bits, 0, 1),
        (states, keys, clocks, active, bits, 0, 2),
        (states, keys, clocks, active, np.empty((8, 1), np.uint8), 0, 1),
    ):
        with pytest.raises(ValueError):
            trajectories.advance(plan, *bad)
    with pytest.raises(ValueError, match="outcomes 7"):
        trajectories.draw(1, states, keys, clocks, outcomes[:7], 0, 1)
