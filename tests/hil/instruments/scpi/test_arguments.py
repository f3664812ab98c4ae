"""Arguments are read as SCPI writes them, and refused with their numbers."""

import pytest

from qctl.errors import RefusedError
from qctl.hil.instruments.scpi import arguments as arg


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5", 1.5), ("-.5", -0.5), ("1E3", 1000.0), ("1 e 3", 1000.0), ("5 V", 5.0), ("10mV", 0.01), ("2MHZ", 2e6),
        ("2mhz", 2e6), ("5.1 GHz", 5.1e9), ("100us", 1e-4), ("#HFF", 255.0), ("#b101", 5.0), ("MAX", 1e10),
        ("minimum", -1e10), ("DEF", 7.0), ("-30dBm", -30.0), ("50 %", 50.0),
    ],
)  # fmt: skip
def test_number_is_read(text: str, value: float) -> None:
    assert arg.number(text, -1e10, 1e10, 7.0) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1.5.2", -121),
        ("abc", -104),
        ("1 furlong", -131),
        ("nan", -222),
        ("1e11", -222),
        ("-1e11", -222),
        ("#HXY", -121),
    ],
)
def test_wrong_number_is_refused(text: str, number: int) -> None:
    with pytest.raises(RefusedError) as caught:
        arg.number(text, -1e10, 1e10)
    assert caught.value.details["number"] == number


def test_nan_is_outside_every_range() -> None:
    with pytest.raises(RefusedError):
        arg.number("NAN")


def test_split_keeps_quotes_brackets_and_blocks() -> None:
    blocks = [bytearray(b"x,y")]
    assert arg.split('"a,b", (@1,2),\x01,3', blocks) == ['"a,b"', "(@1,2)", bytearray(b"x,y"), "3"]


@pytest.mark.parametrize(("text", "number"), [('"a', -151), ("1,,2", -103), (",", -103)])
def test_split_refuses(text: str, number: int) -> None:
    with pytest.raises(RefusedError) as caught:
        arg.split(text, [])
    assert caught.value.details["number"] == number


def test_channel_lists() -> None:
    assert arg.channels("(@1,3:5,8:7)", 24) == [1, 3, 4, 5, 8, 7]
    for text, number in (("1,2", -104), ("(@25)", -222), ("(@0)", -222), ("(@a)", -102), ("(@1:2:3)", -102)):
        with pytest.raises(RefusedError) as caught:
            arg.channels(text, 24)
        assert caught.value.details["number"] == number


def test_words_strings_and_booleans() -> None:
    words = arg.spellings("INTernal|EXTernal")
    assert arg.choice("external", words) == arg.choice("Ext", words) == "EXT"
    with pytest.raises(RefusedError):
        arg.choice("EXTE", words)
    assert arg.string('"say ""hi"""') == 'say "hi"'
    assert [arg.boolean(text) for text in ("on", "OFF", "1", "0", "2.4", "0.2")] == [
        True,
        False,
        True,
        False,
        True,
        False,
    ]
    with pytest.raises(RefusedError):
        arg.block("#15ab")
