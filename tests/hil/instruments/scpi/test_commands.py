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


def test_pattern_that_is_taken_is_refused(table: CommandTable) -> None:
    with pytest.raises(InternalError, match="is taken"):
        table.add("VOLTage?", lambda s, a: None)
    with pytest.raises(InternalError, match="can't be read"):
        table.add("VOLT age?", lambda s, a: None)
