"""Plays by measured bits inside an SHFQC: what looks at which bits of the bus, and when; what it can't is refused."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import qctl
from qctl.errors import CompileError
from qctl.instruments.zurich.body import ZurichBody
from qctl.instruments.zurich.results import thresholds_of
from qctl.lowering import compile

LAB = "docs/examples/zurich2.toml"


def reset_of(*qubits, n_bits=2):
    c = qctl.Circuit(2, n_bits)
    for q in qubits:
        c.x(q)
        c.measure(q, 0)
        with c.if_(0):
            c.x(q)
        c.measure(q, 1)
    return c


def cores_of(program, lab=LAB, shots=10):
    ready = compile(program, lab, shots=shots, averaged=False)
    (found,) = (one for one in ready.lowered.batches[0].programs if one.model == "zurich-shfqc")
    return ZurichBody.from_bytes(found.body), found


def test_pieces_look_at_the_bit_of_the_integrator_that_measured():
    body, _ = cores_of([reset_of(0), reset_of(1)])
    integrators = {(k.port, k.slot): k for k in body.readouts[0].integrators}
    for core, port in zip(body.cores, ("q0.readout", "q1.readout"), strict=True):
        (shift,) = set(re.findall(r"configureFeedbackProcessing\(QA_DATA_PROCESSED,(\d+),1,", core.program))
        assert int(shift) == 2 * integrators[port, "c[0]"].index
        assert integrators[port, "c[0]"].threshold_v is not None and integrators[port, "c[1]"].threshold_v is None


def test_rows_of_the_table_stand_one_after_the_other_and_play_equally_long():
    body, _ = cores_of(reset_of(0))
    core = body.cores[0]
    rows = {row["index"]: row for row in json.loads(core.command_table)["table"]}
    lengths = {w.index: w.n_samples for w in core.waveforms}
    assert sorted(rows) == list(range(len(rows)))
    for n_bits, offset in re.findall(r"configureFeedbackProcessing\(QA_DATA_PROCESSED,\d+,(\d+),(\d+)\)", core.program):
        found = [rows[int(offset) + k] for k in range(1 << int(n_bits))]
        assert len({lengths[row["waveform"]["index"]] for row in found}) == 1
        assert [row["amplitude00"]["value"] != 0 for row in found] == [False, True]


def test_thresholds_are_sums_of_weighted_volts():
    body, found = cores_of(reset_of(0))
    (readout,) = body.readouts
    norms = {(0, k.index): 100.0 for k in readout.integrators}
    (one,) = [k for k in readout.integrators if k.threshold_v is not None]
    assert thresholds_of(readout, norms) == [
        (f"qachannels/0/readout/discriminators/{one.index}/threshold", 100.0 * one.threshold_v)
    ]
    assert np.abs(found.blobs[one.digest]).max() <= 1.0 + 1e-12


def test_a_measurement_right_behind_another_is_told_to_begin_on_the_grid():
    c = qctl.Circuit(2, 2)
    c.measure(0, 0)
    c.measure(0, 1)
    with pytest.raises(CompileError, match=r"begins 2200 samples into a readout that is not over; begin it with that"):
        compile(c, LAB, shots=1)
