"""The host build as a process: hosts that die, the safe state within the watchdog's time, and numbers of requests."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from asking import Asker, Refused, connect
from device import OUT
from programs import program_bytes

from qctl.firmware_io.kinds import Kind
from qctl.firmware_io.packets import Packet, encode_packet

HERE = Path(__file__).parent
TIMEOUT_MS = 200
LOOP_MS = 20
Run = Callable[..., tuple[str, Path]]


@pytest.fixture
def image() -> str:
    return "firmware-host"


@pytest.fixture
def firmware(built: None, image: str, tmp_path: Path) -> Iterator[Run]:
    """Return a function that starts the firmware and returns its address and its log."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> tuple[str, Path]:
        log = tmp_path / "outputs.log"
        command = [str(OUT / image), "--log", str(log), *words]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stderr is not None
        return process.stderr.readline().split()[1], log

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--tcp", "70000"), "70000: is no port from 0 to 65535"),
        (("--udp", "80x"), "80x: is no port"),
        (("--tcp", ""), ": is no port"),
        (("--tpc", "0"), "--tpc: there is no such option"),
        (("--stdio", "--tcp", "0"), "--tcp: a second way to reach it"),
        (("--stdio", "--log"), "--log: has no value behind it"),
        ((), "one of them is needed"),
    ],
)
def test_what_it_can_not_be_started_with_is_named(built: None, words: tuple[str, ...], said: str) -> None:
    done = subprocess.run([str(OUT / "firmware-host"), *words], capture_output=True, text=True, timeout=10)
    assert done.returncode == 2
    assert said in done.stderr


def test_outputs_are_safe_within_the_watchdogs_time_when_the_host_is_killed(firmware: Run) -> None:
    address, log = firmware("--tcp", "0")
    words = [sys.executable, str(HERE / "silent_host.py"), address, str(TIMEOUT_MS)]
    host = subprocess.Popen(words, stdout=subprocess.PIPE)
    assert host.stdout is not None
    assert host.stdout.readline() == b"started\n"
    host.kill()
    host.wait()
    deadline = time.monotonic() + 30
    levels: list[list[int]] = []
    while not levels or levels[-1][1:3] != [1, 0] or levels[-1][0] <= 0:
        assert time.monotonic() < deadline
        rows = [[int(word) for word in line.split()] for line in log.read_text().splitlines() if line.count(" ") == 5]
        levels = [row for row in rows if row[1] == 1]
    assert 0 < levels[-1][0] <= (TIMEOUT_MS + LOOP_MS) * 1000
    assert {row[2] for row in levels[-TIMEOUT_MS // 2 : -1]} == {255, 254}
    asker = Asker(connect(address), 0x4321)
    asker.hello()
    assert asker.ask(Kind.STATUS)[0] == 3
    with pytest.raises(Refused, match="safe"):
        asker.arm(2)
    asker.ask(Kind.SAFE)
    asker.arm(2)


def test_a_doubled_packet_is_executed_once_and_a_gap_is_told(firmware: Run) -> None:
    address, _ = firmware("--tcp", "0")
    asker = Asker(connect(address))
    asker.hello()
    asker.upload(program_bytes([(0, 0, 0, 0)]))
    number = asker.number
    arm = encode_packet(Packet(Kind.ARM, asker.session, number, struct.pack("<IIII", 1, 1, 0, 0)))
    safe = encode_packet(Packet(Kind.SAFE, asker.session, number + 1))
    asker.pipe.send(safe + safe)  # ahead of its turn, twice: told once, executed never
    asker.pipe.send(arm + safe + arm)
    asker.number = number + 2
    assert asker.ask(Kind.STATUS)[0] == 0
    assert [note.number for note in asker.notes if note.kind == Kind.GAP] == [number]
    assert [packet.kind for packet in asker.late] == [Kind.ARM | 0x80, Kind.SAFE | 0x80, Kind.ARM | 0x80]


def test_the_example_of_the_page_passes(firmware: Run) -> None:
    page = (HERE.parents[2] / "docs" / "firmware-protocol.md").read_text("utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
    found: dict[str, Callable[[int], None]] = {}
    exec(compile(code, "docs/firmware-protocol.md", "exec"), found)
    address, _ = firmware("--tcp", "0")
    found["test_the_board_answers_over_a_bad_wire"](int(address.rpartition(":")[2]))
