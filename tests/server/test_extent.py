"""A program that is too large for the pool is refused before it is compiled, and one that fits is not."""

from pathlib import Path

import numpy as np
import pytest

import qctl
from qctl.compiler.pipeline import compile_program
from qctl.errors import CompileError
from qctl.lab import load_lab
from qctl.lowering import lower
from qctl.program.timeline import CAPTURE, PLAY
from qctl.server import extent
from qctl.server.extent import refuse_if_too_large
from qctl.server.prepare import PrepareRequest, prepare

LAB = Path(__file__).parents[1] / "support" / "transmon5.toml"


@pytest.fixture(scope="module")
def lab():
    return load_lab(LAB)


def nested(n_points, *, joint=True, length_s=40e-9):
    """Return three nested sweeps; where they aren't joint, each one changes a line of its own."""
    p = qctl.Program(ports=["q0.drive", "q1.drive", "q2.drive"], qubits=["q0"], bits=1)
    with (
        p.sweep("a", np.linspace(0.01, 0.1, n_points)) as a,
        p.sweep("b", np.linspace(0.01, 0.1, n_points)) as b,
        p.sweep("c", np.linspace(0.01, 0.1, n_points)) as c,
    ):
        for port, amp in (("q0.drive", a + b * 0.3713 + c * 0.2291 if joint else a), ("q1.drive", b), ("q2.drive", c)):
            p.play(port, qctl.gaussian(length_s, amp=amp))
        p.barrier()
        p.measure("q0", 0)
    return p


def test_three_nested_sweeps_are_refused_with_need_bound_and_remedy(lab):
    with pytest.raises(
        CompileError, match=r"too large to prepare: 8000000 points of 4 plays .* need about .* GiB"
    ) as at:
        refuse_if_too_large(nested(200), lab, None)
    found = at.value
    assert "there are 4 GiB and 300 s. Sweep fewer values, or send the outermost sweep as several jobs" in found.message
    assert found.details["points"] == 8_000_000
    assert found.details["bytes"] > found.details["bound_bytes"] == 4 << 30


def test_job_that_is_too_large_is_refused_by_prepare(tmp_path):
    content = nested(1000).to_bytes()
    request = PrepareRequest((("qis", content),), LAB.read_text(), "qpu0", None, 100, None, 1, None, tmp_path)
    with pytest.raises(CompileError, match="has 1000 x 1000 x 1000 = 1000000000 points, which is over 10000000; sweep"):
        prepare(request)


def test_estimate_is_what_a_sweep_really_needs(lab, monkeypatch):
    """The estimate of a sweep that can be lowered is near the bytes of its waveforms."""
    program = nested(10, length_s=400e-9)
    timeline = compile_program(program, lab).timeline
    lowered = lower(timeline, lab, n_shots=1)
    n_bytes = sum(w.nbytes for batch in lowered.batches for one in batch.programs for w in one.blobs.values())
    for name, value in (("_FEW_POINTS", 10), ("_POINT_BYTES", 0), ("MOST_BYTES", n_bytes), ("_MARGIN", 0.6)):
        monkeypatch.setattr(extent, name, value)
    with pytest.raises(CompileError) as found:
        refuse_if_too_large(program, lab, None)
    tables = 2 * 1000 * (4 * PLAY.itemsize + CAPTURE.itemsize)
    assert 0.8 < found.value.details["bytes"] / (n_bytes + tables) < 1.2


def test_sweeps_that_change_one_line_each_need_few_waveforms(lab):
    """A million points of 4 microseconds each on three lines, but only 100 values on each of them."""
    refuse_if_too_large(nested(100, joint=False, length_s=4e-6), lab, None)
    with pytest.raises(CompileError, match="too large"):
        refuse_if_too_large(nested(100, length_s=4e-6), lab, None)


def test_named_loops_count_as_points(lab):
    p = qctl.Program(ports=["q0.drive"], qubits=["q0"], bits=1)
    with p.loop(10**9, "again"):
        p.play("q0.drive", qctl.constant(1e-8, 0.1))
        p.measure("q0", 0)
    with pytest.raises(CompileError, match="has 1000000000 = 1000000000 points"):
        refuse_if_too_large(p, lab, None)
