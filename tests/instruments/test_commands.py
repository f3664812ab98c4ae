"""Declared commands: short and long forms are matched, arguments are read with their units, words hide no number."""

from __future__ import annotations

import contextlib
import re
import time

import pytest

from qctl.errors import LimitError, RequestError
from qctl.instruments.commands import _NUMBER, Command, match_command, parsed_value, short_form
from qctl.units import Limits

POWER = Command("SOURce:POWer[:LEVel][:IMMediate][:AMPLitude]", "power_dbm", "Power", "dBm", limits=Limits(-20, 15))
AMPLITUDE = Command("SOURce{n}:VOLTage[:LEVel][:IMMediate][:AMPLitude]", "output{n}_vpp", "Amplitude of output", "V")
OUTPUT = Command("OUTPut{n}[:STATe]", "output{n}_on", "State", kind=bool)
MODE = Command("AWGControl:RMODe", "mode", "Mode", kind=str, words=("CONT", "SEQ"))
STATE = Command("AWGControl:RSTate", "state", "State", kind=int, settable=False)
COUNT = Command(":ACQuire:SEGMented:COUNt", "n_segments", "Segments", kind=int)
VOLTS = Command("SOURce{n}[:DC]:LIST:VOLTage", "output{n}_list_v", "List", "V", kind=list)
START = Command("SOURce{n}:DC:INITiate[:IMMediate]", "output{n}_start", kind=type(None), askable=False)
CLOCK = Command("[SOURce:]FREQuency[:CW]", "clock_hz", "Clock", "Hz")
ALL = (POWER, AMPLITUDE, OUTPUT, MODE, STATE, COUNT, VOLTS, START, CLOCK, Command("*IDN", "identity", settable=False))


@pytest.mark.parametrize(
    ("text", "parameter", "query", "value"),
    [
        ("SOUR:POW 25", "power_dbm", False, 25.0),
        (":SOURce:POWer:LEVel:IMMediate:AMPLitude -3.5 dBm", "power_dbm", False, -3.5),
        ("sour:power:ampl .5e1", "power_dbm", False, 5.0),
        ("SOUR:POW?", "power_dbm", True, None),
        ("SOUR2:VOLT 500 mV", "output2_vpp", False, 0.5),
        ("source3:voltage:level 1", "output3_vpp", False, 1.0),
        ("SOUR:VOLT 1", "output1_vpp", False, 1.0),
        ("OUTP4 ON", "output4_on", False, True),
        ("OUTPUT4:STATE 0", "output4_on", False, False),
        ("AWGC:RMOD SEQ", "mode", False, "SEQ"),
        ("AWGCONTROL:RSTATE?", "state", True, None),
        (":ACQ:SEGM:COUN 2000", "n_segments", False, 2000),
        ("sour5:dc:list:volt 0.1, -2e-1,3mV", "output5_list_v", False, [0.1, -0.2, 0.003]),
        ("SOUR1:DC:INIT", "output1_start", False, None),
        ("FREQ 1.2GHZ", "clock_hz", False, 1.2e9),
        ("SOURCE:FREQUENCY:CW 10 MHz", "clock_hz", False, 1e7),
        ("*idn?", "identity", True, None),
    ],
)
def test_forms_that_match(text: str, parameter: str, query: bool, value: object) -> None:
    matched = match_command(text, ALL)
    assert matched is not None
    assert (matched.parameter, matched.query) == (parameter, query)
    if not query:
        assert parsed_value(matched) == value


@pytest.mark.parametrize(
    "text",
    [
        "SOURC:POW 1",
        "SOUR:POWE 1",
        "SOUR:POW:AMPL:X 1",
        "POW 1",
        "AWGC:RST 1",
        "SOUR1:DC:INIT?",
        "OUTPX ON",
        "",
        "?",
        "*RST",
    ],
)
def test_forms_that_match_nothing(text: str) -> None:
    assert match_command(text, ALL) is None


@pytest.mark.parametrize(
    "text", ["SOUR:POW MAX", "SOUR:POW nan", "SOUR:POW 1 W", "SOUR:POW", "SOUR2:LIST:VOLT 1,MIN", "SOUR:POW #H10"]
)
def test_words_that_hide_a_number_are_refused(text: str) -> None:
    matched = match_command(text, ALL)
    assert matched is not None
    with pytest.raises(LimitError):
        parsed_value(matched)


@pytest.mark.parametrize(
    ("text", "error"),
    [("OUTP1 MAYBE", RequestError), ("SOUR1:DC:INIT 1", RequestError), (":ACQ:SEGM:COUN 2.5", LimitError)],
)
def test_other_wrong_arguments_are_refused(text: str, error: type[Exception]) -> None:
    matched = match_command(text, ALL)
    assert matched is not None
    with pytest.raises(error):
        parsed_value(matched)


def test_short_form_is_what_is_sent() -> None:
    assert short_form(POWER.header) == "SOUR:POW"
    assert (AMPLITUDE.setting(3, "1"), AMPLITUDE.query(3)) == ("SOUR3:VOLT 1", "SOUR3:VOLT?")
    assert short_form(":ACQuire:SRATe[:ANALog]") == "ACQ:SRAT"
    assert OUTPUT.parameter(2).name == "output2_on"


@pytest.mark.parametrize(
    "argument", ["1" * 22_000 + "!", "." + "1" * 22_000 + "!", "1e" + "1" * 22_000 + "!", "1" + " " * 22_000 + "!"]
)
def test_long_number_is_refused_at_once(argument: str) -> None:
    matched = match_command(f"SOUR:POW {argument}", ALL)
    assert matched is not None
    begin = time.perf_counter()
    with pytest.raises(LimitError, match=r"has 2200\d characters, over the 64 of a number"):
        parsed_value(matched)
    assert _NUMBER.fullmatch(argument) is None
    assert time.perf_counter() - begin < 0.5


@pytest.mark.parametrize("text", ["1", "1.", "1.5", ".5", "-1.5e-3", "+1E3 mV", "1e5V", "1 EV", "12.75", "1.e2"])
def test_numbers_are_read_as_before(text: str) -> None:
    before = re.fullmatch(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-z]*)", text)
    found = _NUMBER.fullmatch(text)
    assert before and found and found.groups() == before.groups()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SOUR" + "1" * 5000 + ":VOLT 1", "5009 characters, over 256"),
        ("SOUR" + "1" * 100 + ":VOLT 1", "100 digits, over 9"),
    ],
)
def test_number_of_a_connector_that_no_instrument_has_is_refused(text: str, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        match_command(text, ALL)


@pytest.mark.parametrize("text", ["AWGC:RſTATE?", "*ıdn?", "OUTP٣ ON", "ſOUR:POW 1"])
def test_letters_that_only_look_alike_match_nothing(text: str) -> None:
    assert match_command(text, ALL) is None


SETPOINT = Command("", "output{n}_k", limits=Limits(0, 1), numbers=(1, "A"), send="SETP {n},{value}", ask="SETP? {n}")
ATTENUATION = Command("", "attenuation_db", limits=Limits(0, 90), send="SETATT={value}", ask="ATT?")


@pytest.mark.parametrize(
    ("text", "parameter", "argument"),
    [("SETP 1,0.5", "output1_k", "0.5"), (":setp a , 0.5", "outputa_k", "0.5"), ("SETP? 1", "output1_k", ""),
     ("SETATT=20", "attenuation_db", "20"), ("att?", "attenuation_db", "")],
)  # fmt: skip
def test_texts_in_an_instruments_own_form_are_found(text: str, parameter: str, argument: str) -> None:
    matched = match_command(text, (SETPOINT, ATTENUATION))
    assert matched is not None
    assert (matched.parameter, matched.argument, matched.query) == (parameter, argument, "?" in text)


@pytest.mark.parametrize("text", ["SETP 1", "SETP? 1,2", "SETATT 20", "SETATT", "ATT", "XSETP 1,2", "SETP ,1"])
def test_other_forms_are_not(text: str) -> None:
    assert match_command(text, (SETPOINT, ATTENUATION)) is None


@pytest.mark.parametrize(
    "text", ["SETP 1" + " " * 50_000 + "!", "SETP " + "1" * 50_000 + "!", "SETP 1," + "," * 50_000]
)
def test_long_text_in_an_own_form_is_looked_at_once(text: str) -> None:
    begin = time.perf_counter()
    with contextlib.suppress(RequestError):
        match_command(text, (SETPOINT, ATTENUATION))
    assert time.perf_counter() - begin < 0.5
