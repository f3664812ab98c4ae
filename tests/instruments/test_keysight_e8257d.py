"""The E8257D driver: transcripts word by word, the emulated source, and what one wrong word in its table does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from qctl.errors import LimitError, RefusedError, RequestError
from qctl.instruments.keysight_e8257d import E8257D
from qctl.instruments.links.transcript import TranscriptLink
from qctl.instruments.registry import open_device
from qctl.lab import Instrument, Lab

Named = Callable[..., Instrument]
OK = ("SYST:ERR?", '0,"No error"')


def test_prepare_brings_the_source_to_lab_toml(named: Named) -> None:
    turns = [
        ("*CLS", None),
        *(("FREQ 5100000000", None), OK, ("FREQ?", "+5.1000000000000E+09")),
        *(("POW 10", None), OK, ("POW?", "+1.00000000E+001")),
        *(("OUTP 1", None), OK, ("OUTP?", "1")),
    ]
    with TranscriptLink(turns) as link:
        E8257D.over(link, named("lo_drive")).prepare()


def test_source_without_limits_is_refused(named: Named) -> None:
    with TranscriptLink([]) as link, pytest.raises(RequestError, match=r"limits.power_dbm is missing"):
        E8257D.over(link, named("lo_drive", limits=None))


def test_emulated_e8257d_obeys(lab: Lab, named: Named, emulated: Callable[[str, str], Any]) -> None:
    box = emulated("keysight-e8257d", "lo1")
    device = open_device(named("lo_drive", model="keysight-e8257d", address=box.address), lab)
    assert (device.get("frequency_hz"), device.get("power_dbm"), device.get("output_on")) == (5.1e9, 10.0, True)
    device.set("phase_rad", -1.5)
    device.set("modulation_on", False)
    shown = device.get_all()  # type: ignore[attr-defined]
    assert (shown["phase_rad"], shown["modulation_on"], shown["output_on"]) == (-1.5, False, True)
    with pytest.raises(LimitError):
        device.set("power_dbm", 15.5)
    device.safe()
    assert device.get("output_on") is False
    device.close()


@pytest.mark.parametrize(
    ("good", "wrong", "parameter", "value"),
    [
        ("[SOURce:]POWer[:LEVel][:IMMediate][:AMPLitude]", "[SOURce:]POWer:LEVL", "power_dbm", 1.0),
        ("[SOURce:]PHASe[:ADJust]", "[SOURce:]PHAse:SHIFt", "phase_rad", 1.0),
        ("OUTPut:MODulation[:STATe]", "OUTPut:MODE", "modulation_on", False),
    ],
)
def test_one_wrong_word_in_a_driver_fails_against_its_emulator(
    lab: Lab, named: Named, emulated: Callable[[str, str], Any], good: str, wrong: str, parameter: str, value: Any
) -> None:
    made = E8257D
    assert sum(command.header == good for command in made.commands) == 1
    table = tuple(replace(c, header=wrong) if c.header == good else c for c in made.commands)
    box = emulated("keysight-e8257d", "lo1")
    instrument = named("lo_drive", model="keysight-e8257d", address=box.address, frequency_hz=None, power_dbm=None)
    made.open(instrument, lab).set(parameter, value)
    device = replace(made, commands=table).open(instrument, lab)
    with pytest.raises(RefusedError, match="-113"):
        device.set(parameter, value)
