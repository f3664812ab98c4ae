"""Programs with conditions, accepted by the vendor's assembler."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import qctl
from qctl.instruments.qblox.body import QbloxBody
from qctl.lowering import compile

sys.path.insert(0, str(Path(__file__).parent))

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.mark.parametrize("value", [0, 1])
def test_loops_are_assembled(value, tmp_path):
    from qblox import assemble

    c = qctl.Circuit(2, 2)
    c.h(0)
    c.measure(0, 0)
    with c.while_(0, value, max_count=3):
        c.h(0)
        c.measure(0, 0)
    with c.if_(0, value):
        c.x(1)
    c.measure(1, 1)
    ready = compile(c, EXAMPLES / "qblox2.toml", shots=100)
    bodies = [
        QbloxBody.from_bytes(program.body)
        for program in ready.lowered.batches[0].programs
        if program.model != "qblox-cluster"
    ]
    for one in (one for body in bodies for one in body.sequencers):
        assert assemble(one.program, tmp_path) > 0
        # All results were 1 if none was sent that says 0, and the other way round.
        assert one.sends_zero is (one.sends > 0 and value == 1)


@pytest.mark.parametrize("lab", ["qblox2.toml", "qblox_rf2.toml"])
@pytest.mark.parametrize("averaged", [False, True])
def test_conditional_plays_are_assembled(lab, averaged, tmp_path):
    from qblox import assemble

    c = qctl.Circuit(2, 4)
    c.h(0)
    for k in range(3):
        c.measure(0, k)
        with c.if_(k):
            c.x(0)
        with c.else_():
            c.sx(1)
    c.measure(1, 3)
    with c.if_([2, 3], 2):
        c.cz(0, 1)
        c.z(1)
    c.h(1)
    c.reset(0)
    ready = compile(c, EXAMPLES / lab, shots=100, averaged=averaged)
    texts = [
        one.program
        for program in ready.lowered.batches[0].programs
        if program.model != "qblox-cluster"
        for one in QbloxBody.from_bytes(program.body).sequencers
    ]
    assert sum("set_cond 1," in text for text in texts) == 3 and any("latch_rst" in text for text in texts)
    for text in texts:
        assert assemble(text, tmp_path) > 0
