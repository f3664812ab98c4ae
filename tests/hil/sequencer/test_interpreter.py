"""The plain interpreter: the page's golden trace, and each instruction by hand."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from qctl.hil.sequencer.interpreter import BELOW_ZERO, LATE, NO_TRIGGER, RESULTS_FULL, Fault, Surroundings, play

PAGE = (Path(__file__).parents[3] / "docs" / "firmware-instructions.md").read_text("utf-8")


def program(*rows: tuple[int, ...]) -> bytes:
    """Return a program; fields that are left out are 0."""
    packed = [struct.pack("<BBHI", *(*row, 0, 0, 0)[:3], (*row, 0, 0, 0)[3] & 0xFFFFFFFF) for row in rows]
    return struct.pack("<IHHII", 0x51455351, 1, len(rows), 10**6, 0) + b"".join(packed)


def stored(*rows: tuple[int, ...], around: Surroundings | None = None) -> list[int]:
    """Return what a program stores; its end and a store of register 0 are added."""
    return play(program(*rows, (0x30, 0), (0,)), around).results


def test_golden_trace_of_the_page() -> None:
    bytes_of = re.findall(r"^\| `[a-z].*?` \| `([0-9a-f ]+)` \|$", PAGE, re.M)
    told = re.findall(r"^`(\d+ \d+ \d+(?:; \d+ \d+ \d+)+)`\.$", PAGE, re.M)[0]
    played = play(bytes.fromhex("".join(bytes_of)), Surroundings(inputs=[(150, 1), (250, 0)]))
    assert played.traced() == [tuple(int(word) for word in event.split()) for event in told.split("; ")]
    assert (played.results, played.end_tick, played.fault) == ([1], 300, None)


@pytest.mark.parametrize(
    ("rows", "value"),
    [
        ([(0x10, 0, 0, -5)], -5),
        ([(0x10, 1, 0, 2**31 - 1), (0x11, 0, 1, 1)], -(2**31)),
        ([(0x10, 1, 0, 7), (0x10, 2, 0, -9), (0x12, 0, 1, 2)], -2),
        ([(0x10, 1, 0, -(2**31)), (0x10, 2, 0, 1), (0x13, 0, 1, 2)], 2**31 - 1),
        ([(0x10, 1, 0, -1), (0x14, 0, 1, 0xF0F0F0F0)], 0xF0F0F0F0 - 2**32),
        ([(0x10, 1, 0, 3), (0x15, 0, 1, 31)], -(2**31)),
        ([(0x10, 1, 0, -9), (0x15, 0, 1, -1)], -5),
        ([(0x10, 0, 0, 1), (0x20, 0, 3), (0x10, 0, 0, 2)], 1),
        ([(0x10, 1, 0, 4), (0x11, 0, 0, 1), (0x21, 1, 1)], 4),
        ([(0x10, 1, 0, 0), (0x11, 0, 0, 1), (0x21, 1, 1)], 1),
        ([(0x22, 0, 2, 0), (0x10, 0, 0, 2)], 0),
        ([(0x23, 0, 2, 0), (0x10, 0, 0, 2)], 2),
        ([(0x24, 0, 2, 0), (0x10, 0, 0, 2)], 2),
        ([(0x25, 0, 2, 0), (0x10, 0, 0, 2)], 0),
    ],
)
def test_arithmetic_and_jumps(rows: list[tuple[int, ...]], value: int) -> None:
    assert stored(*rows) == [value]


def test_lines_keep_what_is_not_masked_and_staged_words_wait_for_update() -> None:
    played = play(
        program((1, 0, 3, 3), (2, 1, 0, 7), (3, 1, 5, 6), (8, 0, 0, 10), (1, 0, 1, 0), (4, 0, 3), (0,)), n_shots=1
    )
    assert [(e.tick, e.output, e.value) for e in played.events] == [
        (0, "lines", 3),
        (10, "lines", 2),
        (10, "tone 0 frequency", 0),
        (10, "tone 0 amplitude", 0),
        (10, "tone 1 frequency", 7),
        (10, "tone 1 amplitude", 6 + 5 * 65_536),
    ]


def test_counts_are_of_pulses_from_open_on_and_before_close() -> None:
    around = Surroundings(pulses=[(9, 0), (10, 0), (15, 1), (19, 0), (20, 0)])
    assert stored((8, 0, 0, 10), (6, 0), (8, 0, 0, 10), (7, 0, 0), around=around) == [2]
    assert stored((7, 0, 0), around=around) == [0]


def test_triggers_move_the_cursor_or_jump_or_fault() -> None:
    edge = Surroundings(inputs=[(0, 2), (20, 0), (30, 2)], triggers=[5, 12])
    wait = [(8, 0, 0, 10), (0x0A, 2, 4, 20), (1, 0, 1, 1), (0,), (1, 0, 2, 2), (0,)]
    assert [e.tick for e in play(program(*wait), edge).events] == [32]
    wait[1] = (0x0A, 2, 4, 19)
    assert [(e.tick, e.value) for e in play(program(*wait), edge).events] == [(29, 2)]
    wait[1] = (0x0A, 2, 0xFFFF, 19)
    assert play(program(*wait), edge).fault == Fault(NO_TRIGGER, 1, 29, 0)
    wait[1] = (0x0A, 0, 4, 0)
    assert [e.tick for e in play(program(*wait), edge).events] == [14]
    assert play(program(*wait)).waits


def test_shots_follow_their_period_or_each_other() -> None:
    rows = program((1, 0, 1, 1), (8, 0, 0, 30), (0,))
    assert [e.tick for e in play(rows, n_shots=3).events] == [0, 30, 60]
    assert [e.tick for e in play(rows, n_shots=3, period_ticks=100).events] == [0, 100, 200]
    late = play(rows, n_shots=3, period_ticks=20)
    assert ([e.tick for e in late.events], late.fault) == ([0, 30, 60], None)
    late = play(rows, n_shots=3, period_ticks=20, max_late_ticks=10)
    assert (late.n_shots, late.fault) == (2, Fault(LATE, 0, 60, 20))


def test_faults_and_programs_without_end() -> None:
    assert play(program((0x10, 0, 0, -1), (9, 0), (0,))).fault == Fault(BELOW_ZERO, 1, 0, 0)
    assert play(program((0x30, 0), (0x20, 0, 0)), max_results=3).fault == Fault(RESULTS_FULL, 0, 0, 0)
    assert play(program((0x20, 0, 0)), max_steps=1000).waits


def test_registers_and_outputs_stay_from_shot_to_shot() -> None:
    played = play(program((0x11, 0, 0, 1), (0x31, 0, 0, 9), (0x30, 0), (0,)), n_shots=3)
    assert played.results == [1, 2, 3]
    assert [(e.output, e.value) for e in played.events] == [("mark 9", 1), ("mark 9", 2), ("mark 9", 3)]
