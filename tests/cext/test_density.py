"""Superoperators on Pauli coefficients against numpy's tensordot."""

import itertools

import numpy as np
import pytest

from qctl.cext import density, propagate

LEVELS = range(propagate.widest() + 1)
TOLERANCES = [(np.float64, 1e-13), (np.float32, 1e-5)]


def slow_play(state, n_qubits, qubits, matrix):
    """Return the state after one matrix, whose fastest digit is the first of the ascending qubits."""
    k = len(qubits)
    axes = [n_qubits - 1 - q for q in reversed(qubits)]
    tensor = matrix.astype(float).reshape((4,) * (2 * k))
    out = np.tensordot(tensor, state.astype(float).reshape((4,) * n_qubits), (range(k, 2 * k), axes))
    return np.moveaxis(out, range(k), axes).ravel()


def play_one(state, n_qubits, qubits, matrix, threads=1, most=2):
    row = np.array([[*qubits, -1, -1, -1][:3]], np.int32)
    density.play(state, n_qubits, row, np.zeros(1, np.intp), np.ascontiguousarray(matrix).ravel(), threads, most)


@pytest.mark.parametrize(("dtype", "error"), TOLERANCES)
@pytest.mark.parametrize("most", LEVELS)
@pytest.mark.parametrize("n_qubits", range(1, 7))
def test_every_place_of_one_two_and_three_qubits(dtype, error, n_qubits, most):
    rng = np.random.default_rng(n_qubits)
    for k in (1, 2, 3):
        for qubits in itertools.combinations(range(n_qubits), k):
            state = rng.normal(size=4**n_qubits).astype(dtype)
            matrix = rng.normal(size=(4**k, 4**k)).astype(dtype)
            wanted = slow_play(state, n_qubits, qubits, matrix)
            play_one(state, n_qubits, qubits, matrix, most=most)
            np.testing.assert_allclose(state, wanted, atol=error * np.abs(wanted).max(), err_msg=str(qubits))


@pytest.mark.parametrize(("dtype", "error"), TOLERANCES)
@pytest.mark.parametrize("threads", [2, 3, 7])
def test_threads_share_the_work_and_change_no_bit(dtype, error, threads):
    rng = np.random.default_rng(1)
    places = [(0, -1, -1), (1, -1, -1), (7, -1, -1), (0, 1, -1), (0, 8, -1), (1, 5, -1), (3, 7, -1), (0, 4, 8)] * 3
    sizes = [16 ** sum(q >= 0 for q in place) for place in places]
    offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp)
    matrices = (rng.normal(size=sum(sizes)) / 8).astype(dtype)
    state = rng.normal(size=4**9).astype(dtype)
    alone = state.copy()
    density.play(alone, 9, np.array(places, np.int32), offsets, matrices, 1)
    density.play(state, 9, np.array(places, np.int32), offsets, matrices, threads)
    np.testing.assert_array_equal(state, alone)


def test_no_steps_and_no_qubits_change_nothing():
    state = np.array([2.0])
    density.play(state, 0, np.empty((0, 3), np.int32), np.empty(0, np.intp), np.empty(0), 1)
    assert state[0] == 2.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"state": np.zeros(15)}, "15 coefficients"),
        ({"n_qubits": 31}, "n_qubits = 31"),
        ({"qubits": np.zeros((1, 2), np.int32)}, "don't fit"),
        ({"qubits": np.array([[2, -1, -1]], np.int32)}, "don't ascend"),
        ({"qubits": np.array([[1, 0, -1]], np.int32)}, "don't ascend"),
        ({"qubits": np.array([[-1, 0, -1]], np.int32)}, "don't ascend"),
        ({"qubits": np.array([[-1, -1, -1]], np.int32)}, "has no qubit"),
        ({"offsets": np.array([1], np.intp)}, "offsets"),
        ({"offsets": np.array([-1], np.intp)}, "offsets"),
        ({"offsets": np.zeros(2, np.intp)}, "don't fit"),
        ({"n_threads": 0}, "n_threads = 0"),
        ({"state": np.zeros(32)[::2]}, "contiguous"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    given = {
        "state": np.zeros(16),
        "n_qubits": 2,
        "qubits": np.array([[0, -1, -1]], np.int32),
        "offsets": np.zeros(1, np.intp),
        "matrices": np.zeros(16),
        "n_threads": 1,
    } | change
    with pytest.raises(ValueError, match=message):
        density.play(*given.values())


def test_a_watch_counts_steps_and_stops():
    state, places = np.ones(16), np.array([[0, -1, -1]] * 5, np.int32)
    given = state, 2, places, np.zeros(5, np.intp), np.eye(4).ravel() * 2, 1, 2
    watch = np.zeros(2, np.int64)
    density.play(*given, watch)
    assert watch.tolist() == [0, 5]
    assert (state == 32).all()
    watch[0] = 1
    density.play(*given, watch)
    assert watch.tolist() == [1, 6]
    with pytest.raises(ValueError, match="watch has 3"):
        density.play(*given, np.zeros(3, np.int64))
