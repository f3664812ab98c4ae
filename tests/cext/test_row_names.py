"""Names of rows are counted for each output and for all; how they change is tested with the words that change."""

import numpy as np
import pytest

from qctl.cext.row_names import RowNames


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
