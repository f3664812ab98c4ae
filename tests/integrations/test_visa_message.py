"""Messages taken apart: text with its end removed, and blocks only where a block is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyvisa.util import to_ieee_block

from qctl.integrations.visa_message import Message, split_message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"*IDN?\r\n", Message("*IDN?")),
        (b"SOUR:POW 1", Message("SOUR:POW 1")),
        (b"\n", Message("")),
        (b'WLIS:WAV:DATA "x",#15ab\ncd\n', Message('WLIS:WAV:DATA "x",', b"ab\ncd")),
        (b"DATA #10\n", Message("DATA ", b"")),
        (b"DATA #H1F\n", Message("DATA #H1F")),
        (b"DATA #15ab\n", Message("DATA #15ab")),
        (b"DATA #12abc\n", Message("DATA #12abc")),
        (b'MMEM:CDIR "#11"\n', Message('MMEM:CDIR "#11"')),
        (b"DATA #0abc\n", Message("DATA #0abc")),
    ],
)
def test_block_is_found_where_its_length_fits(data: bytes, message: Message) -> None:
    assert split_message(data) == message


@given(st.binary(max_size=200), st.sampled_from([b"", b"\n", b"\r\n"]))
def test_block_that_pyvisa_makes_is_found(content: bytes, end: bytes) -> None:
    block = bytes(to_ieee_block(list(content), "B"))
    assert split_message(b'WLIS:WAV:DATA "ramp",0,10,' + block + end) == Message('WLIS:WAV:DATA "ramp",0,10,', content)


@pytest.mark.parametrize(("text", "asks"), [("*IDN?", True), ("A 1;B?", True), ('A "why?"', False), ("A 1", False)])
def test_question_marks_in_quotes_ask_nothing(text: str, asks: bool) -> None:
    assert Message(text).asks is asks
