"""Another simulator, and the gates that synthesis makes of the core, do what the interpreter says too."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest
from device import REFERENCE
from directed import changes
from programs import Case, expected, random_case

GATEWARE = REFERENCE / "gateware"
BENCH = Path(__file__).parent / "bench.v"
RTL = sorted(str(file) for file in GATEWARE.glob("*.v"))
N_SHOTS, PERIOD, MAX_LATE, MARK_LIMIT, PROGRAM = 5, 6, 7, 8, 0x1000
COMPLETE = 4


def commands(case: Case) -> str:
    """Return what the bench has to do for a block."""
    words = [int.from_bytes(case.program[at : at + 4], "little") for at in range(16, len(case.program), 4)]
    writes = [(PROGRAM + place, word) for place, word in enumerate(words)]
    writes += [(N_SHOTS, case.n_shots), (PERIOD, case.period), (MAX_LATE, 0), (MARK_LIMIT, 1000)]
    lines = [f"w {address:x} {word:x}" for address, word in writes]
    levels = 0
    for tick, pin, level in case.edges:
        levels = levels & ~(1 << pin) | level << pin
        lines.append(f"e {tick} {levels}")
    return "\n".join(lines) + "\n"


def judged(case: Case, printed: str) -> None:
    """Compare what a simulator printed with the interpreter."""
    rows: dict[str, list[tuple[int, ...]]] = {}
    staged: dict[int, tuple[int, int]] = {}
    tones = []
    for line in printed.splitlines():
        word, *rest = line.split()
        numbers = tuple(int(number, 16 if word == "status" else 10) for number in rest)
        rows.setdefault(word, []).append(numbers)
        if word == "stage":
            staged[numbers[1]] = numbers[2], numbers[4] | numbers[3] << 16
        elif word == "update":
            tones += [(numbers[0], *staged[tone]) for tone in range(4) if numbers[1] >> tone & 1]
    played = expected(case)
    assert rows["status"] == [(COMPLETE,)]
    assert rows.get("row", []) == [(*event, event[2]) for event in played.traced()[:512]]
    lines = [(event.tick, event.value) for event in played.events if event.output == "lines"]
    assert rows.get("lines", []) == changes(lines)
    wanted = [event for event in played.events if event.output.startswith("tone")]
    assert tones == [(a.tick, a.value, b.value) for a, b in zip(wanted[::2], wanted[1::2], strict=True)]
    assert [value for (value,) in rows["register"]] == played.registers


def play_all(program: Path, cases: list[Case], folder: Path) -> None:
    for number, case in enumerate(cases):
        file = folder / f"{number}.txt"
        file.write_text(commands(case))
        words = ["vvp", "-n", str(program), f"+commands={file}"]
        judged(case, subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def some_cases(seed: int, count: int) -> list[Case]:
    rng = random.Random(seed)
    cases = (random_case(rng) for _ in range(10 * count))
    return [case for case in cases if not case.period][:count]


def test_icarus_plays_programs_as_the_interpreter_says(tmp_path: Path) -> None:
    words = ["iverilog", "-g2005-sv", "-Wall", f"-I{GATEWARE}", "-o", str(tmp_path / "bench"), str(BENCH), *RTL]
    subprocess.run(words, check=True)
    play_all(tmp_path / "bench", some_cases(3, 20), tmp_path)


@pytest.mark.timeout(600)
def test_the_gates_of_an_ice40_do_as_the_interpreter_says(tmp_path: Path) -> None:
    netlist = tmp_path / "netlist.v"
    script = f"read_verilog -I{GATEWARE} {' '.join(RTL)}; synth_ice40 -top core; check -assert; write_verilog {netlist}"
    subprocess.run(["yosys", "-q", "-p", script], check=True)
    yosys = shutil.which("yosys")
    assert yosys is not None
    cells = Path(yosys).parents[1] / "share" / "yosys" / "ice40" / "cells_sim.v"
    words = ["iverilog", "-g2005-sv", "-DNO_ICE40_DEFAULT_ASSIGNMENTS", "-o", str(tmp_path / "bench")]
    subprocess.run([*words, str(BENCH), str(netlist), str(cells)], check=True)
    short = [case for case in some_cases(4, 60) if 500 < expected(case).end_tick < 900]  # a tick takes 10 ms
    play_all(tmp_path / "bench", short[:2], tmp_path)
