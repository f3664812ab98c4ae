"""The Clifford kernel against numpy's remainders, row by row."""

import numpy as np
import pytest

from qctl.cext import clifford

FIXED, ONE, TWO, ASK, NEVER = 1, 2, 3, 4, 5
KINDS = np.zeros(512, np.uint8)
KINDS[256:261] = [FIXED, ONE, TWO, ASK, NEVER]
UNITS = np.full(512, np.pi / 2)


def row(op, flags=0, a=0, angle=None, constant=0):
    b, c = (0, constant) if angle is None else np.array([angle]).view("<u4").tolist()
    return [op | flags << 16, a, b, c]


def classify(rows, constants=(), tolerance=1e-9):
    codes = np.empty(len(rows), np.int32)
    table = np.array(rows, np.uint32).reshape(-1, 4)
    return clifford.classify(table, np.array(constants, float), KINDS, UNITS, tolerance, codes), codes.tolist()


def test_each_kind_of_row():
    rows = [
        row(7),
        row(256),
        row(257, 1, angle=np.pi),
        row(258, constant=1),
        row(259, 4),
        row(260),
        row(257, 2),
        row(600),
    ]
    first, codes = classify(rows, [0.3, -np.pi / 2])
    assert first == 5
    assert codes == [7 * 8, 256 * 8, 257 * 8 + 2, 258 * 8 + 7, -2, -1, -1, -1]


def test_angles_are_those_of_numpy():
    rng = np.random.default_rng(1)
    turns = rng.integers(-50, 50, 200)
    off = rng.choice([0, 1e-10, 1e-8, 0.3], 200)
    first, codes = classify([row(257, 1, angle=k * np.pi / 2 + d) for k, d in zip(turns, off, strict=True)])
    wanted = [257 * 8 + k % 8 if d < 1e-9 else -1 for k, d in zip(turns.tolist(), off.tolist(), strict=True)]
    assert codes == wanted
    assert first == wanted.index(-1)


@pytest.mark.parametrize("angle", [np.nan, np.inf, 1e300])
def test_what_is_no_angle_is_no_clifford_gate(angle):
    assert classify([row(257, 1, angle=angle)]) == (0, [-1])


def test_none_and_a_constant_that_is_missing():
    assert classify([]) == (-1, [])
    assert classify([row(258, constant=3)], [0.0]) == (0, [-1])


def test_shapes_that_do_not_fit_are_refused():
    rows, codes = np.zeros((2, 4), np.uint32), np.empty(2, np.int32)
    for bad in (
        (rows[:, :3].copy(), np.empty(0), KINDS, UNITS, 0.0, codes),
        (rows, np.empty(0), KINDS[:5], UNITS, 0.0, codes),
        (rows, np.empty(0), KINDS, UNITS[:5], 0.0, codes),
        (rows, np.empty(0), KINDS, UNITS, 0.0, codes[:1]),
        (np.zeros((4, 4), np.uint32)[::2], np.empty(0), KINDS, UNITS, 0.0, codes),
    ):
        with pytest.raises(ValueError):
            clifford.classify(*bad)
