"""The SPI rack's driver over the emulated rack: two modules on one line, broken wires, lost power, raw text."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from rack_entries import currents, voltages

from qctl.errors import DeviceError, DeviceTimeoutError, LimitError, NotAllowedError, RequestError
from qctl.instruments.registry import open_device, speak_raw
from qctl.instruments.spi_rack.d5a import D5aModule
from qctl.lab import Instrument, Lab

MODULES = "2=d5a0:qblox-d5a,5=s4g0:qblox-s4g"


@pytest.fixture
def rack(emulated: Callable[..., Any]) -> Any:
    return emulated("spi-rack", "spi0", modules=MODULES)


@pytest.fixture
def pair(rack: Any, lab: Lab) -> Any:
    """Return both modules, opened over one line."""
    devices = (
        open_device(voltages(1, 16, address=rack.address), lab),
        open_device(currents(2, address=rack.address), lab),
    )
    yield devices
    rack.faults()
    for device in devices:
        device.close()


def test_both_modules_are_driven_over_one_line(pair: Any, rack: Any) -> None:
    volts, amps = pair
    assert isinstance(volts, D5aModule)
    volts.set("output16_voltage_v", -0.75)
    amps.set("output2_current_a", 0.0025)
    for _ in range(20):
        assert volts.get("output16_present_v") == -0.75
        assert amps.get("output2_present_a") == pytest.approx(0.0025, abs=0.05 / 2**18)
    told = volts.get_all()
    assert (told["output1_span"], told["controller_c"]) == ("BI_2V", 31.25)
    assert told["battery_plus_v"] == pytest.approx(6.02, abs=2e-3)
    volts.safe()
    assert volts.get("output16_present_v") == 0.25 and amps.get("output2_current_a") != 0.0


@pytest.mark.parametrize("text", ["DAC 17", "DAC 1 = 262144", "DAC 1 = 0 6", "DAC 1 = -1", "dac 1", "BATTERY 2", "x"])
def test_text_that_a_module_is_never_told_is_not_sent(pair: Any, rack: Any, text: str) -> None:
    before = rack.counters()
    with pytest.raises(RequestError, match="nothing that a module of an SPI rack is told"):
        pair[0].link.write(text)
    assert rack.counters() == before


def test_what_is_written_past_the_driver_is_taken_over(pair: Any, rack: Any, lab: Lab) -> None:
    volts, _ = pair
    entry = msgspec.structs.replace(volts.instrument, allow_raw=True)
    assert speak_raw(volts, entry, "OUTP1:VOLT 125 mV\nDAC 16 = 163840") is None
    assert (volts.get("output1_voltage_v"), volts.get("output16_voltage_v")) == (0.125, 0.5)
    with pytest.raises(LimitError):
        speak_raw(volts, entry, "OUTP1:VOLT 1.5")
    with pytest.raises(NotAllowedError):
        speak_raw(volts, volts.instrument, "DAC 16 = 131072")


def test_outputs_stay_when_links_are_closed_and_opened(rack: Any, lab: Lab) -> None:
    with Opened(voltages(3, address=rack.address), lab) as device:
        device.set("output3_voltage_v", 0.625)
    with Opened(voltages(3, address=rack.address), lab) as device:
        assert device.get("output3_voltage_v") == device.get("output3_present_v") == 0.625
        device.set("output3_voltage_v", 0.0)


class Opened:
    """Open a device for a while."""

    def __init__(self, entry: Instrument, lab: Lab) -> None:
        self._entry, self._lab = entry, lab

    def __enter__(self) -> Any:
        self._device: Any = open_device(self._entry, self._lab)
        return self._device

    def __exit__(self, *_: object) -> None:
        self._device.close()


def test_module_at_another_number_is_not_found(rack: Any, lab: Lab) -> None:
    entry = msgspec.structs.replace(voltages(1, address=rack.address), module=7)
    with pytest.raises(DeviceError, match="no D5a answers as module 7"):
        open_device(entry, lab)


def test_another_time_out_on_the_same_line_is_refused(pair: Any, rack: Any, lab: Lab) -> None:
    entry = msgspec.structs.replace(voltages(1, address=rack.address), timeout_s=0.7)
    with pytest.raises(RequestError, match="open already with another baud, parity or timeout_s"):
        open_device(entry, lab)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [({"silence": True}, DeviceTimeoutError), ({"drop": 1}, DeviceTimeoutError), ({"cut": 2}, DeviceError),
     ({"late_reply": 0.5}, DeviceTimeoutError), ({"stalled": True}, DeviceTimeoutError)],
)  # fmt: skip
def test_broken_wire_is_told_by_name_and_both_modules_go_on_when_it_is_mended(
    pair: Any, rack: Any, fault: dict[str, Any], kind: type[Exception]
) -> None:
    volts, amps = pair
    volts.set("output1_voltage_v", 0.5)
    rack.faults(**fault)
    with pytest.raises(kind, match="d5a0"):
        volts.get("output1_present_v")
    rack.faults()
    assert patiently(lambda: volts.get("output1_present_v")) == 0.5
    with pytest.raises(DeviceError, match=r"s4g0.*opened anew"):
        amps.get("output2_present_a")
    assert patiently(lambda: amps.get("output2_span")) == "BI_HALF"


def patiently(ask: Callable[[], Any]) -> Any:
    """Ask until a link that is opened anew, after the silence of a line that pairs nothing, answers."""
    end_s = time.monotonic() + 15
    while True:
        try:
            return ask()
        except DeviceError:
            assert time.monotonic() < end_s
            time.sleep(0.05)


def test_safe_leaves_a_span_that_can_not_reach_it_even_while_the_output_moves(rack: Any, lab: Lab) -> None:
    with Opened(voltages(9, address=rack.address, slew_v_per_s=2.0, safe_v=-0.125), lab) as device:
        device.set("output9_span", "UNI_4V")
        device.set("output9_slew_v_per_s", 0.1)
        device.set("output9_voltage_v", 1.0)
        with pytest.raises(LimitError, match="output 9 moves"):
            device.set("output9_span", "BI_4V")
        device.safe()
        assert (device.get("output9_present_v"), device.get("output9_span")) == (-0.125, "BI_2V")


def test_rack_that_loses_its_power_in_a_ramp_is_told_and_taken_over_at_zero(rack: Any, lab: Lab) -> None:
    with Opened(voltages(5, address=rack.address, slew_v_per_s=0.5), lab) as device:
        device.set("output5_voltage_v", 1.0)
        rack.faults(power_cycle=0.2)
        with pytest.raises(DeviceError, match="d5a0"):
            device.ramps.arrive()
        rack.faults()
        assert patiently(lambda: device.get("output5_voltage_v")) == 0.0
        assert device.get("output5_span") == "BI_2V"
        device.set("output5_voltage_v", 0.005)


def test_killed_rack_is_an_error_by_name(tmp_path: Any, lab: Lab) -> None:
    from emulators import Emulator

    rack = Emulator("spi-rack", "spi9", tmp_path, modules=MODULES)
    try:
        with Opened(voltages(1, address=rack.address), lab) as device:
            rack.signal(signal.SIGKILL)
            rack.process.wait()
            with pytest.raises(DeviceError, match="d5a0"):
                device.get("output1_present_v")
            with pytest.raises(DeviceError, match="d5a0"):
                device.set("output1_voltage_v", 0.1)
    finally:
        rack.stop()
