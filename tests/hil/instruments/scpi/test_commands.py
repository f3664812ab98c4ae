"""The command table knows short and long forms, optional nodes and suffixes."""

import pytest

from qctl.errors import InternalError, RefusedError
from qctl.hil.instruments.scpi.commands import CommandTable


@pytest.fixture
def table() -> CommandTable:
    table = CommandTable()
    table.add("[SOURce<4>]:VOLTage[:LEVel][:IMMediate][:AMPLitude]", lambda s, a: None, 1)
    table.add("[SOURce<4>]:VOLTage[:LEVel][:IMMediate][:AMPLitude]?", lambda s, a: "amplitude")
    table.add("[SOURce<4>]:VOLTage[:LEVel][:IMMediate]:OFFSet?", lambda s, a: "offset")
    table.add("SEQuence:ELEMent<>:WAVeform<4>?", lambda s, a: "waveform")
    table.add("*IDN?", lambda s, a: "me")
    return table


@pytest.mark.parametrize(
    ("header", "suffixes"),
    [
        ("SOUR2:VOLT?", (2,)),
        ("SOURCE2:VOLTAGE:LEVEL:IMMEDIATE:AMPLITUDE?", (2,)),
        ("SOUR:VOLTAGE:AMPL?", (1,)),
        ("VOLT?", (1,)),
        ("VOLT:LEV?", (1,)),
        ("SEQ:ELEM8000:WAV3?", (8000, 3)),
        ("SEQUENCE:ELEMENT:WAVEFORM?", (1, 1)),
        ("*IDN?", ()),
    ],
)
def test_every_spelling_is_found(table: CommandTable, header: str, suffixes: tuple[int, ...]) -> None:
    assert table.find(header).suffixes == suffixes


@pytest.mark.parametrize(
    ("header", "number"),
    [
        ("SOURC:VOLT?", -113),
        ("VOLTA?", -113),
        ("VOLT3?", -113),
        ("SOUR5:VOLT?", -114),
        ("SOUR0:VOLT?", -114),
        ("SOUR2:VOLT:OFFS", -113),
        ("SOUR2", -113),
        ("SOUR2::VOLT?", -102),
        ("", -102),
        ("SO$R:VOLT?", -101),
        ("ABCDEFGHIJKLMNOPQRSTUVWXYZ", -112),
    ],
)
def test_wrong_header_has_its_number(table: CommandTable, header: str, number: int) -> None:
    with pytest.raises(RefusedError) as caught:
        table.find(header)
    assert caught.value.details["number"] == number


def test_headers_that_differ_in_suffixes_are_found_and_refused_as_the_first_one(table: CommandTable) -> None:
    table.add("SENSe<3>:RANGe2?", lambda s, a: "of a name with a digit")
    table.add("SENSe<3>:RANGe<9>?", lambda s, a: "of a suffix")
    table.add("TRACe<0:3>:DATA?", lambda s, a: "counted from 0")
    for number in (7, 12, 8000, 99_999, 1_234_567):
        assert table.find(f"SEQ:ELEM{number}:WAV{1 + number % 4}?").suffixes == (number, 1 + number % 4)
    assert table.find("SEQ:ELEM:WAV2?").suffixes == (1, 2)
    assert table.find("SEQ:ELEM3:WAV?").suffixes == (3, 1)
    assert [table.find(f"TRAC{text}:DATA?").suffixes for text in ("3", "", "0", "2")] == [(3,), (-1,), (0,), (2,)]
    found = [table.find(f"SENS{k}:RANG{n}?") for k, n in ((1, 3), (2, 2), (3, 9))]
    assert [one.command.call((), []) for one in found] == ["of a suffix", "of a name with a digit", "of a suffix"]
    assert [one.suffixes for one in found] == [(1, 3), (2,), (3, 9)]
    for header, number in (
        ("SEQ:ELEM3:WAV5?", -114), ("SEQ:ELEM0:WAV1?", -114), ("SEQ:ELEM<>:WAV1?", -101), ("TRAC4:DATA?", -114),
        (f"SEQ:ELEM{'1' * 30}:WAV1?", -112), ("SEQ3:ELEM1:WAV1?", -113),
    ):  # fmt: skip
        with pytest.raises(RefusedError) as caught:
            table.find(header)
        assert caught.value.details["number"] == number, header


def test_pattern_that_is_taken_is_refused(table: CommandTable) -> None:
    with pytest.raises(InternalError, match="is taken"):
        table.add("VOLTage?", lambda s, a: None)
    with pytest.raises(InternalError, match="can't be read"):
        table.add("VOLT age?", lambda s, a: None)
