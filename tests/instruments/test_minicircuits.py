"""Mini-Circuits' attenuator and switches: transcripts word by word, and the emulated boxes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from qctl.errors import LimitError, RefusedError, RequestError
from qctl.instruments import minicircuits_rc_spdt, minicircuits_rcdat, registry
from qctl.instruments.links.transcript import TranscriptLink
from qctl.lab import Instrument, Lab
from qctl.lab.rack import ParameterRule


def rule(name: str, **values: Any) -> dict[str, ParameterRule]:
    return {name: ParameterRule(name=name, **values)}


def entry(model: str, address: str = "TCPIP::127.0.0.1::1::SOCKET", **more: Any) -> Instrument:
    return Instrument(name="box0", model=model, address=address, **more)


def test_emulated_attenuator_obeys(lab: Lab, emulated: Callable[[str, str], Any]) -> None:
    box = emulated("minicircuits-rcdat", "att0")
    bounds = rule("attenuation_db", limits=(20.0, 120.0), safe=60.0)
    device = registry.open_device(entry("minicircuits-rcdat", box.address, parameter=bounds), lab)
    device.set("attenuation_db", 30.25)
    assert device.get_all() == {"identity": "MN=RCDAT-6000-90", "attenuation_db": 30.25}  # type: ignore[attr-defined]
    with pytest.raises(LimitError, match=r"attenuation_db = 19 is outside \[20, 120\]"):
        device.set("attenuation_db", 19)
    with pytest.raises(RefusedError, match=r"box0 refused attenuation_db = 100.0 \(SETATT=100\): 0"):
        device.set("attenuation_db", 100)
    device.safe()
    assert device.get("attenuation_db") == 60.0
    device.close()


def test_attenuators_words() -> None:
    with TranscriptLink([("SETATT=20", "1"), ("ATT?", "20.00")]) as link:
        bounds = rule("attenuation_db", limits=(10.0, 30.0))
        minicircuits_rcdat.RCDAT.over(link, entry("", parameter=bounds)).set("attenuation_db", 20)
    with (
        TranscriptLink([("SETATT=20", "-99 Unrecognized Command. MN:RCDAT")], "box0") as link,
        pytest.raises(RefusedError, match=r"refused attenuation_db = 20.0 \(SETATT=20\): -99 Unrecognized"),
    ):
        minicircuits_rcdat.RCDAT.over(link, entry("", parameter=bounds)).set("attenuation_db", 20)


def test_emulated_switches_obey(lab: Lab, emulated: Callable[[str, str], Any]) -> None:
    box = emulated("minicircuits-rc-spdt", "sw0")
    device = registry.open_device(entry("minicircuits-rc-spdt", box.address), lab)
    device.set("switch_a", 2)
    device.set("switch_c", "2")
    device.set("switch_c", "1")
    device.set("switch_h", "2")
    found = device.get_all()  # type: ignore[attr-defined]
    assert [found[f"switch_{letter}"] for letter in "abcdefgh"] == ["2", "1", "1", "1", "1", "1", "1", "2"]
    assert registry.speak_raw(device, entry("minicircuits-rc-spdt"), "setb=1") is None
    assert device.get("switch_b") == "2"
    assert registry.speak_raw(device, entry("minicircuits-rc-spdt"), "SWPORT?") == "131"
    with pytest.raises(RequestError, match="switch_b = '3' is not one of 1, 2"):
        registry.speak_raw(device, entry("minicircuits-rc-spdt"), "SETB=3")
    device.close()


def test_switches_are_asked_once_for_all() -> None:
    with TranscriptLink([("MN?", "MN=RC-2SPDT-A18"), ("SWPORT?", "2")]) as link:
        assert minicircuits_rc_spdt.RC_SPDT.over(link, entry("")).get_all()["switch_b"] == "2"
