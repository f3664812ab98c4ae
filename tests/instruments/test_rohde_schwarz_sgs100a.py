"""The SGS100A driver: transcripts word by word, limits, and the emulated source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from qctl.device import Device, Synchronised
from qctl.errors import LimitError, RefusedError, RequestError
from qctl.instruments.links.transcript import TranscriptLink
from qctl.instruments.registry import open_device
from qctl.instruments.rohde_schwarz_sgs100a import SGS100A
from qctl.lab import Instrument, Lab

Named = Callable[..., Instrument]
OK = ("SYST:ERR?", '0,"No error"')


def test_power_is_sent_confirmed_and_read_back(named: Named) -> None:
    with TranscriptLink([("SOUR:POW -10", None), OK, ("SOUR:POW?", "-10.00")], "lo_drive") as link:
        SGS100A.over(link, named("lo_drive")).set("power_dbm", -10)


@pytest.mark.parametrize("power_dbm", [15.01, -20.01, float("nan"), float("inf"), "loud", True, None])
def test_value_outside_limits_is_never_sent(named: Named, power_dbm: Any) -> None:
    with TranscriptLink([], "lo_drive") as link, pytest.raises(LimitError, match=r"lo_drive: power_dbm"):
        SGS100A.over(link, named("lo_drive")).set("power_dbm", power_dbm)


def test_limit_itself_is_sent(named: Named) -> None:
    with TranscriptLink([("SOUR:POW 15", None), OK, ("SOUR:POW?", "15")]) as link:
        SGS100A.over(link, named("lo_drive")).set("power_dbm", 15)


def test_source_without_limits_is_refused(named: Named) -> None:
    with TranscriptLink([]) as link, pytest.raises(RequestError, match=r"limits.power_dbm is missing"):
        SGS100A.over(link, named("lo_drive", limits=None))


def test_refusal_has_the_instruments_own_words(named: Named) -> None:
    turns = [("SOUR:FREQ 5000000000", None), ("SYST:ERR?", '-222,"Data out of range;5 GHz"'), OK]
    with (
        TranscriptLink(turns, "lo_drive") as link,
        pytest.raises(RefusedError, match=r"Data out of range;5 GHz") as caught,
    ):
        SGS100A.over(link, named("lo_drive")).set("frequency_hz", 5e9)
    assert caught.value.details["instrument"] == "lo_drive"


def test_value_that_reads_back_otherwise_is_refused(named: Named) -> None:
    turns = [("SOUR:POW 5", None), OK, ("SOUR:POW?", "4.9")]
    with TranscriptLink(turns) as link, pytest.raises(RefusedError, match=r"was set to 5 but reads 4.9"):
        SGS100A.over(link, named("lo_drive")).set("power_dbm", 5)


def test_prepare_brings_the_source_to_lab_toml(named: Named) -> None:
    turns = [
        ("*CLS", None),
        *(("SOUR:ROSC:SOUR EXT", None), OK, ("SOUR:ROSC:SOUR?", "EXT")),
        *(("SOUR:FREQ 5100000000", None), OK, ("SOUR:FREQ?", "5100000000")),
        *(("SOUR:POW 10", None), OK, ("SOUR:POW?", "10")),
        *(("OUTP 1", None), OK, ("OUTP?", "1")),
    ]
    with TranscriptLink(turns) as link:
        SGS100A.over(link, named("lo_drive")).prepare()


def test_safe_switches_the_output_off(named: Named) -> None:
    with TranscriptLink([("OUTP 0", None), OK, ("OUTP?", "0")]) as link:
        SGS100A.over(link, named("lo_drive")).safe()


@pytest.mark.parametrize(
    ("source", "condition", "locked"), [("EXT", "0", True), ("EXT", "32", False), ("INT", "0", False)]
)
def test_locked_asks_for_source_and_condition(named: Named, source: str, condition: str, locked: bool) -> None:
    turns = [("SOUR:ROSC:SOUR?", source)] + [("STAT:QUES:COND?", condition)] * (source == "EXT")
    with TranscriptLink(turns) as link:
        assert SGS100A.over(link, named("lo_drive")).locked() is locked


def test_unknown_parameter_is_refused(named: Named) -> None:
    with TranscriptLink([]) as link, pytest.raises(RequestError, match=r"no parameter 'colour'"):
        SGS100A.over(link, named("lo_drive")).get("colour")


def test_emulated_source_obeys(lab: Lab, named: Named, emulated: Callable[[str, str], Any]) -> None:
    box = emulated("rohde-schwarz-sgs100a", "lo_drive")
    device = open_device(named("lo_drive", address=box.address), lab)
    assert isinstance(device, Device)
    assert isinstance(device, Synchronised)
    assert (device.get("frequency_hz"), device.get("power_dbm"), device.get("output_on")) == (5.1e9, 10.0, True)
    assert device.locked()
    box.ask(faults={"unlocked": True})
    assert not device.locked()
    box.ask(faults={})
    device.set("frequency_hz", 7.123456789e9)
    assert device.get("frequency_hz") == 7.123456789e9
    device.safe()
    assert device.get("output_on") is False
    assert {p.name: p.unit for p in device.parameters()}["power_dbm"] == "dBm"
    device.close()
