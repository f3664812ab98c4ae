"""A board with tProcessor v1: its program's words, its loops, and where it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import qctl
from qctl.cli.app import main
from qctl.errors import CompileError, TimingError, VersionError
from qctl.instruments.qick.body import QickBody, settings_of
from qctl.instruments.qick.v1_code import machine_code
from qctl.lab import Lab, load_lab

LAB = Path(__file__).parents[3] / "docs" / "examples" / "qick2_v1.toml"
SOCCFG = json.loads(LAB.with_name("qick_zcu216_v1.json").read_text("utf-8"))


@pytest.fixture
def lab() -> Lab:
    return load_lab(LAB)


def changed(lab: Lab, change: Callable[[dict[str, Any]], None]) -> Lab:
    """Return the lab with another soccfg."""
    soccfg = json.loads(json.dumps(SOCCFG))
    change(soccfg)
    board0 = msgspec.structs.replace(lab.instruments["board0"], board=json.dumps(soccfg))
    return msgspec.structs.replace(lab, instruments={**lab.instruments, "board0": board0})


def rabi(n: int) -> qctl.Program:
    """Return a sweep of an amplitude, with its readout."""
    p = qctl.Program(["q0.drive", "q0.readout"], ["q0"], ["q0"])
    with p.sweep("amp", np.linspace(-0.25, 0.25, n), "V") as amp:
        p.play("q0.drive", qctl.drag(20.92e-9, amp, sigma_s=5e-9, beta_s=0.36e-9))
        p.barrier()
        p.measure("q0", "q0")
    return p


def used(ready: qctl.Ready, resource: str) -> int:
    return next(u.used for _, u in ready.lowered.report if u.resource == resource)


def body_of(ready: qctl.Ready) -> tuple[QickBody, dict[str, Any]]:
    ((program,),) = (batch.programs for batch in ready.lowered.batches)
    return QickBody.from_bytes(program.body), program.blobs


def test_words_are_those_that_were_typed_by_hand() -> None:
    """Fields of ctrl.sv, written out: opcode, page, channel, operation, and registers of five bits each."""
    text = (
        "regwi 1, $5, -2;\nbitwi 1, $1, $1 << 2;\nmathi 1, $1, $1 + 3;\nmemri 2, $3, 17;\nmemr 2, $4, $7;\n"
        "memwi 0, $13, 1;\nsynci 217;\nwaiti 0, 85907;\nseti 0, 0, $1, 60;\nLAST: set 3, 3, $1, $2, $0, $4, $5, $6;\n"
        "loopnz 0, $14, @LAST;\nend ;\n"
    )
    typed = (
        ("00011001", "001", "000", "0000", "00101", "00000", "00000", 2**31 - 2),
        ("00010110", "001", "000", "0100", "00001", "00001", "00000", 2),
        ("00010010", "001", "000", "1000", "00001", "00001", "00000", 3),
        ("00010111", "010", "000", "0000", "00011", "00000", "00000", 17),
        ("01010110", "010", "000", "0000", "00100", "00111", "00000", 0),
        ("00011000", "000", "000", "0000", "00000", "00000", "01101", 1),
        ("00010100", "000", "000", "0000", "00000", "00000", "00000", 217),
        ("00010101", "000", "000", "0000", "00000", "00000", "00000", 85907),
        ("00010011", "000", "000", "0000", "00000", "00001", "00000", 60),
        ("01010001", "011", "011", "0000", "00000", "00001", "00110", int("00010000000010000101" + "0" * 11, 2)),
        ("00110000", "000", "000", "1000", "01110", "01110", "00000", 9),
        ("00111111", "000", "000", "0000", "00000", "00000", "00000", 0),
    )  # fmt: skip
    wanted = [int("".join(bits) + format(rest, "031b"), 2) for *bits, rest in typed]
    assert [int(word) for word in machine_code(text)] == wanted


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("regwi 0, $1, 1073741824;", "over the 31 bits"),
        ("regwi 8, $1, 1;", "over the 3 bits"),
        ("regwi 0, $32, 1;", "over the 5 bits"),
        ("regwi 0 $1, 1;", "line 1: .* is no instruction"),
        ("loopnz 0, $1, @NOWHERE;", "label NOWHERE stands nowhere"),
    ],
)
def test_what_is_no_instruction_is_refused(text: str, words: str) -> None:
    with pytest.raises(CompileError, match=words):
        machine_code(text)


def test_shots_and_points_are_loops_and_what_differs_lies_in_data_memory(lab: Lab) -> None:
    body, blobs = body_of(qctl.compile(rabi(9), lab, shots=5))
    lines = body.program.splitlines()
    assert "regwi 0, $14, 4;" in lines and "SHOTS: regwi 0, $15, 8;" in lines
    assert (
        sum(line.startswith(("set ", "seti ")) for line in lines) == 5
    )  # carrier anew, drive, readout, trigger's edges
    gains = blobs[body.data]
    assert len(gains) == 9 and list(gains) == [-x for x in gains[::-1]] and gains[4] == 0
    longer, _ = body_of(qctl.compile(rabi(1000), lab, shots=5))
    assert len(longer.program.splitlines()) == len(lines)
    found = settings_of(body, blobs)
    assert found["dmem"] == {"address": 2, "words": gains.tolist()} and found["waves"] == []


def test_points_that_data_memory_has_no_room_for_stand_one_after_the_other(lab: Lab) -> None:
    full = changed(lab, lambda s: s["tprocs"][0].update(dmem_size=2 + 9))
    ready = qctl.compile(rabi(9), full, shots=2)
    assert "POINTS" in body_of(ready)[0].program and used(ready, "table entries") == 11
    less = changed(lab, lambda s: s["tprocs"][0].update(dmem_size=2 + 8))
    text = body_of(qctl.compile(rabi(9), less, shots=2))[0].program
    assert "POINTS" not in text and text.count("synci") == 1 + 9


def test_program_memory_that_is_full_passes_and_one_less_cuts_or_refuses(lab: Lab) -> None:
    def train(n: int) -> qctl.Program:
        p = qctl.Program(["q0.drive"])
        for k in range(n):
            p.play("q0.drive", qctl.gaussian(20.92e-9, amp=0.002 * (k + 1)))
            p.delay("q0.drive", 100e-9)
        return p

    p = train(40)
    n = used(qctl.compile(p, lab, shots=1), "instructions")
    full, less = (changed(lab, lambda s, size=size: s["tprocs"][0].update(pmem_size=size)) for size in (n, n - 1))
    body, _ = body_of(qctl.compile(p, full, shots=1))
    assert len(body.program.splitlines()) == len(machine_code(body.program)) == n
    with pytest.raises(CompileError, match=rf"needs {n} instructions of board0 \(qick-tproc-v1\), which has {n - 1}"):
        qctl.compile(p, less, shots=1)
    more = changed(lab, lambda s: s["tprocs"][0].update(pmem_size=n + 5))
    assert len(qctl.compile([p, train(39)], more, shots=1).lowered.batches) == 2


def test_a_period_over_an_immediate_is_refused(lab: Lab) -> None:
    def after(ticks: int) -> qctl.Ready:
        p = qctl.Program(["q1.flux"])
        p.delay("q1.flux", ticks / 430.08e6)
        p.play("q1.flux", qctl.constant(20.92e-9, 0.1))
        return qctl.compile(p, lab, shots=1)

    body, _ = body_of(after(2**30 - 400))
    assert machine_code(body.program).size
    with pytest.raises(TimingError, match=r"a shot of 2\.497 s on board0 is over 2\*\*30 ticks"):
        after(2**30)


def test_at_the_limit_it_passes_and_one_more_is_refused(lab: Lab) -> None:
    def long(cycles: int, amp: float = 0.1) -> qctl.Ready:
        p = qctl.Program(["q0.drive"])
        p.play("q0.drive", qctl.constant(cycles / 430.08e6, amp))
        return qctl.compile(p, lab, shots=1)

    for cycles in (3, 65_535):
        assert machine_code(body_of(long(cycles, 0.4))[0].program).size
    for cycles in (2, 65_536):
        with pytest.raises(CompileError, match=rf"q0\.drive.*{cycles}|{cycles}.*q0\.drive"):
            long(cycles)
    with pytest.raises(CompileError, match=r"over what it reaches, 0\.4 V"):
        long(9, 0.40013)


def test_events_of_a_channel_that_its_queue_can_t_take_in_time_are_refused(lab: Lab) -> None:
    def dense(n: int) -> qctl.Ready:
        p = qctl.Program(["q0.drive"])
        for k in range(n):
            p.play("q0.drive", qctl.constant(4 / 430.08e6, 0.001 * (k + 1)))
        return qctl.compile(p, lab, shots=1)

    assert machine_code(body_of(dense(15))[0].program).size
    with pytest.raises(TimingError, match=r"event \d+ of point 0 on board0 is due at .* leave more time before it"):
        dense(60)


def test_what_is_not_compiled_for_is_refused_by_name(lab: Lab) -> None:
    interpolated = changed(lab, lambda s: s["gens"][0].update(type="axis_sg_int4_v1"))
    with pytest.raises(CompileError, match="output 1 of board0: a axis_sg_int4_v1 behind a tProcessor v1 is not comp"):
        qctl.compile(rabi(2), interpolated, shots=1)
    shared = changed(lab, lambda s: s["gens"][0].update(tmux_ch=1))
    with pytest.raises(CompileError, match="output 1 of board0: it shares a channel of the tProcessor"):
        qctl.compile(rabi(2), shared, shots=1)
    steered = changed(lab, lambda s: s["readouts"][0].update(tproc_ctrl=7))
    with pytest.raises(CompileError, match="input 1 of board0: its frequency is set by the tProcessor v1"):
        qctl.compile(rabi(2), steered, shots=1)


def test_a_board_of_the_other_version_is_refused(lab: Lab) -> None:
    board0 = msgspec.structs.replace(lab.instruments["board0"], model="qick-tproc-v2")
    other = msgspec.structs.replace(lab, instruments={"board0": board0})
    with pytest.raises(
        VersionError, match=r'tProcessor v1, and lab\.toml says qick-tproc-v2: write model = "qick-tpro'
    ):
        qctl.compile(rabi(2), other, shots=1)


def test_emit_qick_writes_its_assembly_and_data_memory(tmp_path: Path) -> None:
    source = tmp_path / "bell.qasm"
    source.write_text(
        'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[2] q;\nbit[2] c;\nx q[0];\nc = measure q;\n', "utf-8"
    )
    with pytest.raises(SystemExit) as ended:
        main(["compile", str(source), "--target", "qpu0", "--emit", "qick", "--out", str(tmp_path), "--lab", str(LAB)])
    assert not ended.value.code
    (text,) = tmp_path.glob("*.asm")
    assert machine_code(text.read_text("ascii")).size and "loopnz 0, $14, @SHOTS;" in text.read_text("ascii")
    (settings,) = tmp_path.glob("*.settings.json")
    assert json.loads(settings.read_text("utf-8"))["dmem"]["address"] == 2
