"""What counts do in programs: the quick way to the results of a block against the execution of each shot."""

from __future__ import annotations

import numpy as np
import pytest

from qctl.errors import RequestError
from qctl.firmware_io.instructions import Op, SequencerProgram
from qctl.hil.sequencer.counting import shot_of, steered, stored, use_of
from qctl.hil.sequencer.interpreter import Played

GATE = [(Op.OPEN, 1), (Op.WAIT, 0, 0, 10), (Op.CLOSE, 1, 2), (Op.STORE, 2)]


def bytes_of(*rows: tuple[int, ...]) -> bytes:
    return SequencerProgram.of(10**6, *rows, (Op.HALT,)).to_bytes()


@pytest.mark.parametrize("n_shots", [1, 3, 4, 50])
@pytest.mark.parametrize("period", [0, 100])
def test_two_shots_stand_for_all(n_shots: int, period: int) -> None:
    data = bytes_of((Op.SET, 7, 0, 5), *GATE, (Op.STORE, 7), *GATE, (Op.STORE, 2), (Op.STORE, 9))
    counts = np.random.default_rng(n_shots).integers(0, 12, (n_shots, 2))
    quick, whole = (stored(data, counts, period, 1000, computes) for computes in (False, True))
    assert (quick.results, quick.registers, quick.n_shots) == (whole.results, whole.registers, whole.n_shots)
    assert quick.end_tick == whole.end_tick
    assert quick.traced()[:20] == whole.traced()[:20]
    assert len(whole.results) == 5 * n_shots and whole.results[:2] == [counts[0, 0], 5]


def test_what_a_count_decides_is_found_through_registers() -> None:
    assert use_of(bytes_of((Op.LINES, 0, 1, 1))) == (False, False, -1, False)
    assert use_of(bytes_of(*GATE)) == (True, False, -1, False)
    assert use_of(bytes_of(*GATE, (Op.SUM, 3, 4, 2), (Op.SHIFT, 5, 3, 1))) == (True, False, -1, True)
    assert use_of(bytes_of(*GATE, (Op.SUM, 3, 4, 2), (Op.SHIFT, 5, 3, 1), (Op.LOOP, 5, 0))) == (True, True, -1, True)
    assert use_of(bytes_of(*GATE, (Op.SET, 3, 0, 2), (Op.LOOP, 3, 0))) == (True, False, -1, False)

    assert use_of(bytes_of((Op.HALT,), *GATE, (Op.WAIT_TRIGGER, 0, 2, 9))) == (True, False, 5, False)


def test_shots_that_differ_are_told_and_a_loop_is_unrolled() -> None:
    shot = shot_of(bytes_of((Op.SET, 3, 0, 2), *GATE, (Op.LINES, 0, 5, 4), (Op.LOOP, 3, 1)), 0)
    assert shot is not None
    rows, ticks = shot
    assert ticks == 20
    assert rows["tick"].tolist() == [0, 10, 10, 10, 20] and rows["operation"].tolist() == [3, 3, 1, 3, 3]
    assert rows["channel"].tolist() == [2, 2, 3, 2, 2] and rows["level"].tolist() == [1, 0, 1, 1, 0]
    assert shot_of(bytes_of((Op.ADD, 3, 3, 1), *GATE, (Op.WAIT_REGISTER, 3)), 0) is None


class Parts:
    """Takes the parts of shots, and gives counts of a list."""

    def __init__(self, counts: list[int]) -> None:
        self.counts, self.taken = counts, []

    def __call__(self, rows: np.ndarray, begins: bool) -> list[int]:
        self.taken.append((begins, [tuple(row) for row in rows[["tick", "channel", "operation", "level"]].tolist()]))
        return [0] * int(((rows["operation"] == 3) & (rows["level"] == 0)).sum() - 1) + [self.counts.pop(0)]


def played(parts: Parts, *rows: tuple[int, ...], n_shots: int = 1, period_ticks: int = 0) -> Played:
    return steered(
        bytes_of(*rows), parts, n_shots=n_shots, period_ticks=period_ticks, max_late_ticks=2**32 - 1, max_results=99
    )


UNTIL_SIX = [*GATE[:3], (Op.JUMP_BELOW, 2, 0, 6), (Op.STORE, 2), (Op.LINES, 0, 1, 1), (Op.WAIT, 0, 0, 5)]


def test_what_a_count_decides_is_asked_for_part_by_part() -> None:
    parts = Parts([0, 5, 7, 9])
    found = played(parts, *UNTIL_SIX, n_shots=2, period_ticks=100)
    gate = [(0, 2, 3, 1), (10, 2, 3, 0)]
    later = [[(tick + begin, *rest) for tick, *rest in gate] for begin in (10, 20)]
    # The second shot begins with the line that the first one left high, and at its own tick 0.
    assert parts.taken == [(True, gate), (False, later[0]), (False, later[1]), (True, [(0, 1, 1, 1), *gate])]
    assert (found.results, found.n_shots, found.end_tick) == ([7, 9], 2, 115)


def test_tones_left_on_begin_the_next_shot_and_registers_stay() -> None:
    tone = [(Op.FREQUENCY, 3, 0, 77), (Op.AMPLITUDE, 3, 500, 9), (Op.UPDATE, 0, 8, 0)]
    parts = Parts([1, 2, 3])
    rows = [(Op.JUMP_UNEQUAL, 5, 5, 0), *tone, (Op.SET, 5, 0, 1), *GATE, (Op.SUM, 6, 6, 2), (Op.STORE, 6)]
    found = played(parts, *rows, n_shots=3)
    assert [row for row in parts.taken[1][1] if row[2] == 2] == [(0, 4, 2, 500)]
    assert found.results == [1, 1, 2, 3, 3, 6] and found.registers[5:7] == [1, 6]


def test_a_long_block_keeps_the_beginning_of_its_trace_and_all_marks() -> None:
    n = 3000
    rows = [(Op.SET, 3, 0, n), *GATE[:3], (Op.ADD, 4, 2, 0), (Op.MARK, 3, 0, 5), (Op.LOOP, 3, 1)]
    parts = Parts(list(range(n)))
    found = played(parts, *rows)
    marks = [event for event in found.events if event.output == "mark 5"]
    assert [event.value for event in marks] == list(range(n, 0, -1))
    whole = [event.output for event in found.events[:4096]]
    assert whole == (["open 1", "close 1", "mark 5"] * n)[:4096] and len(found.events) < 4096 + 2 * n
    gates = [(10, 2, 3, 1), (20, 2, 3, 0)]
    assert parts.taken[-1][1] == [(tick + 10 * (n - 2), *rest) for tick, *rest in gates]


def test_a_gate_that_was_not_open_counts_nothing_and_takes_no_other_count() -> None:
    parts = Parts([4])
    assert played(parts, (Op.CLOSE, 0, 1), *GATE, (Op.STORE, 1)).results == [4, 0]


def test_a_gate_open_from_shot_to_shot_is_refused() -> None:
    with pytest.raises(RequestError, match="counter 1 is open from shot to shot"):
        played(Parts([1, 1]), (Op.CLOSE, 1, 2), (Op.OPEN, 1), (Op.WAIT, 0, 0, 3), n_shots=2)
