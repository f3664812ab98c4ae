"""A sequencer that knows triggers up to a time stops where it asks for later ones, and goes on as if in one go."""

from __future__ import annotations

import numpy as np
import pytest

from qctl.hil.instruments.qblox.assembly import assemble
from qctl.hil.instruments.qblox.core import KNOWN, Core

PROGRAM = """set_latch_en 1,4
move 20,R0
nop
l: play 0,0,100
latch_rst 400
set_cond 1,5,{operator},20
play 1,1,20
upd_param 20
set_cond 0,0,0,4
wait 300
loop R0,@l
stop
"""


@pytest.mark.parametrize("operator", range(6))
@pytest.mark.parametrize("seed", range(5))
def test_triggers_that_come_to_be_known_are_as_if_known_at_once(seed, operator):
    rng = np.random.default_rng(seed)
    times = np.sort(rng.integers(0, 18_000, 40))
    triggers = np.ascontiguousarray(np.stack([times, rng.choice([1, 3], 40)], axis=1), np.int64)
    code = assemble(PROGRAM.format(operator=operator))
    whole = Core(code, triggers=triggers)
    whole.proceed()
    assert whole.ended and not whole.flag
    core, n_asked = Core(code, known_ns=-1), 0
    while not core.ended:
        core.proceed()
        if core.asks:
            assert core.end_ns > core.known_ns
            n_asked += 1
            core.known_ns = core.end_ns + int(rng.integers(0, 200))
            core.triggers = np.ascontiguousarray(triggers[triggers[:, 0] <= core.known_ns])
    assert n_asked > 10 and not core.flag
    np.testing.assert_array_equal(core.rows, whole.rows)


def test_what_does_not_ask_for_triggers_goes_on():
    core = Core(assemble("play 0,0,100\nwait 100\nacquire 0,0,100\nstop"), known_ns=-1)
    core.proceed()
    assert core.ended and not core.asks and len(core.rows) == 2 and Core(core.code).known_ns == KNOWN
