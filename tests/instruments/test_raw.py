"""Raw texts: what is declared goes the driver's way, the rest only where lab.toml allows it, all checked first."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from qctl.errors import LimitError, NotAllowedError, QctlError, RefusedError, RequestError
from qctl.instruments.links.transcript import TranscriptLink
from qctl.instruments.raw import speak
from qctl.instruments.rohde_schwarz_sgs100a import COMMANDS, SGS100A
from qctl.lab.rack import Instrument, InstrumentLimits

OK = ("SYST:ERR?", '0,"No error"')
LIMITS = InstrumentLimits(power_dbm=(-30.0, 10.0), frequency_hz=(4e9, 6e9))
Turns = Sequence[Any]


@pytest.fixture(params=[False, True], ids=["strict", "allow_raw"])
def any_entry(request: pytest.FixtureRequest) -> Instrument:
    return entry(request.param)


def entry(allow_raw: bool) -> Instrument:
    return Instrument(
        name="lo0", model="rohde-schwarz-sgs100a", address="", timeout_s=2.0, limits=LIMITS, allow_raw=allow_raw
    )


def said(instrument: Instrument, turns: Turns, text: str, **more: Any) -> str | bytes | None:
    with TranscriptLink(turns) as link:
        return speak(SGS100A.over(link, instrument), instrument, text, COMMANDS, **more)


def test_settings_are_confirmed_and_queries_answered_in_the_instruments_words(any_entry: Instrument) -> None:
    turns = [("SOUR:POW -3.5", None), OK, ("SOUR:POW?", "-3.50"), ("SOUR:POW?", "-3.50"), ("*OPC?", "1")]
    assert said(any_entry, turns, ":source:power:level -3.5 dBm;:SOUR:POW?;*OPC?") == "-3.50;1"


def test_header_after_a_semicolon_begins_where_the_one_before_stopped(any_entry: Instrument) -> None:
    turns = [
        ("SOUR:FREQ 5000000000", None),
        OK,
        ("SOUR:FREQ?", "5e9"),
        ("*CLS", None),
        ("SOUR:POW 1", None),
        OK,
        ("SOUR:POW?", "1"),
    ]
    assert said(any_entry, turns, "SOUR:FREQ 5 GHz;*CLS;POW 1") is None


@pytest.mark.parametrize(
    "text",
    [
        "SOUR:POW 11",
        "SOUR:POW\t11",
        "OUTP 1;:SOUR:POW 11",
        "SOUR:FREQ 5E9;POW 11",
        "OUTP 1\nSOUR:POW 11",
        "SOUR:POW MAX",
    ],
)
def test_nothing_of_a_message_is_sent_if_one_value_is_outside(any_entry: Instrument, text: str) -> None:
    with pytest.raises(LimitError):
        said(any_entry, [], text)


def test_bounds_may_be_asked_for(any_entry: Instrument) -> None:
    assert said(any_entry, [("SOUR:POW? MAX", "25")], "SOUR:POW? MAX") == "25"


@pytest.mark.parametrize(
    "text", ["*RST", "SOUR:SECR 1", "OUTP 1;:SOUR:SECR 1", "SOUR:POW? 11", "*CLS 1", "SOUR:PHAS:X?"]
)
def test_what_matches_nothing_is_refused_before_anything_is_sent(text: str) -> None:
    with pytest.raises(NotAllowedError, match="allow_raw = true"):
        said(entry(False), [], text)


def test_what_matches_nothing_is_passed_on_where_allowed() -> None:
    turns = [("OUTP 1", None), OK, ("OUTP?", "1"), (":SOUR:SECR 'a;b'", None), OK, (":SOUR:SECR? 2", "x")]
    assert said(entry(True), turns, "OUTP 1;:SOUR:SECR 'a;b';SECR? 2") == "x"


def test_block_is_passed_on_only_where_allowed() -> None:
    assert said(entry(True), [(("DATA ", b"\1\2"), None), OK], "DATA ", block=b"\1\2") is None
    assert said(entry(True), [("DATA?", [b"\1\2"])], "DATA?") == b"#12\1\2"
    with pytest.raises(NotAllowedError):
        said(entry(False), [], "SOUR:POW 1", block=b"\1")


def test_refusal_of_what_was_passed_on_is_told_in_the_instruments_words() -> None:
    turns = [("SOUR:SECR 1", None), ("SYST:ERR?", '-113,"Undefined header"'), OK]
    with pytest.raises(RefusedError, match="Undefined header"):
        said(entry(True), turns, "SOUR:SECR 1")


def test_connector_that_lab_toml_does_not_name_is_not_asked(named: Callable[..., Instrument]) -> None:
    from qctl.instruments.qdevil_qdac2 import COMMANDS as DC_COMMANDS
    from qctl.instruments.qdevil_qdac2 import QDAC2

    dc0 = named("dc0")
    with TranscriptLink([]) as link, pytest.raises(RequestError, match="output24_voltage_v"):
        speak(QDAC2.over(link, dc0), dc0, "SOUR24:VOLT?", DC_COMMANDS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SOUR:POW? MıN", "lo0: 'ı', character 12 of the text, is not ASCII"),
        ("SOUR:POW 1;:SOUR:SECR 'µ'", "is not ASCII"),
        ("OUTP 1;" + " " * (1 << 20), "characters is over 1048576"),
        ("OUTP 1;" * 1025, "lo0: a text of more than 1024 commands"),
        ("OUTP 1;:SOUR" + "1" * 5000 + ":VOLT 1", "lo0: the header .* over 256"),
    ],
)
def test_what_no_instrument_reads_is_refused_before_anything_is_sent(
    any_entry: Instrument, text: str, words: str
) -> None:
    with pytest.raises(RequestError, match=words):
        said(any_entry, [], text)


@pytest.mark.parametrize(
    "text",
    [
        "SOUR:POW " + "1" * 22_000 + "!",
        "a;" * 500_000,
        "'\"" * 500_000,
        "'" + '"' * 1_000_001,
        "SOUR:POW? " + "M" * 10**6,
    ],
)
def test_no_text_takes_long_to_refuse(text: str) -> None:
    begin = time.perf_counter()
    with pytest.raises(QctlError):
        said(entry(False), [], text)
    assert time.perf_counter() - begin < 2
