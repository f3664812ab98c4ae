"""Firmware that lab.toml describes is recorded and played again, lines and Modbus alike; what differs is named."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import reduce
from operator import xor
from pathlib import Path
from typing import Any

import pytest
import serial
from replayed import FLIP, differs, played_again, recorded_story, running

from qctl.errors import DeviceError
from qctl.hil.record.journal import Turn, read_record
from qctl.hil.record.languages import cutter_of
from qctl.hil.record.scripts import script_of
from qctl.lab import parse_lab


def story(lab: Any) -> dict[str, Any]:
    """Return what the boxes say while they are set, and the counts of a run between."""
    shutter, chiller = lab.instruments["shutter0"], lab.instruments["chiller0"]
    shutter.set("dac1_v", 0.25)
    chiller.set("setpoint_c", 22.5)
    chiller.set("pump_on", True)
    run = lab.run(FLIP, shots=200, seed=1).result(60)
    shutter.set("shutter1", "OPEN")
    shutter.set("dac1_v", -0.5)
    chiller.set("mode", "COOL")
    with pytest.raises(DeviceError, match="ERR 3 out of range"):
        shutter.set("dac2_v", 7.0)
    lab.instruments["valve0"].set("opening", 40.0)
    names = ("shutter0", "chiller0", "valve0", "meter0")
    values = {name: lab.instruments[name].snapshot()["parameters"] for name in names}
    return {
        "counts": run[0].content["counts"],
        "raw": (shutter.raw("GET LIGHT"), chiller.raw("input 0 int16 / 10")),
        "values": {name: {key: row["value"] for key, row in rows.items()} for name, rows in values.items()},
    }


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Return the record of a story on bridged1, and what came of it."""
    return recorded_story(tmp_path_factory.mktemp("recorded"), "bridged1", story)


@pytest.mark.parametrize("how", ["--strict", pytest.param("--tolerant", marks=pytest.mark.full)])
def test_a_rack_with_described_firmware_is_played_without_it_and_gives_the_identical_result(
    recorded: tuple[Path, dict[str, Any]], tmp_path: Path, how: str
) -> None:
    record, found = recorded
    assert set(read_record(record).turns) >= {"shutter0", "chiller0", "valve0", "meter0"}
    assert played_again(record, how, tmp_path, story) == found


@pytest.mark.parametrize(
    ("was", "now", "named"),
    [
        ("digits = 3", "digits = 2", r"shutter0: command \d+ differs from the record: expected 'SET DAC 1 0.250\*.+', "
         r"came 'SET DAC 1 0.25\*.+'"),
        pytest.param(
            "holding 0 int16 / 10", "holding 4 int16 / 10", r"chiller0: command \d+ differs from the record: expected "
            r"'holding 0 = 225', came 'holding 4 = 225'", marks=pytest.mark.full,
        ),
    ],
)  # fmt: skip
def test_a_changed_command_of_described_firmware_ends_a_strict_replay_and_is_named(
    recorded: tuple[Path, dict[str, Any]], tmp_path: Path, was: str, now: str, named: str
) -> None:
    record, _ = recorded

    def changed(text: str) -> str:
        assert was in text
        return text.replace(was, now)

    said = differs(record, tmp_path, story, changed)
    assert re.search(named, said), said


ENTRY = """
[instruments.box0]
model = "line-firmware"
address = "TCPIP::127.0.0.1::5025::SOCKET"
lines = { identity = "ID", end = "\\r", prefix = "@1 ", checksum = "sum", mark = "^", answer = "OK" }
parameter.a_v = { send = "A {value} V", ask = "HOW IS A", limits = [0, 1] }
parameter.b_v = { send = "B {value} V", ask = "HOW IS B", limits = [0, 1] }
"""


def test_lines_are_cut_where_the_entry_says_and_read_back_under_the_setting_that_was_sent_last() -> None:
    base = (Path(__file__).parents[2] / "support" / "transmon5.toml").read_text()
    entry = parse_lab(base + ENTRY).instrument("box0")
    cutter = cutter_of("lines", "\r")
    assert cutter.sent(b"@1 A 0.5") == []
    assert cutter.sent(b" V^7F\r@1 HOW IS A^1C\r@") == [b"@1 A 0.5 V^7F\r", b"@1 HOW IS A^1C\r"]
    turns = [
        Turn(b"@1 HOW IS A^1C\r", [b"0\n"]),
        Turn(b"@1 A 0.5 V^7F\r", [b"OK\n"]),
        Turn(b"@1 HOW IS A^1C\r", [b"0.5\n"]),
        Turn(b"@1 HOW IS B^1D\r", [b"0\n"]),
        Turn(b"@1 A 0.2 V^7C\r", [b"OK\n"]),
        Turn(b"@1 HOW IS A^1C\r", [b"0.2\n"]),
    ]
    script = script_of("box0", "lines", turns, strict=False, instrument=entry)
    said = [turns[k].said for k in (4, 2, 1, 2, 3, 2)]
    assert [b"".join(script.answers(one)) for one in said] == [b"OK\n", b"0.2\n", b"OK\n", b"0.5\n", b"0\n", b"0.5\n"]


def test_frames_of_modbus_are_cut_by_function_and_check() -> None:
    from pymodbus.framer import FramerRTU
    from pymodbus.pdu import DecodePDU
    from pymodbus.pdu import register_message as messages

    framer = FramerRTU(DecodePDU(False))
    asked = [
        framer.buildFrame(one)
        for one in (
            messages.ReadHoldingRegistersRequest(address=3, count=2, dev_id=17),
            messages.WriteMultipleRegistersRequest(address=1, registers=[1, 2, 3], dev_id=18),
            messages.ReadWriteMultipleRegistersRequest(
                read_address=1, read_count=1, write_address=2, write_registers=[7, 8], dev_id=18
            ),
            messages.MaskWriteRegisterRequest(address=4, and_mask=1, or_mask=2, dev_id=17),
        )
    ]
    cutter = cutter_of("modbus")
    found = [frame for byte in b"".join(asked) for frame in cutter.sent(bytes([byte]))]
    assert found == asked
    damaged = asked[0][:-1] + b"\0"
    assert cutter.sent(damaged) == []
    assert cutter.sent(asked[1]) == [asked[1]]
    script = script_of("unit0", "modbus", [Turn(asked[0], [b"x"])], strict=True)
    with pytest.raises(DeviceError, match="expected 'holding 3' and 1 more, came 'holding 1' and 2 more = 00 01 00 02"):
        script.answers(asked[1])


def test_answers_of_modbus_on_a_socket_have_the_number_of_the_request() -> None:
    cutter = cutter_of("modbus-tcp")
    ask, answer = bytes.fromhex("0007 0000 0006 11 03 00000001"), bytes.fromhex("0007 0000 0005 11 03 02 00e1")
    assert (cutter.sent(ask[:5]), cutter.sent(ask[5:])) == ([], [ask])
    assert cutter.received(answer + answer[:3]) == [answer]
    script = script_of("unit0", "modbus-tcp", [Turn(ask, [answer])], strict=True)
    assert script.answers(b"\x01\x02" + ask[2:]) == [b"\x01\x02" + answer[2:]]


def test_a_box_recorded_without_a_lab_answers_under_its_own_setting(tmp_path: Path) -> None:
    box = subprocess.Popen(
        [sys.executable, "-m", "qctl.hil.instruments", "--model", "shutter-box", "--name", "shutter0"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    told = [("SET DAC 1 0.25", "OK"), ("GET DAC 1", "DAC 1 = 0.250 V"), ("SET DAC 2 -0.5", "OK")]
    told += [("SET DAC 1 0.75", "OK"), ("GET DAC 2", "DAC 2 = -0.500 V"), ("GET DAC 1", "DAC 1 = 0.750 V")]
    try:
        assert box.stdout is not None
        words = ["--to", box.stdout.readline().split()[1], "--speaks", "lines", "--end", r"\r"]
        with running("hil", "record", *words, "--out", str(tmp_path / "r")) as proxy:
            assert _told(proxy.address, [word for word, _ in told]) == [answer for _, answer in told]
    finally:
        box.terminate()
        box.wait(10)
        assert box.stdout is not None
        box.stdout.close()
    assert not read_record(tmp_path / "r").lab
    later = [told[k] for k in (3, 2, 5, 4, 0, 1, 4, 3, 5)]
    with running("hil", "replay", str(tmp_path / "r"), "--tolerant") as rack:
        assert _told(rack.address, [word for word, _ in later]) == [answer for _, answer in later]


def _told(address: str, words: list[str]) -> list[str]:
    """Return what a box says to lines, each behind its echo; checksums are put behind lines and left out of answers."""
    answers = []
    with serial.Serial(address.removeprefix("ASRL").removesuffix("::INSTR"), timeout=10) as port:
        for word in words:
            line = word.encode() + b"*%02X\r" % reduce(xor, word.encode(), 0)
            port.write(line)
            assert port.read_until(b"\r") == line
            answers.append(port.read_until(b"\r").decode().removeprefix(">").rpartition("*")[0])
    return answers
