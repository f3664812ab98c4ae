"""Units that share a Modbus line: one request at a time, whatever one unit does or says; no answer is another's."""

from __future__ import annotations

import os
import pty
import re
import signal
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from emulators import Emulator

from qctl.errors import RequestError
from qctl.hil.instruments.modbus_firmware import crc
from qctl.instruments.links.link import SerialLine
from qctl.instruments.links.modbus_port import ModbusPort
from qctl.instruments.links.visa_port import PortClosedError

LINE = SerialLine(115_200)


def asked(port: ModbusPort, text: str) -> str:
    port.send((text.encode() + b"\n",), 1.0)
    return port.line(4096, 1.0).decode().strip()


@pytest.fixture
def units() -> Iterator[Any]:
    """Return a function that opens the port of a unit; all are closed in the end."""
    ports: list[ModbusPort] = []

    def opened(address: str, timeout_s: float, unit: int, line: SerialLine = LINE) -> ModbusPort:
        ports.append(ModbusPort(address, timeout_s, unit, "big", line))
        return ports[-1]

    yield opened
    for port in ports:
        port.close()


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Emulator]:
    """Run a line with a valve and a meter on it."""
    line = Emulator("modbus-line", "bus0", tmp_path, modules="3=valve0:water-valve,4=meter0:water-meter")
    yield line
    line.stop()


def test_units_of_one_line_take_turns(bus: Emulator) -> None:
    found: dict[int, list[str]] = {}

    def ask(unit: int, times: int) -> None:
        port = ModbusPort(bus.address, 1.0, unit, "big", LINE)
        found[unit] = [asked(port, "input 100") for _ in range(times)]
        port.close()

    threads = [threading.Thread(target=ask, args=(unit, 30)) for unit in (3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {3: ["23063"] * 30, 4: ["19714"] * 30}


def test_a_dead_unit_leaves_the_other_its_turns(bus: Emulator, units: Any) -> None:
    valve, meter = (units(bus.address, 0.2, unit) for unit in (3, 4))
    assert (asked(valve, "holding 0 / 10 = 12.5"), asked(meter, "input 0 / 100")) == ("OK", "4.12")
    bus.faults(valve0={"silence": True})
    for _ in range(3):
        with pytest.raises(TimeoutError):
            asked(valve, "holding 0 / 10")
        assert asked(meter, "input 0 / 100") == "4.12"
    bus.faults()
    assert asked(valve, "holding 0 / 10") == "12.5"
    bus.faults(meter0={"readings": {"0": 300}})
    assert (asked(meter, "input 0 / 100"), asked(valve, "input 0 / 10")) == ("3", "12.5")


def test_a_late_answer_of_one_unit_is_nobody_s(bus: Emulator, units: Any) -> None:
    valve, meter = (units(bus.address, 1.0, unit) for unit in (3, 4))
    bus.faults(valve0={"late_reply": 1.4})
    with pytest.raises(TimeoutError):
        asked(valve, "input 100")
    until_s = time.monotonic() + 0.8  # the answer comes within this
    while time.monotonic() < until_s:
        assert asked(meter, "input 0 / 100") == "4.12"
    assert (asked(valve, "holding 0"), asked(valve, "input 100")) == ("0", "23063")


def test_a_line_has_one_speed_and_time_out_and_is_free_when_the_last_unit_leaves_it(bus: Emulator, units: Any) -> None:
    valve, meter = (units(bus.address, 0.2, unit) for unit in (3, 4))
    with pytest.raises(RequestError, match="open already with another baud, parity or timeout_s"):
        units(bus.address, 0.2, 5, SerialLine(9600))
    valve.close()
    valve.close()
    assert asked(meter, "input 100") == "19714"
    meter.close()
    assert asked(units(bus.address, 0.5, 3, SerialLine(9600)), "input 100") == "23063"


def frame(text: str, damaged: bool = False) -> bytes:
    """Return the bytes of a frame with its check."""
    said = bytes.fromhex(text)
    return said + (b"\0\0" if damaged else crc(said))


OTHER, MINE = frame("05 04 02 1111"), frame("03 04 02 5A17")


@pytest.mark.parametrize(
    ("asks", "answer", "outcome"),
    [
        ("input 100", OTHER + MINE, "23063"),
        ("input 100", OTHER + OTHER + MINE, "23063"),
        ("input 100", OTHER, "no answer"),
        ("input 100", frame("03 04 02 5A17", damaged=True), "the check of what came is wrong: 03 04 02 5a 17 00 00"),
        ("input 100", frame("03 03 02 5A17"), "an answer to function 3 came where one to 4 was due"),
        ("input 100", frame("03 83 02"), "an answer to function 3 came where one to 4 was due"),
        ("input 100", frame("03 04 04 5A17 0000"), "the answer to another request came"),
        ("coil 1", frame("03 01 01 01"), "1"),
        ("coil 1", frame("03 01 02 0101"), "the answer to another request came"),
        ("holding 0 = 7", frame("03 06 0000 0007"), "OK"),
        ("holding 0 = 7", frame("03 06 0001 0007"), "the answer to another request came"),
        ("holding 0 = 7", frame("03 06 0000 0008"), "the answer to another request came"),
        ("holding 0 uint32 = 7", frame("03 10 0000 0001"), "the answer to another request came"),
        ("coil 1 = 1", frame("03 05 0001 FF00"), "OK"),
        ("coil 1 = 1", frame("03 05 0001 0000"), "the answer to another request came"),
        ("identification", frame("03 2B 0E 01 01 00 00 01 00 02"), "no answer"),
        ("input 100", b"\xff" * 300, "no answer"),
    ],
)
def test_what_comes_is_the_answer_to_what_was_asked_or_costs_the_line(
    units: Any, asks: str, answer: bytes, outcome: str
) -> None:
    ours, theirs = pty.openpty()
    tty.setraw(theirs)

    def unit() -> None:
        while said := os.read(ours, 256):
            os.write(ours, frame("03 02 01 01") if said[1] == 2 else answer)

    thread = threading.Thread(target=unit, daemon=True)
    thread.start()
    port = units(f"ASRL{os.ttyname(theirs)}::INSTR", 0.15, 3)
    try:
        found = asked(port, asks)
    except TimeoutError:
        found = "no answer"
    except PortClosedError as error:
        found = str(error)
    assert found.startswith(outcome)
    assert asked(port, "discrete 0") == "1"  # the line is open again, and what came before is gone


def test_a_unit_that_reads_nothing_is_silent_alone_and_what_it_did_not_read_is_gone(bus: Emulator, units: Any) -> None:
    valve, meter = (units(bus.address, 0.2, unit) for unit in (3, 4))
    assert asked(valve, "holding 0 / 10 = 12.5") == "OK"
    bus.faults(valve0={"stalled": True})
    with pytest.raises(TimeoutError):
        asked(valve, "holding 0 / 10 = 30")
    assert asked(meter, "input 0 / 100") == "4.12"
    bus.faults()
    assert asked(valve, "holding 0 / 10") == "12.5"


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        ({"silense": True}, "fault 'silense' is not one of .*silence"),
        ({"full_buffer": True}, "fault 'full_buffer' is not one of"),
        ({"scale": 0.5}, "fault 'scale' is not one of"),
        ({"valve0": {"renamed": 0.5}}, "renamed is set on a line, not on valve0, which is on it"),
        ({"valve0": {"latereply": 1}}, "valve0: fault 'latereply' is not one of"),
        ({"valve0": True}, "valve0 is a unit, and its faults stand in an object under its name, not True"),
        ({"valve9": {"silence": True}}, "fault 'valve9' is not one of"),
    ],
)
def test_a_fault_that_nothing_would_come_of_is_refused_at_the_back_door(
    bus: Emulator, faults: dict[str, Any], words: str
) -> None:
    assert re.search(words, bus.ask(faults={"delay": 0.01, **faults})["error"])
    assert bus.ask(get="faults") == {}
    assert bus.ask(faults={"renamed": 0.1, "valve0": {"silence": True, "readings": {"0": 1}}}) == {"ok": True}


def test_who_is_interrupted_while_waiting_holds_up_nobody(bus: Emulator, units: Any) -> None:
    valve, meter = (units(bus.address, 1.0, unit) for unit in (3, 4))
    valve._line._begin_turn()
    told: list[str] = []
    behind = threading.Thread(target=lambda: told.append(asked(meter, "input 0 / 100")))

    n_come = valve._line._n_come

    def interrupt() -> None:
        while valve._line._n_come < n_come + 1:
            time.sleep(1e-3)
        behind.start()
        while valve._line._n_come < n_come + 2:
            time.sleep(1e-3)
        signal.pthread_kill(main, signal.SIGINT)

    main, before = threading.get_ident(), signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            asked(valve, "input 0")
    finally:
        signal.signal(signal.SIGINT, before)
    valve._line._end_turn()
    behind.join(10)
    assert told == ["4.12"]
