"""Plays by measured bits on a QICK board: reads, bits and jumps of its assembly; what it can't is refused by name."""

from __future__ import annotations

import json

import msgspec
import pytest

import qctl
from qctl.errors import CompileError
from qctl.instruments.qick.body import QickBody
from qctl.lab import load_lab
from qctl.lowering import compile

LAB = load_lab("docs/examples/qick2.toml")


def text_of(circuit, lab=LAB):
    ready = compile(circuit, lab, shots=10, averaged=False)
    (program,) = (one for one in ready.lowered.batches[0].programs if one.model == "qick-tproc-v2")
    return QickBody.from_bytes(program.body).program.splitlines()


def reset():
    c = qctl.Circuit(2, 2)
    c.x(0)
    c.measure(0, 0)
    with c.if_(0):
        c.x(0)
    c.measure(0, 1)
    return c


def test_sums_are_read_before_what_they_decide_and_jumped_over():
    lines = text_of(reset())
    read = lines.index("DPORT_RD p0")
    assert lines[read + 1 : read + 6] == [
        "REG_WR r6 imm #0", "REG_WR s15 label B1", "TEST -op(s8 - r6)", "JUMP [s15] -if(S)",
        "REG_WR r4 op -op(r4 + #1)",
    ]  # fmt: skip
    over = lines.index("JUMP [s15] -if(Z)")
    assert lines[over - 1] == "TEST -op(r4 AND #1)" and over > read
    assert all(line.startswith("WPORT_WR p0") for line in lines[over + 1 : lines.index("O2:")])
    assert lines.index("O2:") - over == 3


def test_board_without_an_input_for_the_readout_is_refused():
    board0 = LAB.instruments["board0"]
    soccfg = json.loads(board0.board)
    for one in soccfg["readouts"]:
        del one["tproc_ch"]
    board0 = msgspec.structs.replace(board0, board=json.dumps(soccfg))
    lab = msgspec.structs.replace(LAB, instruments={**LAB.instruments, "board0": board0})
    with pytest.raises(CompileError, match=r"'c\[0\]', whose readout has no input of the tProcessor of board0"):
        text_of(reset(), lab)
