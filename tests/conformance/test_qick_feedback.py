"""Programs that read sums and jump over plays: qick's own assembler makes the same words of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from qick_judge import assemble
from qick_v1_judge import PlayedV1, assemble_v1

import qctl
from qctl.cext.tproc_core import WAVE
from qctl.hil.instruments.qick.processor_v1 import execute_v1
from qctl.instruments.qick import v1_code
from qctl.instruments.qick.body import QickBody
from qctl.instruments.qick.machine_code import machine_code
from qctl.lowering import compile

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
V1 = json.loads((EXAMPLES / "qick_zcu216_v1.json").read_text("utf-8"))


def branching() -> qctl.Circuit:
    """Return a circuit with arms, a register that decides, and rounds."""
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
    return c


def program_of(lab: str):
    ready = compile(branching(), EXAMPLES / lab, shots=100, averaged=False)
    (program,) = (one for one in ready.lowered.batches[0].programs if one.model.startswith("qick"))
    return program, QickBody.from_bytes(program.body).program


def test_conditional_plays_and_loops_are_assembled_to_the_same_words():
    _, text = program_of("qick2.toml")
    assert text.count("DPORT_RD") == 4 and "-if(S)" in text and "-if(Z)" in text
    made = assemble(text)
    ours = machine_code(text)
    assert np.array_equal(np.asarray(made, np.int64)[:, :3] & 0xFFFFFFFF, ours[:, :3].astype(np.int64) & 0xFFFFFFFF)


@pytest.mark.parametrize("seed", range(4))
def test_a_tprocessor_v1_plays_the_arms_that_its_sums_decide_and_is_in_time(seed):
    program, text = program_of("qick2_v1.toml")
    code = assemble_v1(text, V1)
    assert code == [int(word) for word in v1_code.machine_code(text)]
    assert text.count("read ") == 4
    data = program.blobs[QickBody.from_bytes(program.body).data]
    sums = np.random.default_rng(seed).integers(-(10**6), 10**6, 4 * 100)
    judged = PlayedV1(code, data, sums=sums.tolist())
    assert judged.late <= 0 and judged.n_shots == 100
    memory = np.concatenate([[0, 0], data, np.zeros(8)]).astype(np.int64)
    done = execute_v1(np.array(code, np.uint64), memory, range(1, 8), np.column_stack([sums, 0 * sums]))
    assert done.n_shots == 100 and done.n_late == 0
    waves = [(t, ch, *done.waves[k]) for t, kind, ch, k in done.rows.tolist() if kind == WAVE]
    assert sorted(waves) == sorted((t, ch, *judged.rows[k]) for t, ch, k in judged.waves)
    # What is played depends on what is found.
    firsts = PlayedV1(code, data, sums=[10**6] * 400), PlayedV1(code, data, sums=[-(10**6)] * 400)
    assert len(firsts[0].waves) != len(firsts[1].waves)
