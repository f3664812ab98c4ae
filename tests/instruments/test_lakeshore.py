"""Lake Shore's controllers: transcripts word by word, status masks, heaters to be opened, the emulated boxes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from qctl.errors import LimitError, RefusedError, RequestError
from qctl.instruments import registry
from qctl.instruments.lakeshore_335 import MODEL335
from qctl.instruments.lakeshore_372 import COMMANDS, MODEL372
from qctl.instruments.links.transcript import TranscriptLink
from qctl.lab import Instrument, Lab
from qctl.lab.rack import ParameterRule

HEATER = {
    "output0_setpoint_k": ParameterRule(name="output0_setpoint_k", limits=(0.0, 0.1), safe=0.0),
    "output0_range": ParameterRule(name="output0_range", words=("off", "31.6uA", "100uA")),
}


def entry(model: str = "lakeshore-372", address: str = "TCPIP::127.0.0.1::1::SOCKET", **more: Any) -> Instrument:
    return Instrument(name="ls0", model=model, address=address, **more)


def test_setting_is_read_back_without_an_error_queue() -> None:
    with TranscriptLink([("SETP 0,0.05", None), ("SETP? 0", "+5.0000E-02")]) as link:
        MODEL372.over(link, entry(parameter=HEATER)).set("output0_setpoint_k", 0.05)
    with TranscriptLink([("RANGE 0,2", None), ("RANGE? 0", "2")]) as link:
        MODEL372.over(link, entry(parameter=HEATER)).set("output0_range", "100uA")


def test_setting_that_was_ignored_is_noticed() -> None:
    with (
        TranscriptLink([("RANGE 0,2", None), ("RANGE? 0", "0")], "ls0") as link,
        pytest.raises(RefusedError, match="output0_range was set to 100UA but reads OFF"),
    ):
        MODEL372.over(link, entry(parameter=HEATER)).set("output0_range", "100uA")


@pytest.mark.parametrize("text", ["RANGE 1,1", "range 1 , 1", ":RANGE 1,1", "SETP 0,0.2", "SETP 1,0.05", "RANGE 0,8"])
def test_heater_that_lab_toml_does_not_open_stays_cold_by_raw_text_too(text: str) -> None:
    with TranscriptLink([], "ls0") as link, pytest.raises((LimitError, RequestError), match="ls0: output"):
        registry.speak_raw(MODEL372.over(link, entry(parameter=HEATER)), entry(), text)


@pytest.mark.parametrize(
    ("reply", "value"), [("+1.2E-02;000", 0.012), ("+0.0E+00;128", None), ("+0.0E+00;016", None), ("1;001", None)]
)
def test_reading_whose_status_has_any_bit_is_none(reply: str, value: float | None) -> None:
    with TranscriptLink([("KRDG? 6;:RDGST? 6", reply)]) as link:
        assert MODEL372.over(link, entry()).get("input6_temperature_k") == value


def test_raw_query_of_a_reading_is_answered_as_the_instrument_does() -> None:
    with TranscriptLink([("KRDG? 6", "+1.2E-02")]) as link:
        assert registry.speak_raw(MODEL372.over(link, entry()), entry(), "krdg? 6") == "+1.2E-02"


def test_safe_state_switches_only_opened_heaters_off() -> None:
    turns = [("RANGE 0,0", None), ("RANGE? 0", "0"), ("SETP 0,0", None), ("SETP? 0", "+0.0000E+00")]
    with TranscriptLink(turns) as link:
        MODEL372.over(link, entry(parameter=HEATER)).safe()
    with TranscriptLink([]) as link:
        MODEL372.over(link, entry()).safe()


def test_letters_name_inputs() -> None:
    with TranscriptLink([("KRDG? B;:RDGST? B", "+4.2;0")]) as link:
        device = MODEL335.over(link, entry("lakeshore-335"))
        assert device.get("inputb_temperature_k") == 4.2
    with TranscriptLink([("INNAME? B", "still          ")]) as link:
        device = MODEL335.over(link, entry("lakeshore-335"))
        assert registry.speak_raw(device, entry("lakeshore-335"), "inname? b") == "still          "


def test_no_message_of_a_snapshot_is_longer_than_64_characters(lab: Lab, emulated: Callable[[str, str], Any]) -> None:
    box = emulated("lakeshore-372", "ls0")
    box.ask(faults={"readings": {"6": 0.0121}, "status": {"5": 64}})
    device = registry.open_device(entry(address=box.address), lab)
    sent: list[str] = []
    query = device.link.query  # type: ignore[attr-defined]
    spy = type("Spy", (), {"name": "ls0", "query": staticmethod(lambda text: (sent.append(text), query(text))[1])})
    settings = MODEL372.over(spy(), entry()).settings
    found = settings.get_all()
    assert max(map(len, sent)) <= 64
    assert (found["input6_temperature_k"], found["input5_temperature_k"]) == (0.0121, None)
    assert (found["input5_status"], found["output0_range"], found["output0_pid"]) == (64, "OFF", [50.0, 20.0, 0.0])
    assert len(found) == len(settings.parameters())
    device.close()


def test_emulated_372_obeys(lab: Lab, emulated: Callable[[str, str], Any]) -> None:
    box = emulated("lakeshore-372", "ls0")
    limit = ParameterRule(name="input6_limit_k", limits=(0.5, 4.0))
    device = registry.open_device(entry(address=box.address, parameter=HEATER | {limit.name: limit}), lab)
    device.set("output0_setpoint_k", 0.02)
    device.set("output0_range", "31.6UA")
    device.set("output0_pid", [10, 5, 0])
    device.set("input6_limit_k", 1.5)
    for name in ("input6_limit_k", "input5_limit_k"):  # 0 K would switch the protection off
        with pytest.raises(LimitError):
            device.set(name, 0)
    assert (device.get("output0_setpoint_k"), device.get("output0_pid")) == (0.02, [10.0, 5.0, 0.0])
    device.safe()
    assert (device.get("output0_range"), device.get("output0_setpoint_k")) == ("OFF", 0.0)
    device.close()


def test_emulated_335_is_reached_over_its_serial_line(lab: Lab, emulated: Callable[..., Any]) -> None:
    box = emulated("lakeshore-335", "ls1", baud=57_600)
    device = registry.open_device(entry("lakeshore-335", box.address), lab)
    assert device.identify().startswith("LSCI,MODEL335,")
    assert device.get_all()["inputa_temperature_k"] == 295.0  # type: ignore[attr-defined]
    device.close()


def test_every_row_is_in_the_emulator_too(lab: Lab, emulated: Callable[[str, str], Any]) -> None:
    box = emulated("lakeshore-336", "ls2")
    device = registry.open_device(entry("lakeshore-336", box.address), lab)
    assert len(device.get_all()) == len(device.parameters())  # type: ignore[attr-defined]
    assert sum(command.name == "output{n}_range" for command in COMMANDS) == 2
    device.close()
