"""The cheapest place of a routed program, against all places one by one."""

from itertools import permutations

import numpy as np
import pytest

from qctl.cext.placement import cheapest_place


def slow(uses, wire_uses, pair_price, qubit_price):
    """Return the least price of all places."""
    n, n_wires = len(qubit_price), len(wire_uses)
    best = np.inf
    for place in permutations(range(n), n_wires):
        best = min(best, price_of(place, uses, wire_uses, pair_price, qubit_price))
    return best


def price_of(place, uses, wire_uses, pair_price, qubit_price):
    price = sum(count * pair_price[kind, place[a], place[b]] for a, b, count, kind in uses)
    return price + sum(wire_uses[w] @ qubit_price[place[w]] for w in range(len(wire_uses)))


@pytest.mark.parametrize("seed", range(40))
def test_the_cheapest_of_all_places_is_found(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 7))
    n_wires = int(rng.integers(1, n + 1))
    pairs = [(a, b) for a in range(n_wires) for b in range(n_wires) if a != b and rng.random() < 0.5]
    n_kinds = int(rng.integers(1, 3))
    uses = np.array([(a, b, rng.integers(1, 9), rng.integers(n_kinds)) for a, b in pairs], np.int32).reshape(-1, 4)
    wire_uses = rng.integers(0, 9, (n_wires, 2)).astype(float)
    pair_price = np.where(rng.random((n_kinds, n, n)) < 0.7, rng.random((n_kinds, n, n)), np.inf)
    qubit_price = rng.random((n, 2))
    place = np.full(n_wires, -1, np.int32)
    found = cheapest_place(uses, wire_uses, pair_price, qubit_price, 1_000_000, np.inf, place)
    assert found == pytest.approx(slow(uses, wire_uses, pair_price, qubit_price))
    if np.isfinite(found):
        assert len(set(place.tolist())) == n_wires
        assert price_of(place, uses, wire_uses, pair_price, qubit_price) == pytest.approx(found)


def test_nothing_better_leaves_the_place_alone():
    place = np.array([-1, -1], np.int32)
    uses = np.array([[0, 1, 2, 0]], np.int32)
    price = np.array([[[np.inf, 1.0], [np.inf, np.inf]]])
    assert cheapest_place(uses, np.zeros((2, 2)), price, np.zeros((2, 2)), 100, 2.0, place) == 2.0
    assert place.tolist() == [-1, -1]
    assert cheapest_place(uses, np.zeros((2, 2)), price, np.zeros((2, 2)), 0, 9.0, place) == 9.0
    empty = (np.zeros((0, 4), np.int32), np.zeros((0, 2)), np.zeros((0, 0, 0)), np.zeros((0, 2)))
    assert cheapest_place(*empty, 9, 1.0, np.zeros(0, np.int32)) == 1.0


@pytest.mark.parametrize(
    ("uses", "wires", "pairs", "qubits", "place", "match"),
    [
        ((1, 3), (2, 2), (1, 2, 2), (2, 2), 2, "don't fit"),
        ((1, 4), (2, 3), (1, 2, 2), (2, 2), 2, "don't fit"),
        ((1, 4), (2, 2), (1, 2, 3), (2, 2), 2, "don't fit"),
        ((1, 4), (2, 2), (1, 2, 2), (3, 2), 2, "don't fit"),
        ((1, 4), (2, 2), (1, 2, 2), (2, 2), 1, "don't fit"),
        ((1, 4), (3, 2), (1, 2, 2), (2, 2), 3, "don't fit"),
        ((1, 4), (2, 2), (1, 2, 2), (2, 2), 2, r"uses\[0\] joins 0 and 0"),
    ],
)
def test_what_does_not_fit_is_refused(uses, wires, pairs, qubits, place, match):
    with pytest.raises(ValueError, match=match):
        cheapest_place(
            np.zeros(uses, np.int32),
            np.zeros(wires),
            np.zeros(pairs),
            np.zeros(qubits),
            1,
            1.0,
            np.zeros(place, np.int32),
        )


def test_odd_strides_are_refused():
    with pytest.raises(ValueError, match="contiguous"):
        cheapest_place(
            np.zeros((2, 8), np.int32)[:, ::2],
            np.zeros((2, 2)),
            np.zeros((1, 2, 2)),
            np.zeros((2, 2)),
            1,
            1.0,
            np.zeros(2, np.int32),
        )


def test_a_gate_of_no_kind_is_refused():
    uses = np.array([[0, 1, 2, 1]], np.int32)
    with pytest.raises(ValueError, match=r"uses\[0\] has a gate of kind 1, not one of 1"):
        cheapest_place(uses, np.zeros((2, 2)), np.zeros((1, 2, 2)), np.zeros((2, 2)), 1, 1.0, np.zeros(2, np.int32))
