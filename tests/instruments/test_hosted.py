"""Hosted drivers: real classes of QCoDeS and PyMeasure against emulated instruments, inside the limits of lab.toml."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest
from line_server import LineServer

from qctl.device import BulkRead, Device
from qctl.errors import DeviceError, DeviceTimeoutError, LimitError, RefusedError, RequestError
from qctl.instruments import registry
from qctl.instruments.links.life import LinkState
from qctl.lab import Instrument, Lab
from qctl.lab.rack import ParameterRule
from qctl.server.instrument import InstrumentThread

QCODES = "qcodes:qcodes.instrument_drivers.rohde_schwarz.RohdeSchwarzSGS100A"
BRIDGE = "qcodes:qcodes.instrument_drivers.Lakeshore.LakeshoreModel372"
PYMEASURE = "pymeasure:pymeasure.instruments.agilent.Agilent8257D"
ENDS = {"read_termination": "\n", "write_termination": "\n"}
Emulated = Callable[[str, str], Any]


def entry(model: str, address: str, rules: dict[str, dict[str, Any]], **more: Any) -> Instrument:
    parameter = {name: ParameterRule(name=name, **values) for name, values in rules.items()}
    return Instrument(name="box0", model=model, address=address, parameter=parameter, **more)


POWER = {"status": {"safe": False}, "power": {"limits": (-60.0, 10.0), "safe": -60.0}, "frequency": {}}
LEVEL = {"power": {"limits": (-60.0, 10.0), "safe": -60.0}, "frequency": {"limits": (1e9, 6e9)}, "is_enabled": {}}


def test_qcodes_class_is_hosted(lab: Lab, emulated: Emulated) -> None:
    box = emulated("rohde-schwarz-sgs100a", "lo0")
    device = registry.open_device(entry(QCODES, box.address, POWER), lab)
    assert isinstance(device, Device)
    assert isinstance(device, BulkRead)
    assert device.identify().startswith("Rohde&Schwarz,SGS100A,")
    device.set("power", -12.5)
    device.set("status", True)
    shown = device.get_all()
    assert shown == {"frequency": 1e9, "power": -12.5, "status": True}
    assert device.get("ref_osc_source") == "INT"
    assert {item.name for item in device.parameters() if item.settable} == {"power", "status"}
    assert {item.name: item.unit for item in device.parameters()}["frequency"] == "Hz"
    device.safe()
    assert (device.get("power"), device.get("status")) == (-60.0, False)
    device.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [("power", 10.01), ("power", float("nan")), ("power", True), ("power", "loud"), ("frequency", 5e9), ("status", 2)],
)
def test_what_lab_toml_does_not_allow_never_reaches_the_class(
    lab: Lab, emulated: Emulated, name: str, value: Any
) -> None:
    box = emulated("rohde-schwarz-sgs100a", "lo0")
    device = registry.open_device(entry(QCODES, box.address, POWER), lab)
    before = device.get(name)
    with pytest.raises(LimitError, match=f"box0: {name}"):
        device.set(name, value)
    assert device.get(name) == before
    device.close()


def test_snapshot_has_all_that_the_class_has_where_lab_toml_names_nothing(lab: Lab, emulated: Emulated) -> None:
    box = emulated("keysight-e8257d", "lo1")
    model = "qcodes:qcodes.instrument_drivers.agilent.AgilentE8257D"
    device = registry.open_device(entry(model, box.address, {}, init={"terminator": "\n"}), lab)
    assert device.get_all().keys() == {"frequency", "phase", "power", "output_enabled"}  # type: ignore[attr-defined]
    assert not any(item.settable for item in device.parameters())
    device.close()


def test_submodules_have_their_name_before(lab: Lab, emulated: Emulated) -> None:
    box = emulated("lakeshore-372", "ls0")
    box.ask(faults={"readings": {"6": 0.0115}})
    rules = {"sample_heater_setpoint": {"limits": (0.0, 0.1), "safe": 0.0}}
    rules |= {"sample_heater_output_range": {"words": ("off", "31.6μA"), "safe": "off"}}
    device = registry.open_device(entry(BRIDGE, box.address, rules), lab)
    assert device.get("ch06_temperature") == pytest.approx(0.0115)
    device.set("sample_heater_output_range", "31.6μA")
    with pytest.raises(LimitError, match=r"is not one of off, 31.6μA"):
        device.set("sample_heater_output_range", "100mA")
    device.safe()
    assert device.get("sample_heater_output_range") == "off"
    device.close()


def test_pymeasure_class_is_hosted(lab: Lab, emulated: Emulated) -> None:
    box = emulated("keysight-e8257d", "lo1")
    device = registry.open_device(entry(PYMEASURE, box.address, LEVEL, init=ENDS), lab)
    assert device.identify().startswith("Agilent Technologies, E8257D")
    device.set("frequency", 5.25e9)
    device.set("power", -3.5)
    assert device.get_all() == {"power": -3.5, "frequency": 5.25e9, "is_enabled": False}  # type: ignore[attr-defined]
    with pytest.raises(LimitError, match=r"power = 11 is outside \[-60, 10\]"):
        device.set("power", 11)
    with pytest.raises(LimitError, match="does not let it be set"):
        device.set("dwell_time", 1.0)
    assert {item.name for item in device.parameters() if item.settable} == {"power", "frequency"}
    device.safe()
    assert device.get("power") == -60.0
    device.close()


@pytest.mark.parametrize(
    ("model", "identity"),
    [("pymeasure:pymeasure.instruments.agilent.Agilent8257D", "PyMeasure,Agilent8257D,,"),
     ("qcodes:qcodes.instrument_drivers.weinschel.Weinschel8320", "QCoDeS,Weinschel8320,,")],
)  # fmt: skip
def test_instrument_without_identity_is_asked_once(lab: Lab, model: str, identity: str) -> None:
    heard: list[str] = []
    with LineServer(lambda connection, line: heard.append(line), identity=None) as server:
        init = ENDS if model.startswith("pymeasure") else {"terminator": "\n"}
        device = registry.open_device(entry(model, server.address, {}, init=init, timeout_s=0.3), lab)
        assert [device.identify() for _ in range(3)] == [identity] * 3
        assert heard.count("*IDN?") <= 2  # QCoDeS asks when it connects, too
        device.close()


def test_address_at_which_nobody_listens_is_not_taken_for_a_silent_instrument(lab: Lab) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"TCPIP::127.0.0.1::{taken.getsockname()[1]}::SOCKET"
        device = registry.open_device(entry(PYMEASURE, address, {}, init=ENDS, timeout_s=0.3), lab)
        with pytest.raises(DeviceError, match="box0: its identity: the connection broke"):
            device.identify()
        device.close()


def test_value_that_the_class_refuses_has_its_words(lab: Lab, emulated: Emulated) -> None:
    box = emulated("rohde-schwarz-sgs100a", "lo0")
    rules = {"phase": {"limits": (-1000.0, 1000.0), "safe": 0.0}}
    device = registry.open_device(entry(QCODES, box.address, rules), lab)
    with pytest.raises(RefusedError, match=r"its driver refused .*ValueError"):
        device.set("phase", 999.0)
    device.close()


def test_silent_instrument_times_out_and_its_link_is_opened_again(lab: Lab, emulated: Emulated) -> None:
    box = emulated("keysight-e8257d", "lo1")
    box.ask(faults={})
    instrument = entry(PYMEASURE, box.address, LEVEL, init=ENDS, timeout_s=0.3)
    thread = InstrumentThread(instrument, lambda: registry.open_device(instrument, lab), lambda *_: None)
    assert thread.tried.wait(10)
    assert thread.state is LinkState.UP, thread.why
    call = thread.submit(lambda device: device.get("low_freq_out_amplitude"))
    assert call.wait(10)
    assert isinstance(call.error, DeviceTimeoutError)
    assert thread.state is not LinkState.UP
    thread.close()
    thread.join(10)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("qcodes:qcodes.instrument_drivers.NoSuch", "can't be imported"),
        ("qcodes:os.getcwd", "is not a class"),
        ("qcodes:pathlib.Path", "is not a class of QCoDeS instruments"),
        ("pymeasure:pathlib.Path", "is not a class of PyMeasure instruments"),
        ("qcodes:nothing", "can't be imported"),
    ],
)
def test_what_is_no_driver_is_refused(lab: Lab, model: str, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        registry.open_device(entry(model, "TCPIP::127.0.0.1::1::SOCKET", {}), lab)


def test_parameter_that_the_class_has_not_is_refused_by_name(lab: Lab, emulated: Emulated) -> None:
    box = emulated("rohde-schwarz-sgs100a", "lo0")
    with pytest.raises(RequestError, match=r"instruments.box0.parameter.colour: .* has no such one; it has .*power"):
        registry.open_device(entry(QCODES, box.address, {"colour": {"safe": "red"}}), lab)


def test_nothing_at_the_address_is_a_device_error(lab: Lab) -> None:
    with pytest.raises(DeviceError, match="box0: qcodes:"):
        registry.open_device(entry(QCODES, "TCPIP::127.0.0.1::9::SOCKET", {}, timeout_s=0.5), lab)
