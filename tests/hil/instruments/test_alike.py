"""Shots of one kind do the same, whatever the order of their rows; kinds are numbered as they come."""

from __future__ import annotations

import numpy as np
import pytest

from qctl.hil.instruments.alike import kinds_of, sums_of_prints


def test_kinds_are_numbered_as_they_come_by_one_column_or_several() -> None:
    prints = np.array([7, 3, 7, 9, 3], np.uint64)
    for columns in ([prints], [prints, prints + np.uint64(1)]):
        kinds, models = kinds_of(columns)
        assert (kinds.tolist(), models.tolist()) == ([0, 1, 0, 2, 1], [0, 1, 3])


def test_a_shots_number_is_that_of_its_rows_in_any_order() -> None:
    rows = np.random.default_rng(1).integers(-5, 5, (40, 4))
    total = sums_of_prints(rows.T)
    assert (len(total), total[0]) == (41, 0)
    assert sums_of_prints(rows[::-1].T)[-1] == total[-1]
    rows[17, 2] += 1
    assert sums_of_prints(rows.T)[-1] != total[-1]


def test_more_columns_than_there_are_steps_are_not_left_out_in_silence() -> None:
    with pytest.raises(ValueError, match="longer"):
        sums_of_prints(np.zeros((6, 3), np.int64))
