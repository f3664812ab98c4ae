"""Plays by measured bits on a QICK board: reads, bits and jumps of its assembly; what it can't is refused by name."""

from __future__ import annotations

import json

import msgspec
import pytest

import qctl
from qctl.errors import CompileError, TimingError
from qctl.instruments.qick import feedback
from qctl.instruments.qick.body import QickBody
from qctl.lab import load_lab
from qctl.lowering import compile

LAB, LAB_V1 = (load_lab(f"docs/examples/{name}.toml") for name in ("qick2", "qick2_v1"))


def text_of(circuit, lab=LAB):
    ready = compile(circuit, lab, shots=10, averaged=False)
    (program,) = (one for one in ready.lowered.batches[0].programs if one.model.startswith("qick"))
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


def test_a_tprocessor_v1_reads_sums_in_a_queue_that_nothing_waits_in_and_jumps():
    lines = text_of(reset(), LAB_V1)
    read = lines.index("read 0, 0, lower $9;")
    assert lines[read - 1].startswith("waiti 7, ")
    assert lines[read + 1 : read + 6] == [
        "regwi 0, $10, 0;", "condj 0, $9 < $10, @B1;", "bitwi 0, $8, $8 | 1;", "B1: bitwi 0, $9, $8 & 1;",
        "condj 0, $9 == $0, @O2;",
    ]  # fmt: skip
    over = next(k for k, line in enumerate(lines) if line.startswith("O2: "))
    # Two halves of a flip, each with all registers that it needs: what was left out has written none of them.
    arm = lines[read + 6 : over]
    assert sum(line.startswith("set 1, 1, ") for line in arm) == 2
    assert sum(line.startswith("regwi 1, $5, ") for line in arm) == 2


def test_what_follows_an_arm_writes_its_registers_anew():
    c = qctl.Circuit(1, 2)
    c.sx(0)
    c.measure(0, 0)
    with c.if_(0):
        c.sx(0)
    c.sx(0)
    c.measure(0, 1)
    lines = text_of(c, LAB_V1)
    over = next(k for k, line in enumerate(lines) if line.startswith("O2: "))
    behind = lines[over : next(k for k, line in enumerate(lines[over:], over) if "set 1, 1" in line)]
    assert any("1, $5, 524297;" in line for line in behind) and any("1, $6, " in line for line in behind)


def test_a_tprocessor_v1_that_would_be_late_is_refused(monkeypatch):
    c = qctl.Circuit(2, 12)
    for k in range(10):
        c.measure(0, k)
    with c.if_(list(range(10)), 0b1010101010):
        c.x(1)
    with c.else_():
        c.sx(1)
    assert "read 0, 0, lower $9;" in text_of(c, LAB_V1)
    monkeypatch.setattr(feedback, "_READ_S", 790e-9)
    with pytest.raises(TimingError, match=r"board0 gets to an event at .* ns of point 0 .* ns late: leave more time"):
        text_of(c, LAB_V1)


@pytest.mark.parametrize("known", [LAB, LAB_V1])
def test_board_without_an_input_for_the_readout_is_refused(known):
    board0 = known.instruments["board0"]
    soccfg = json.loads(board0.board)
    for one in soccfg["readouts"]:
        del one["tproc_ch"]
    board0 = msgspec.structs.replace(board0, board=json.dumps(soccfg))
    lab = msgspec.structs.replace(known, instruments={**known.instruments, "board0": board0})
    with pytest.raises(CompileError, match=r"'c\[0\]', whose readout has no input of the tProcessor of board0"):
        text_of(reset(), lab)


@pytest.mark.parametrize("lab", [LAB, LAB_V1], ids=["v2", "v1"])
@pytest.mark.parametrize("first", [True, False])
def test_circuits_with_and_without_branches_are_compiled_together(lab, first):
    plain = qctl.Circuit(2, 2)
    plain.x(0)
    plain.measure(0, 0)
    circuits = [reset(), plain] if first else [plain, reset()]
    lines = text_of(circuits, lab)
    assert len(lines) > len(text_of(circuits[0], lab)) and len(lines) > len(text_of(circuits[1], lab))
