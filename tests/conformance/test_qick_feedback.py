"""Programs that read sums and jump over plays: qick's own assembler makes the same words of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from qick_judge import assemble

import qctl
from qctl.instruments.qick.body import QickBody
from qctl.instruments.qick.machine_code import machine_code
from qctl.lowering import compile

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
SOCCFG = json.loads((EXAMPLES / "qick_zcu216.json").read_text("utf-8"))


def test_conditional_plays_and_loops_are_assembled_to_the_same_words():
    c = qctl.Circuit(2, 4)
    c.h(0)
    c.measure(0, 0)
    with c.if_(0):
        c.x(1)
    with c.else_():
        c.sx(1)
    c.measure(0, 1)
    c.measure(1, 2)
    with c.if_([1, 2], 2):
        c.x(1)
    with c.while_(1, 1, max_count=2):
        c.h(0)
        c.measure(0, 1)
    c.measure(1, 3)
    ready = compile(c, EXAMPLES / "qick2.toml", shots=100, averaged=False)
    (program,) = (one for one in ready.lowered.batches[0].programs if one.model == "qick-tproc-v2")
    text = QickBody.from_bytes(program.body).program
    assert text.count("DPORT_RD") == 4 and "-if(S)" in text and "-if(Z)" in text
    made = assemble(text)
    ours = machine_code(text)
    assert np.array_equal(np.asarray(made, np.int64)[:, :3] & 0xFFFFFFFF, ours[:, :3].astype(np.int64) & 0xFFFFFFFF)
