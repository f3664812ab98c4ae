"""Names of rows are counted for each output and for all; how they change is tested with the words that change."""

import numpy as np
import pytest

from qctl.cext import words
from qctl.cext.row_names import RowNames, lay, rows_of


def test_names_are_counted_for_each_output_and_for_all():
    held = [np.zeros(n, np.uint16) for n in (8, 8, 12, 12, 8, 8)]
    made = RowNames(np.array([0, 2, 3]), np.array([8, 12, 8]), np.zeros(6, np.int64), list("abcdab"), held)
    assert made.width == 2 and made.counts == [{"a": 2, "c": 1}, {"b": 2, "d": 1}]
    assert made.sizes == [20, 20] and made.total == {"a": 2, "b": 2, "c": 1, "d": 1}
    same = RowNames(np.array([0, 1]), np.array([8]), np.zeros(2, np.int64), ["a", "a"], held[:2])
    assert same.counts == [{"a": 1}, {"a": 1}] and same.sizes == [8, 8] and same.total == {"a": 2}


@pytest.mark.parametrize(
    ("place", "value", "words_"),
    [
        (0, np.array([0, 1, 3]), "don't end at 2 pieces"),
        (1, np.array([3, 5]), "row 0 has not 3 words"),
        (2, np.zeros(5, np.int64), "5 places"),
        (2, np.zeros(0, np.int64), "0 places"),
        (3, ["a"], "1 names"),
        (4, [np.zeros(100)] * 6, "row 0 has not 100 words"),
        (4, [np.zeros(200, np.uint16)[::2]] * 6, "row 0 has not 100 words"),
        (4, [3] * 6, "row 0 has not 100 words"),
    ],
)
def test_rows_that_do_not_fit_are_refused(place, value, words_):
    given_ = [
        np.array([0, 1, 2]), np.array([100, 100]), np.zeros(6, np.int64), ["a"] * 6, [np.zeros(100, np.uint16)] * 6,
    ]  # fmt: skip
    assert RowNames(*given_).sizes == [100] * 3
    given_[place] = value
    with pytest.raises(ValueError, match=words_):
        RowNames(*given_)


def _rendered():
    """Return words of three pieces on two outputs, and what `words.render` says of them."""
    rng = np.random.default_rng(3)
    words = rng.integers(0, 2**14, 40).astype(np.uint16)
    words.setflags(write=False)
    spans = np.array([(0, 4), (4, 8), (8, 19), (20, 31), (32, 32), (36, 39)])
    digests = rng.integers(0, 256, (3, 2, 20)).astype(np.uint8)
    reached = rng.integers(-9, 9, (3, 2, 2)).astype(np.int32)
    return words, spans, digests, reached, np.array([0, 2, 2, 3])


def test_rows_of_points_have_their_names_words_and_codes():
    words, spans, digests, reached, bounds = _rendered()
    made = rows_of(words, spans, digests, reached, bounds)
    assert [len(point) for point in made] == [2, 0, 1]
    pieces = [piece for point in made for piece in point]
    for k, piece in enumerate(pieces):
        for output, (name, part, low, high) in enumerate(piece):
            begin, end = spans[2 * k + output]
            assert name == digests[k, output].tobytes().hex() and [low, high] == reached[k, output].tolist()
            assert part.dtype == np.uint16 and part.tolist() == words[begin:end].tolist()
            assert not part.flags.writeable and part.base is words


def test_words_stay_for_as_long_as_one_of_their_rows():
    words, *rest = _rendered()
    wanted = words.tolist()
    (_, (_, part, *_)), *_ = rows_of(words, *rest)[2]
    del words
    assert part.tolist() == wanted[36:39]


@pytest.mark.parametrize(
    ("place", "value", "words_"),
    [
        (0, np.zeros(40, np.uint16), "read-only"),
        (0, np.zeros(40, np.int16), "int16"),
        (1, np.array([(0, 4), (4, 8), (8, 19), (20, 31), (32, 32), (36, 41)]), "row 5 is words 36 to 41 of 40"),
        (1, np.array([(0, 4), (4, 8), (8, 19), (20, 31), (32, 30), (36, 39)]), "row 4"),
        (1, np.zeros((5, 2), np.int64), "spans of 5 rows"),
        (2, np.zeros((3, 2, 19), np.uint8), "3 x 2 hashes"),
        (3, np.zeros((2, 2, 2), np.int32), "codes of 2 pieces"),
        (4, np.array([0, 2]), "don't end at 3 pieces"),
    ],
)
def test_rows_that_are_not_in_the_words_are_refused(place, value, words_):
    given_ = list(_rendered())
    given_[place] = value
    with pytest.raises(ValueError, match=words_):
        rows_of(*given_)


@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("lengths", [[], [[1]], [[4, 5], [], [1000, 3, 3], [8]]])
def test_pieces_of_points_follow_each_other_in_whole_groups(lengths, n_outputs):
    cuts = [tuple((10 * k, n, 1) for k, n in enumerate(one)) for one in lengths]
    points = [3 * p + 1 for p in range(len(cuts))]
    pieces, spans, bounds, n_words, n_samples, longest = lay(cuts, points, n_outputs)
    flat = [n for one in lengths for n in one]
    padded = [-(-n // words.GROUP) * words.GROUP for n in flat]
    begins = np.cumsum([0, *(p for p in padded for _ in range(n_outputs))]).tolist()
    wanted = [(p, first, n) for p, cut in zip(points, cuts, strict=True) for first, n, _ in cut]
    assert [tuple(row[:3]) for row in pieces.tolist()] == wanted
    assert pieces[:, 3].tolist() == begins[:-1:n_outputs]
    assert spans.tolist() == [[b, b + n] for b, n in zip(begins, np.repeat(flat, n_outputs).tolist(), strict=False)]
    assert bounds.tolist() == np.cumsum([0, *map(len, lengths)]).tolist()
    assert (n_words, n_samples, longest) == (begins[-1], sum(flat), max(flat, default=0))


@pytest.mark.parametrize(
    ("cuts", "points", "n_outputs", "words_"),
    [
        ([((0, 5, 1),)], [0], 0, "on 0 outputs"),
        ([((0, 5, 1),)], [0], 3, "on 3 outputs"),
        ([((0, 5, 1),)], [0, 1], 1, "1 cuts of 2 points"),
        ([((0, 5, 1), (5, 0, 1))], [0], 1, "piece 1 has 0 samples"),
        ([((0, -1, 1),)], [0], 2, "piece 0 has -1 samples"),
        ([((0, 1 << 41, 1),)], [0], 2, "piece 0 has 2199023255552 samples"),
        ([((0, 4, 1), (4,))], [0], 2, r"piece 1 is \(4,\)"),
        ([((0, 4, 1), [4, 4, 1])], [0], 2, r"piece 1 is \[4, 4, 1\]"),
    ],
)
def test_pieces_without_a_place_are_refused(cuts, points, n_outputs, words_):
    with pytest.raises(ValueError, match=words_):
        lay(cuts, points, n_outputs)
