"""Serial units whose answers are late: no value that a link returns is the answer to another request.

Each unit answers a request with how many requests it has had, so that any other value is an answer to an earlier one.
"""

from __future__ import annotations

import heapq
import itertools
import os
import pty
import select
import threading
import time
import tty
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import serial
from emulators import Emulator

from qctl.errors import DeviceError, DeviceTimeoutError
from qctl.hil.instruments.modbus_firmware import crc
from qctl.instruments.links.life import LONGEST_SILENCE
from qctl.instruments.links.link import Dialect, SerialLine
from qctl.instruments.links.modbus_port import ModbusPort
from qctl.instruments.links.silence import LateAnswerError, Silence, silence_of
from qctl.instruments.links.visa import VisaLink

TIMEOUT_S = 0.25
LATENESS = (0.5, 1.1, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0)
"""In time-outs."""
N_ATTEMPTS = 4
LINE = SerialLine(115_200)
Late = Callable[["Unit", int, bool], float]


def all_of_them(unit: Unit, number: int, is_identity: bool) -> float:
    return 1.0


def values_alone(unit: Unit, number: int, is_identity: bool) -> float:
    return float(not is_identity)


def every_third(unit: Unit, number: int, is_identity: bool) -> float:
    return float(number % 3 == 0)


class Unit:
    """A unit behind a pty, whose answers come so long after their requests as `late` says, in time-outs."""

    def __init__(self, lateness: float, late: Late = all_of_them, is_modbus: bool = False, number: int = 3) -> None:
        self._ours, self._theirs = pty.openpty()
        tty.setraw(self._theirs)
        self.address = f"ASRL{os.ttyname(self._theirs)}::INSTR"
        self.lateness, self._late, self._is_modbus, self.number = lateness, late, is_modbus, number
        self.n_asked = 0
        self._due: list[tuple[float, int, bytes]] = []
        self._ends = os.pipe()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def close(self) -> None:
        os.write(self._ends[1], b".")
        self._thread.join()
        for end in (self._ours, self._theirs, *self._ends):
            os.close(end)

    def _work(self) -> None:
        got = b""
        while True:
            left_s = max(0.0, self._due[0][0] - time.monotonic()) if self._due else None
            readable, _, _ = select.select((self._ours, self._ends[0]), (), (), left_s)
            if self._ends[0] in readable:
                return
            if readable:
                got = self._taken(got + os.read(self._ours, 256))
            while self._due and self._due[0][0] <= time.monotonic():
                os.write(self._ours, heapq.heappop(self._due)[2])

    def _taken(self, got: bytes) -> bytes:
        size = 8 if self._is_modbus else got.find(b"\n") + 1
        while size and len(got) >= size:
            request, got = got[:size], got[size:]
            if not self._is_modbus or request[0] == self.number:
                self._answer(request)
            size = 8 if self._is_modbus else got.find(b"\n") + 1
        return got

    def _answer(self, request: bytes) -> None:
        self.n_asked += 1
        is_identity = request[3] == 100 if self._is_modbus else request.startswith(b"ID")
        value = 0x5A17 if is_identity else self.n_asked
        if self._is_modbus:
            answer = bytes([self.number, request[1], 2, value >> 8, value & 255])
            answer += crc(answer)
        else:
            answer = b"BOX 1\n" if is_identity else b"%d\n" % value
        late_s = self.lateness * TIMEOUT_S * self._late(self, self.n_asked, is_identity)
        heapq.heappush(self._due, (time.monotonic() + late_s, self.n_asked, answer))

    def link(self) -> VisaLink:
        if not self._is_modbus:
            return VisaLink("box", self.address, TIMEOUT_S, ("BOX", ""), dialect=Dialect(identity_query="ID"))
        return VisaLink(
            "box", self.address, TIMEOUT_S, ("23063", ""), dialect=Dialect(identity_query="input 100"),
            open_port=lambda address, timeout_s: ModbusPort(address, timeout_s, self.number, "big", LINE),
        )  # fmt: skip


@contextmanager
def unit(*words: object) -> Iterator[Unit]:
    running = Unit(*words)  # type: ignore[arg-type]
    try:
        yield running
    finally:
        running.close()


def attempts(one: Unit, anew: bool = False, n: int = N_ATTEMPTS, n_values: int = 3) -> tuple[list[bool], list[str]]:
    """Ask for values until so many attempts failed or answers came; return whether each was right, and the errors.

    After an error the link opens its port again by itself, or another link does, as the server has it.
    """
    link, questions = one.link(), itertools.cycle(["input 0", "input 0", "input 1"])
    right: list[bool] = []
    errors: list[str] = []
    while len(errors) < n and len(right) < n_values * n:
        try:
            value = link.query(next(questions))
        except DeviceError as error:
            if "the next attempt is in" in error.message:
                select.select((), (), (), 0.02)
            else:
                errors.append(error.message)
                if anew:
                    link.close()
                    link = one.link()
            continue
        right.append(int(value) == one.n_asked)
    link.close()
    return right, errors


@pytest.mark.parametrize(
    ("is_modbus", "anew"), [(False, False), (True, True), pytest.param(False, True, marks=pytest.mark.full)]
)
def test_no_lateness_ever_gives_a_value_of_another_request(is_modbus: bool, anew: bool) -> None:
    def tried(case: tuple[float, Late]) -> tuple[list[bool], list[str]]:
        with unit(*case, is_modbus) as one:
            return attempts(one, anew)

    cases = [(lateness, late) for late in (all_of_them, values_alone, every_third) for lateness in LATENESS]
    with ThreadPoolExecutor(len(cases)) as pool:
        found = dict(zip(((lateness, late.__name__) for lateness, late in cases), pool.map(tried, cases), strict=True))
    assert [case for case, (right, _) in found.items() if not all(right)] == []
    for (lateness, late), (right, errors) in found.items():
        if lateness < 1:
            assert right, errors
        elif late == "all_of_them":
            assert not right
            assert any("after the request, and timeout_s is 0.25: raise timeout_s" in error for error in errors), errors
        elif late == "every_third":
            assert right and errors


def test_a_late_unit_of_a_line_takes_nothing_from_the_others(tmp_path: Path) -> None:
    timeout_s = 0.75  # all of this machine's other work is within it
    bus = Emulator("modbus-line", "bus0", tmp_path, modules="3=valve0:water-valve,4=meter0:water-meter")
    bus.faults(valve0={"delay": 1.5 * timeout_s})
    done = threading.Event()
    told: list[str] = []

    def ask_the_meter() -> None:
        meter = ModbusPort(bus.address, timeout_s, 4, "big", LINE)
        while not done.is_set():
            meter.send((b"input 0 / 100",), 1.0)
            told.append(meter.line(4096, 1.0).decode().strip())
        meter.close()

    thread = threading.Thread(target=ask_the_meter)
    thread.start()
    valve = VisaLink(
        "valve0", bus.address, timeout_s, dialect=Dialect(identity_query="input 100"),
        open_port=lambda address, limit_s: ModbusPort(address, limit_s, 3, "big", LINE),
    )  # fmt: skip
    errors: list[str] = []
    while len(errors) < 3:
        n_told = len(told)
        with pytest.raises(DeviceError) as found:
            valve.query("input 0")
        if "next attempt" not in found.value.message:
            errors.append(found.value.message)
            assert len(told) > n_told
    done.set()
    thread.join()
    valve.close()
    bus.stop()
    assert set(told) == {"4.12"}
    assert any("raise timeout_s" in error for error in errors), errors


def test_one_late_answer_is_waited_for_and_the_next_is_its_own() -> None:
    with unit(1.5, lambda one, number, is_identity: float(number == 2)) as one:
        link = one.link()
        with pytest.raises(DeviceTimeoutError, match="no answer in time"):
            link.query("input 0")
        assert (link.query("input 0"), one.n_asked) == ("4", 4)
        assert (link.state, link.generation) == ("up", 2)
        link.close()


def test_a_unit_whose_lines_end_in_two_characters_comes_back_after_one_answer_is_lost() -> None:
    ours, theirs = pty.openpty()
    tty.setraw(theirs)

    def work() -> None:
        with suppress(OSError):
            for number in itertools.count():
                request = os.read(ours, 256)
                if number != 1:
                    os.write(ours, b"BOX 1\r\n" if request == b"ID\r" else b"%d\r\n" % number)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    dialect = Dialect(end="\r", answer_end="\r", identity_query="ID")
    link = VisaLink("box", f"ASRL{os.ttyname(theirs)}::INSTR", TIMEOUT_S, ("BOX", ""), dialect=dialect)
    with pytest.raises(DeviceTimeoutError, match="no answer in time"):
        link.query("V")
    reopened(link)
    assert [link.query("V"), link.query("V")] == ["3", "4"]
    link.close()
    os.close(theirs)
    thread.join()
    os.close(ours)


def test_a_line_that_is_open_is_not_read_by_another_that_looks_for_its_box_there() -> None:
    with unit(0.0) as one:
        link, path = one.link(), one.address[4:].partition("::")[0]
        assert link.query("input 0") == "2"
        seeker = one.link()
        with pytest.raises(DeviceError, match=r"can't be opened: another link or program has it open"):
            seeker.open()
        assert (link.query("input 0"), one.n_asked) == ("3", 3)
        link.close()
        with serial.Serial(path, exclusive=True), pytest.raises(DeviceError, match="another link or program"):
            one.link().open()
        reopened(seeker)
        with pytest.raises(serial.SerialException, match="exclusively lock"):
            serial.Serial(path, exclusive=True)
        seeker.close()


def test_a_line_that_never_falls_silent_is_told() -> None:
    with unit(1.5) as one:
        link = one.link()
        with pytest.raises(DeviceTimeoutError):
            link.query("input 0")
        done = threading.Event()

        def chatter() -> None:
            while not done.wait(0.02):
                os.write(one._ours, b"hum\n")

        thread = threading.Thread(target=chatter)
        thread.start()
        with pytest.raises(DeviceError, match=r"does not fall silent: \d+ bytes came that nobody asked for"):
            reopened(link)
        done.set()
        thread.join()
        link.close()


def reopened(link: VisaLink) -> None:
    """Open a link as soon as it may be tried."""
    while True:
        try:
            link.open()
        except DeviceError as error:
            if "next attempt" not in error.message:
                raise
            select.select((), (), (), 0.02)
        else:
            return


def test_what_is_still_to_come_says_how_long_a_line_is_silent() -> None:
    line = Silence(1.0)
    line.ask(10.0, 1.0)
    line.paid()
    line.settle()
    assert (line.until_s < 10.0, line.troubled) == (True, False)
    line.ask(20.0, 2.0)
    assert line.until_s == 22.0 + LONGEST_SILENCE
    line.came(23.5, 0)  # a part of it
    assert (line.until_s, line.lateness_s, line.troubled) == (22.0 + LONGEST_SILENCE, 3.5, True)
    line.came(23.6, 1)
    assert (line.until_s, line.lateness_s) == (24.6, 3.5)
    error = line.told()
    assert isinstance(error, LateAnswerError)
    assert str(error) == "its answer came 3.5 s after the request, and timeout_s is 1: raise timeout_s"
    for begin_s, quiet_s in ((30.0, 2.0), (50.0, 4.0), (70.0, LONGEST_SILENCE), (90.0, LONGEST_SILENCE)):
        line.ask(begin_s, 1.0)
        line.came(begin_s + 1.5, 1)
        assert line.until_s == begin_s + 1.5 + quiet_s
    line.ask(110.0, 1.0)
    line.settle()
    assert (line.until_s < 0, line.troubled) == (True, False)


def test_a_request_that_was_never_answered_is_trouble_for_the_next() -> None:
    line = Silence(1.0)
    line.ask(0.0, 1.0, 2)
    line.paid()
    assert line.until_s == 1.0 + LONGEST_SILENCE
    line.ask(8.0, 1.0)
    assert line.troubled
    assert line.told() is None


def test_a_unit_that_is_off_for_months_is_asked_again_as_soon_as_on_the_first_day() -> None:
    line, now_s = Silence(1.0), 0.0
    for _ in range(5000):
        line.ask(now_s, 1.0)
        assert line.until_s == now_s + 1.0 + LONGEST_SILENCE
        now_s = line.until_s
    line.came(now_s, 1)
    assert line.until_s == now_s + LONGEST_SILENCE
    line.settle()
    assert not line.troubled


def test_what_is_known_of_a_line_outlives_links_and_is_one_for_all_its_names(tmp_path: Path) -> None:
    with unit(1.5) as one:
        path = one.address[4:].partition("::")[0]
        (tmp_path / "port").symlink_to(path)
        assert silence_of(one.address, 1.0) is silence_of(f"ASRL{tmp_path}/port::INSTR", 2.0)
        assert silence_of(one.address, 1.0, 3) is not silence_of(one.address, 1.0)
    assert silence_of("TCPIP::127.0.0.1::5025::SOCKET", 1.0) is None
