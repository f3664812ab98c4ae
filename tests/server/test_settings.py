"""What counts as a change of settings."""

from __future__ import annotations

import pytest

from qctl import wire
from qctl.server.settings import may_change


@pytest.mark.parametrize("text", ["SOUR:POW?", "*IDN?", "SOUR:POW?;FREQ?", "OUTP?\nSYST:ERR?\n", "POW? MAX", ""])
def test_text_that_only_asks_changes_nothing(text):
    assert not may_change(wire.Raw("lo_drive", text, id=1))


@pytest.mark.parametrize("end", [";", "\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x00", "\n;:"])
def test_a_setting_behind_a_query_is_a_change_whatever_ends_the_query(end):
    assert may_change(wire.Raw("lo_drive", f"SOUR:POW?{end}SOUR:POW 3", id=1))
    assert may_change(wire.Raw("lo_drive", f"SOUR:POW 3{end}SOUR:POW?", id=1))
