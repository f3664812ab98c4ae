"""The trigger driver: what it sends to an independent device, limits, and blocks fired by the emulated controller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from trigger_device import TriggerDevice

from qctl.device import Synchronised, TriggerSource
from qctl.errors import DeviceError, DeviceTimeoutError, LimitError, RefusedError, RequestError
from qctl.firmware_io.controller import Controller
from qctl.firmware_io.messages import Kind
from qctl.instruments.qctl_trigger.body import Line, TriggerBody
from qctl.instruments.qctl_trigger.driver import QctlTrigger
from qctl.instruments.registry import open_device
from qctl.lab import Instrument, Lab
from qctl.program.device_program import DeviceProgram

Named = Callable[..., Instrument]


class Wire:
    """A port with the device right behind it."""

    def __init__(self, device: TriggerDevice) -> None:
        self.device = device
        self.pending = b""

    def send(self, data: bytes) -> None:
        self.pending += self.device.feed(data)

    ahead_bytes = 1 << 20

    def receive(self, timeout_s: float) -> bytes:
        data, self.pending = self.pending, b""
        return data

    def close(self) -> None:
        self.pending = b""


def program(n_shots: int = 10, period_ticks: int = 20_000, tick_hz: float = 1e8, **lines: Line) -> DeviceProgram:
    body = TriggerBody(
        n_shots, period_ticks, {int(k[1:]): v for k, v in (lines or {"l1": Line(0, 10)}).items()}, tick_hz
    )
    return DeviceProgram("trig0", "qctl-trigger", body.to_bytes())


@pytest.fixture
def wire() -> Wire:
    return Wire(TriggerDevice())


@pytest.fixture
def device(wire: Wire, named: Named) -> QctlTrigger:
    return QctlTrigger(Controller("trig0", lambda: wire, "qctl,trigger", retry_s=0.01), named("trig0"))


def test_load_sets_lines_and_block_and_fire_completes(device: QctlTrigger, wire: Wire) -> None:
    device.prepare()
    device.load(program(l1=Line(0, 10), l3=Line(5, 7)))
    assert wire.device.lines[1].hex() == "01010000000000000a000000"
    assert wire.device.lines[3].hex() == "030100000500000007000000"
    assert wire.device.lines[2][1] == 0
    assert wire.device.block.hex() == "204e00000a000000"
    device.fire()
    device.wait(1.0)
    assert wire.device.fired[:2] == (1, 10)


def test_line_for_events_is_set_to_pulse_once_a_block_whatever_the_period(device: QctlTrigger, wire: Wire) -> None:
    device.load(program(l1=Line(0, 10), l2=Line(30_000, 10, once=True)))
    assert wire.device.lines[2].hex() == "02020000307500000a000000"
    device.load(program(l1=Line(0, 10), l2=Line(100, 10)))
    assert wire.device.lines[2].hex() == "02010000640000000a000000"


def test_second_load_sends_only_the_block_and_unused_lines_are_disabled(device: QctlTrigger, wire: Wire) -> None:
    device.load(program(l1=Line(0, 10), l3=Line(5, 7)))
    before = len(wire.device.executed)
    device.load(program(n_shots=20, l1=Line(0, 10), l3=Line(5, 7)))
    assert wire.device.executed[before:] == [Kind.SET_BLOCK]
    device.load(program(l1=Line(0, 10)))
    assert wire.device.lines[3][1] == 0


def test_line_that_was_stored_otherwise_is_sent_again_and_an_unused_one_asked_again(
    device: QctlTrigger, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    device.load(program(l1=Line(0, 10)))
    call = device.controller.call

    def shortened(kind: Kind, *values: Any) -> Any:
        if kind is Kind.SET_LINE:
            return call(kind, replace(values[0], delay_ticks=3))
        return call(kind, *values)

    monkeypatch.setattr(Controller, "call", lambda self, *given: shortened(*given))
    with pytest.raises(RefusedError, match="stored"):
        device.load(program(l1=Line(5, 10)))
    monkeypatch.undo()
    before = len(wire.device.executed)
    device.load(program(l2=Line(0, 10)))
    assert wire.device.executed[before:].count(Kind.GET_LINE) == 1
    assert wire.device.lines[1].hex() == "01000000030000000a000000"
    device.load(program(l1=Line(0, 10)))
    assert wire.device.lines[1].hex() == "01010000000000000a000000"


@pytest.mark.parametrize(
    "bad",
    [
        program(n_shots=0),
        program(n_shots=2**32),
        program(period_ticks=99, l1=Line(0, 10)),
        program(tick_hz=2e8),
        program(l9=Line(0, 10)),
        program(l1=Line(-1, 10)),
        program(l1=Line(0, 0)),
        program(l1=Line(19_990, 10)),
    ],
)
def test_program_outside_limits_is_never_sent(device: QctlTrigger, wire: Wire, bad: DeviceProgram) -> None:
    device.prepare()
    before = list(wire.device.executed)
    with pytest.raises(LimitError):
        device.load(bad)
    assert wire.device.executed == before


def test_nothing_fires_before_a_load(device: QctlTrigger) -> None:
    with pytest.raises(RequestError, match=r"no program is loaded"):
        device.fire()


def test_fire_is_never_repeated_over_a_reopened_session(device: QctlTrigger, wire: Wire) -> None:
    device.load(program())
    wire.device.power_cycle()
    with pytest.raises(DeviceError, match=r"switched off and on"):
        device.fire()
    with pytest.raises(DeviceError, match=r"load it again"):
        device.fire()
    assert Kind.FIRE not in wire.device.executed
    device.load(program())
    device.fire()
    device.wait(1.0)


def test_block_that_is_not_done_is_a_time_out(device: QctlTrigger, wire: Wire) -> None:
    device.load(program())
    wire.device.hold = True
    device.fire()
    with pytest.raises(DeviceTimeoutError, match=r"block 1 is not done after 0.01 s"):
        device.wait(0.01)
    wire.pending += wire.device.finish()
    device.wait(1.0)


def test_lost_event_is_made_good_by_the_status(device: QctlTrigger, wire: Wire) -> None:
    device.load(program())
    wire.device.hold = True
    device.fire()
    wire.device.hold = False
    device.wait(0.01)


def test_block_that_was_stopped_is_an_error_with_its_shots(device: QctlTrigger, wire: Wire) -> None:
    device.load(program())
    wire.device.hold = True
    device.fire()
    wire.device.fired = (1, 4, 0)
    wire.pending += wire.device.finish(reason=1)
    with pytest.raises(DeviceError, match=r"ended after 4 shots: stopped") as caught:
        device.wait(1.0)
    assert caught.value.details["n_fired"] == 4


def test_safe_disables_every_line(device: QctlTrigger, wire: Wire) -> None:
    device.load(program(l1=Line(0, 10), l3=Line(5, 7)))
    device.safe()
    assert not any(line[1] for line in wire.device.lines.values())
    with pytest.raises(RequestError, match=r"no program"):
        device.fire()


@pytest.mark.parametrize(
    ("asked", "reference", "locked"), [("external", 1, True), ("external", 2, False), ("internal", 0, True)]
)
def test_locked_is_what_lab_toml_asks_for(named: Named, wire: Wire, asked: Any, reference: int, locked: bool) -> None:
    device = QctlTrigger(Controller("trig0", lambda: wire), named("trig0", reference=asked))
    wire.device.reference = reference
    assert device.locked() is locked


def test_parameters_are_asked_and_set(device: QctlTrigger) -> None:
    device.set("period_s", 2e-4)
    device.set("n_shots", 7)
    assert (device.get("period_s"), device.get("n_shots"), device.get("state")) == (2e-4, 7, 0)
    for name, value in (("period_s", 1e-7), ("period_s", float("nan")), ("n_shots", 0), ("n_shots", 7.9)):
        with pytest.raises(LimitError):
            device.set(name, value)
    with pytest.raises(RequestError):
        device.set("colour", 1)


def test_emulated_controller_fires(lab: Lab, named: Named, emulated: Callable[[str, str], Any]) -> None:
    device: Any = open_device(named("trig0", address=emulated("qctl-trigger", "trig0").address), lab)
    assert isinstance(device, TriggerSource)
    assert isinstance(device, Synchronised)
    assert device.locked()
    assert device.identify().startswith("qctl,trigger,")
    device.load(program(n_shots=5))
    for _ in range(3):
        device.fire()
        device.wait(5.0)
    assert device.get("n_fired") == 5
    device.safe()
    device.close()
