"""The unchanged firmware on an emulated Cortex-M3 does what the interpreter says, by serial line and by Ethernet."""

from __future__ import annotations

import os
import random
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asking import Asker, Refused
from judged_traces import differences, log_differences, no_watchdog, run_case
from programs import Case, expected, program_bytes, random_case

from qctl.firmware_io.kinds import Kind

SILENT_HOST = Path(__file__).parents[1] / "firmware_io" / "reference" / "silent_host.py"
N_PROGRAMS = 1000
CLOSE_TO_REAL = 4
"""Instructions of 16 ns: 62 million a second, what the real processor does at its 50 MHz, roughly."""
LATEST = 1


def greeted(pipe: Any, session: int = 0x1234) -> Asker:
    asker = Asker(pipe, session)
    asker.hello()
    no_watchdog(asker)
    return asker


def relative(rows: list[tuple[int, int]], wanted: list[int]) -> list[tuple[int, int]]:
    """Count the log's ticks from the block's start, which it does not tell: the first event is taken to be in time."""
    return [(tick - rows[0][0] + wanted[0], levels) for tick, levels in rows] if rows and wanted else rows


@pytest.mark.timeout(600)
@pytest.mark.parametrize("link", ["uart", "ethernet"])
def test_random_programs_do_what_the_interpreter_says(board: Callable[..., Any], link: str) -> None:
    emulated = board(shift=CLOSE_TO_REAL, logged=True)
    asker = greeted(getattr(emulated, link))
    rng = random.Random(2)
    ops = set()
    for block in range(1, N_PROGRAMS + 1):
        case = random_case(rng, edges=False)
        asker.ask(Kind.STATUS)
        emulated.registers()
        trace = run_case(asker, case, block)
        assert differences(asker, case, trace, LATEST) == []
        played = expected(case)
        rows = emulated.registers()
        wanted = [event.tick for event in played.events if event.output == "lines"]
        assert log_differences(played, relative(rows[1:], wanted), LATEST) == []  # the first is that of `safe`
        ops |= {op for op, *_ in struct.iter_unpack("<BBHI", case.program[16:])}
    assert ops == {*range(11), *range(0x10, 0x16), *range(0x20, 0x26), 0x30, 0x31}


@pytest.mark.parametrize(("mutant", "words"), [("late", "level at"), ("skip", "levels")])
def test_a_firmware_that_lies_is_caught_by_the_registers_log(
    board: Callable[..., Any], mutant: str, words: str
) -> None:
    emulated = board(image=f"firmware-{mutant}.elf", shift=CLOSE_TO_REAL, logged=True)
    asker = greeted(emulated.uart)
    rows = [row for level in (1, 3, 7, 6) for row in ((1, 0, 7, level), (8, 0, 0, 100))]
    case = Case(program_bytes([(8, 0, 0, 60), *rows, (0, 0, 0, 0)]), 1, 0)
    trace = run_case(asker, case, 1)
    assert differences(asker, case, trace, LATEST) == []
    played = expected(case)
    written = emulated.registers()[-3 if mutant == "skip" else -4 :]
    found = log_differences(played, relative(written, [60]), LATEST)
    assert found
    assert words in found[0]


def test_outputs_are_safe_within_the_watchdogs_time_when_the_host_is_killed(board: Callable[..., Any]) -> None:
    emulated = board(shift=CLOSE_TO_REAL, sleep=True, logged=True)
    emulated.uart.link.close()  # the line has one host
    timeout_ms, loop_ms = 300, 10
    folders = os.pathsep.join(path for path in sys.path if "firmware_io" in path)
    host = subprocess.Popen(
        [sys.executable, str(SILENT_HOST), emulated.uart_path, str(timeout_ms)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": folders},
    )
    assert host.stdout is not None
    assert host.stdout.readline() == b"started\n"
    host.kill()
    host.wait()
    deadline = time.monotonic() + 60
    rows: list[tuple[int, int]] = []
    while not rows or rows[-1][1] != 0:
        assert time.monotonic() < deadline
        time.sleep(0.05)
        rows += emulated.registers()
    began = next(tick for tick, levels in rows if levels == 255)
    assert began < rows[-1][0] <= began + (timeout_ms + loop_ms) * 1000
    asker = Asker(emulated.ethernet, 0x4321)
    asker.hello()
    assert asker.ask(Kind.STATUS)[0] == 3
    with pytest.raises(Refused, match="safe") as refused:
        asker.arm(2)
    assert refused.value.code == 4
    asker.ask(Kind.SAFE)
    asker.arm(2)


def test_a_reboot_begins_anew_and_tells_why(board: Callable[..., Any]) -> None:
    emulated = board(shift=CLOSE_TO_REAL)
    asker = greeted(emulated.uart)
    assert asker.ask(Kind.BOOT_STATUS)[3] == 0
    with pytest.raises(Refused, match="no such image"):
        asker.ask(Kind.REBOOT, b"\1")
    asker.ask(Kind.REBOOT, b"\0")
    with pytest.raises(Refused, match="no such session"):
        while True:
            asker.ask(Kind.STATUS)
    asker.hello()
    assert asker.ask(Kind.BOOT_STATUS)[3] == 1
