"""What counts do in programs: the quick way to the results of a block against the execution of each shot."""

from __future__ import annotations

import numpy as np
import pytest

from qctl.errors import RequestError
from qctl.firmware_io.instructions import Op, SequencerProgram
from qctl.hil.sequencer.counting import shot_of, stored, use_of

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
    assert use_of(bytes_of((Op.LINES, 0, 1, 1))) == (False, -1, False)
    assert use_of(bytes_of(*GATE)) == (True, -1, False)
    assert use_of(bytes_of(*GATE, (Op.SUM, 3, 4, 2), (Op.SHIFT, 5, 3, 1))) == (True, -1, True)
    assert use_of(bytes_of(*GATE, (Op.SUM, 3, 4, 2), (Op.SHIFT, 5, 3, 1), (Op.LOOP, 5, 0))) == (True, 6, True)
    assert use_of(bytes_of(*GATE, (Op.SET, 3, 0, 2), (Op.LOOP, 3, 0))) == (True, -1, False)


def test_shots_that_differ_are_refused_and_a_loop_is_unrolled() -> None:
    rows, ticks = shot_of(bytes_of((Op.SET, 3, 0, 2), *GATE, (Op.LINES, 0, 5, 4), (Op.LOOP, 3, 1)), 0)
    assert ticks == 20
    assert rows["tick"].tolist() == [0, 10, 10, 10, 20] and rows["operation"].tolist() == [3, 3, 1, 3, 3]
    assert rows["channel"].tolist() == [2, 2, 3, 2, 2] and rows["level"].tolist() == [1, 0, 1, 1, 0]
    with pytest.raises(RequestError, match="shots of one block differ"):
        shot_of(bytes_of((Op.ADD, 3, 3, 1), *GATE, (Op.WAIT_REGISTER, 3)), 0)
