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


def slow_text(rows, kinds, begin, steps, words):
    lines, last = [], None
    for row, kind in zip(rows.tolist(), kinds.tolist(), strict=True):
        for word, *targets in steps[begin[kind] : begin[kind + 1]].tolist():
            if word != last:
                lines.append(words[word])
                last = word
            for target in targets:
                if target != -3:
                    lines[-1] += f" {row[-target] if target < 0 else target}"
    return "\n".join(lines)


def written(rows, kinds, begin, steps, words, room=None):
    joined = np.frombuffer("".join(words).encode(), np.uint8)
    word_begin = np.cumsum([0, *map(len, words)], dtype=np.int32)
    if room is None:
        room = sum(begin[k + 1] - begin[k] for k in kinds) * (max(map(len, words), default=0) + 24)
    out = np.empty(room, np.uint8)
    length = clifford.write(rows, kinds, begin, steps, joined, word_begin, out)
    return out[:length].tobytes().decode()


def some_text(n):
    rng = np.random.default_rng(n)
    rows = rng.integers(0, 2**32, (n, 4), dtype=np.uint32)
    steps = np.array([[0, -1, -3], [1, -2, -1], [0, 7, -3], [2, 12, 2147483647], [2, -3, -3]], np.int32)
    begin = np.array([0, 0, 1, 2, 5], np.int32)
    return rows, rng.integers(0, 4, n).astype(np.int32), begin, steps, ["H", "CX", "DEPOLARIZE2(0.1)"]


@pytest.mark.parametrize("n", [0, 1, 2, 500])
def test_text_is_that_of_python(n):
    given = some_text(n)
    assert written(*given) == slow_text(*given)


def test_texts_that_do_not_fit_are_refused():
    rows, kinds, begin, steps, words = some_text(9)
    for bad, message in [
        ((rows[:, :3].copy(), kinds, begin, steps, words), "don't fit"),
        ((rows, kinds[:8], begin, steps, words), "don't fit"),
        (
            (rows, np.full_like(kinds, 4), np.append(begin, 5).astype(np.int32)[:5], steps, words, 999),
            "the kind 4 of 4",
        ),
        ((rows, kinds, begin + 1, steps, words), "kind 3 has the steps"),
        ((rows, kinds, begin, steps + np.int32(1), words), "of 3 words"),
        ((rows, kinds, begin, steps - np.int32(1), words), "of 3 words"),
        ((rows, kinds, begin, steps, words, 3), "out has 3 bytes"),
    ]:
        with pytest.raises(ValueError, match=message):
            written(*bad) if len(bad) == 6 else written(*bad, 10**6)
    with pytest.raises(ValueError, match="word 0 is at"):
        out = np.empty(999, np.uint8)
        clifford.write(rows, kinds, begin, steps, np.empty(1, np.uint8), np.array([0, 9, 9, 9], np.int32), out)
