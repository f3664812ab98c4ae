"""The controller over a pty, with an independent device at the other end that can be silent, late, cut or replaced."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import tty
import types
from collections.abc import Callable, Iterator

import pytest
from trigger_device import TriggerDevice, frame_of

from qctl.errors import DeviceError, DeviceTimeoutError, RefusedError, RequestError, VersionError
from qctl.firmware_io import controller as controller_module
from qctl.firmware_io.controller import Controller
from qctl.firmware_io.messages import Block, Done, Fire, Kind, Line
from qctl.firmware_io.serial_port import SerialPort, device_path


class PtyDevice:
    """A device on a pty, in a thread; `filter` sees and may change what it sends."""

    def __init__(self, device: TriggerDevice) -> None:
        self.device = device
        self.filter: Callable[[bytes], bytes] = lambda data: data
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self._wake, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def send(self, data: bytes) -> None:
        os.write(self.master, data)

    def _run(self) -> None:
        while True:
            ready, _, _ = select.select((self.master, self._wake), (), ())
            if self._wake in ready:
                return
            with contextlib.suppress(OSError):
                answer = self.filter(self.device.feed(os.read(self.master, 4096)))
                if answer:
                    os.write(self.master, answer)

    def close(self) -> None:
        if not self._thread.is_alive():
            return
        os.close(self._stop)
        self._thread.join(10)
        for number in (self.master, self._slave, self._wake):
            with contextlib.suppress(OSError):
                os.close(number)


@pytest.fixture
def line() -> Iterator[PtyDevice]:
    found = PtyDevice(TriggerDevice())
    yield found
    found.close()


@pytest.fixture
def controller(line: PtyDevice) -> Iterator[Controller]:
    found = Controller("trig0", lambda: SerialPort(line.path), "qctl,trigger", retry_s=0.05)
    yield found
    found.close()


def test_open_shakes_hands_and_asks_for_the_capabilities(controller: Controller) -> None:
    controller.open()
    assert (controller.identity, controller.generation, controller.up) == ("qctl,trigger,7,1.0", 1, True)
    assert controller.capabilities is not None
    assert controller.capabilities.tick_hz == 10**8


def test_settings_come_back_as_stored(controller: Controller) -> None:
    assert controller.call(Kind.SET_LINE, Line(2, 1, 5, 10)) == Line(2, 1, 5, 10)
    assert controller.call(Kind.SET_BLOCK, Block(200, 7)) == Block(200, 7)
    assert controller.call(Kind.GET_BLOCK) == Block(200, 7)


def test_fire_and_the_event_that_ends_the_block(controller: Controller, line: PtyDevice) -> None:
    controller.call(Kind.FIRE, Fire(1))
    assert controller.next_done(1, 5.0) == Done(1, 1, 0)
    controller.call(Kind.STATUS)
    assert line.device.acknowledged == [1]


def test_event_of_another_block_is_not_this_ones(controller: Controller) -> None:
    controller.call(Kind.FIRE, Fire(1))
    assert controller.next_done(2, 0.05) is None


def test_refusal_has_the_devices_words(controller: Controller) -> None:
    with pytest.raises(RefusedError, match=r"trig0 refused SET_BLOCK: range, period below limit") as caught:
        controller.call(Kind.SET_BLOCK, Block(99, 1))
    assert caught.value.details == {"instrument": "trig0", "words": "period below limit"}


def test_lost_replies_are_asked_for_again(controller: Controller, line: PtyDevice) -> None:
    controller.open()
    lost = [True, True]
    line.filter = lambda data: b"" if lost and lost.pop() else data
    controller.call(Kind.SET_BLOCK, Block(300, 2))
    assert line.device.executed.count(Kind.SET_BLOCK) == 1


def test_silent_device_is_a_time_out_and_its_late_reply_meets_nobody(controller: Controller, line: PtyDevice) -> None:
    controller.open()
    kept: list[bytes] = []
    line.filter = lambda data: kept.append(data) or b""
    with pytest.raises(DeviceTimeoutError, match=r"trig0: no reply to SET_BLOCK number 2 after 4 tries"):
        controller.call(Kind.SET_BLOCK, Block(300, 2))
    assert not controller.up
    line.filter = lambda data: b"".join(kept) + data
    assert controller.call(Kind.GET_BLOCK) == Block(300, 2)
    assert controller.generation == 2


def test_power_cycled_device_is_an_error_and_then_a_new_session(controller: Controller, line: PtyDevice) -> None:
    controller.open()
    line.device.power_cycle()
    with pytest.raises(DeviceError, match=r"switched off and on"):
        controller.call(Kind.STATUS)
    controller.call(Kind.STATUS)
    assert controller.generation == 2


def test_vanished_port_is_a_device_error(controller: Controller, line: PtyDevice) -> None:
    controller.open()
    line.close()
    with pytest.raises(DeviceError, match=r"trig0") as caught:
        controller.call(Kind.STATUS)
    assert caught.value.details["instrument"] == "trig0"


def test_device_without_a_common_version_is_refused_naming_both(line: PtyDevice, controller: Controller) -> None:
    line.device.versions = (2, 3)
    with pytest.raises(VersionError, match=r"trig0 speaks the firmware protocol 2 to 3, this qctl 1 to 1"):
        controller.open()


def test_other_device_is_refused(line: PtyDevice, controller: Controller) -> None:
    line.device.identity = b"acme,toaster,1,1"
    with pytest.raises(DeviceError, match=r"acme,toaster"):
        controller.open()


class RefusingDevice(TriggerDevice):
    """A device that refuses a kind of request."""

    refused = 0

    def _answer(self, kind: int, session: int, number: int, payload: bytes) -> bytes:
        if kind == self.refused:
            return self._error(kind, session, number, 8, b"not now")
        return super()._answer(kind, session, number, payload)


@pytest.mark.parametrize(
    ("kind", "asks"),
    [
        (Kind.HELLO, Kind.CAPABILITIES),
        (Kind.IDENTIFY, Kind.SEQUENCER_CAPABILITIES),
        (Kind.CAPABILITIES, Kind.CAPABILITIES),
    ],
)
def test_refused_first_question_leaves_no_session(line: PtyDevice, kind: Kind, asks: Kind) -> None:
    line.device = RefusingDevice()
    line.device.refused = kind
    controller = Controller("trig0", lambda: SerialPort(line.path), "qctl,trigger", retry_s=0.05, asks=asks)
    for _ in range(2):
        with pytest.raises(RefusedError, match=f"trig0 refused {kind.name}: fault, not now"):
            controller.open()
        assert not controller.up
    if asks is Kind.CAPABILITIES:
        line.device.refused = 0
        controller.open()
        assert controller.capabilities is not None
    controller.close()


class BusyPort:
    """A port to a device that bounds its window to 0 again and again; waiting moves the time on."""

    ahead_bytes = 1 << 20

    def __init__(self, device: TriggerDevice) -> None:
        self.device = device
        self.now_s = self.noted_s = 0.0
        self.answers = b""
        self.session = 0

    def monotonic(self) -> float:
        return self.now_s

    def send(self, data: bytes) -> None:
        self.answers += self.device.feed(data)

    def receive(self, timeout_s: float) -> bytes:
        answers, self.answers = self.answers, b""
        if not answers:
            self.now_s += max(0.001, timeout_s)
            assert self.now_s < 60.0, "it waits for ever"
            if self.session and self.now_s - self.noted_s >= 1.0:
                self.noted_s = self.now_s
                answers = frame_of(0xE2, self.session, 0, bytes([0]))
        return answers

    def close(self) -> None: ...


def test_device_that_takes_no_requests_is_a_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    port = BusyPort(TriggerDevice())
    monkeypatch.setattr(controller_module, "time", types.SimpleNamespace(monotonic=port.monotonic))
    controller = Controller("trig0", lambda: port, retry_s=0.2)
    controller.open()
    port.session = port.device._session
    controller.next_done(1, 1.5)
    with pytest.raises(DeviceTimeoutError, match=r"trig0: takes no requests for 2\.8 s"):
        controller.call(Kind.STATUS)
    assert not controller.up


def test_another_device_after_reconnecting_is_refused(line: PtyDevice, controller: Controller) -> None:
    controller.open()
    line.device.identity = b"qctl,trigger,8,1.0"
    line.device.power_cycle()
    with pytest.raises(DeviceError):
        controller.call(Kind.STATUS)
    with pytest.raises(DeviceError, match=r"'qctl,trigger,7,1.0' before"):
        controller.call(Kind.STATUS)


def test_closed_controller_stays_closed(controller: Controller) -> None:
    controller.close()
    with pytest.raises(DeviceError, match=r"closed"):
        controller.call(Kind.STATUS)


def test_noise_on_the_line_is_passed_over(controller: Controller, line: PtyDevice) -> None:
    line.filter = lambda data: b"\x05garbage\x00" + data + b"\xff\xff\x00"
    assert controller.call(Kind.SET_BLOCK, Block(400, 1)) == Block(400, 1)


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("ASRL/dev/pts/5::INSTR", "/dev/pts/5"),
        ("ASRL/dev/ttyACM0", "/dev/ttyACM0"),
        ("asrl4::instr", "/dev/ttyS3"),
    ],
)
def test_address_names_a_device_file(address: str, path: str) -> None:
    assert device_path(address) == path


def test_other_addresses_are_refused() -> None:
    with pytest.raises(RequestError, match=r"not a serial address"):
        device_path("TCPIP::127.0.0.1::5025::SOCKET")


def test_port_that_is_not_there_is_a_device_error() -> None:
    with pytest.raises(DeviceError, match=r"can't be opened"):
        SerialPort("/dev/pts/does-not-exist")
