"""Answers of instruments: what is no number is refused, and their own words do nothing to a terminal."""

from __future__ import annotations

import pytest

from qctl.errors import DeviceError
from qctl.instruments.confirm import parsed_float, printable


class Named:
    name = "box"


@pytest.mark.parametrize("reply", ["nan", "inf", "-inf", "1e999", "1_0", "", "1" * 500])
def test_what_is_no_finite_number_is_an_error(reply: str) -> None:
    with pytest.raises(DeviceError, match="where the power was due") as caught:
        parsed_float(Named(), reply, "the power")  # type: ignore[arg-type]
    assert len(caught.value.message) < 200


def test_numbers_are_read() -> None:
    assert [parsed_float(Named(), reply, "x") for reply in ("1", " -2.5e3", "+0.00")] == [1.0, -2500.0, 0.0]  # type: ignore[arg-type]


def test_words_that_a_terminal_would_act_upon_are_escaped() -> None:
    assert printable("ERR \x1b[2J") == r"ERR \x1b[2J"
    assert printable('-222,"Data out of range"') == '-222,"Data out of range"'
