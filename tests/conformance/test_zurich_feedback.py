"""Plays by measured bits on an SHFQC: taken by the vendor's compiler and schema, and played by LabOne Q's simulator."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from zurich import compiled, play_core, schema

import qctl
from qctl.errors import CompileError
from qctl.instruments.zurich.body import ZurichBody
from qctl.lowering import compile

LAB = Path(__file__).parents[2] / "docs" / "examples" / "zurich2.toml"


def program():
    """Return a circuit with arms of one qubit and of another one, of two results, and of a phase."""
    c = qctl.Circuit(2, 5)
    c.h(0)
    c.measure(0, 0)
    with c.if_(0):
        c.x(0)
    with c.else_():
        c.sx(1)
    c.z(1)
    c.sx(1)
    c.measure(0, 1)
    c.measure(1, 2)
    with c.if_([1, 2], 2):
        c.x(0)
        c.z(1)
    c.sx(1)
    c.measure(0, 3)
    c.measure(1, 4)
    return c


def body_of(ready):
    """Return what the SHFQC plays, with its report."""
    (found,) = (one for one in ready.lowered.batches[0].programs if one.model == "zurich-shfqc")
    return ZurichBody.from_bytes(found.body), {row.resource: row.used for row in found.usage}, found


@pytest.mark.parametrize("averaged", [False, True])
@pytest.mark.parametrize("points", [1, 3])
def test_conditional_plays_are_compiled(averaged, points):
    body, used, _ = body_of(compile([program()] * points, LAB, shots=100, averaged=averaged))
    counts = []
    for one in body.cores:
        counts.append(compiled(one.program, "SHFQC", sequencer="sg").n_instructions)
        assert not list(schema("shfsg").iter_errors(json.loads(one.command_table)))
        assert "executeTableEntry(QA_DATA_PROCESSED" in one.program
    assert max(counts) == used["instructions"]


def test_each_word_has_its_pulses_and_their_entries_look_in_time():
    """What is played has, for each word, as much pulse in it as the circuit says; times never move."""
    body, _, found = body_of(compile(program(), LAB, shots=3, averaged=False))
    integrator = {k.slot: k.index for k in body.readouts[0].integrators}
    for core in body.cores:
        starts, areas = [], {}
        for bits in product((0, 1), repeat=3):
            word = sum(bit << 2 * integrator[f"c[{k}]"] for k, bit in enumerate(bits))
            played = play_core(core, found.blobs, "SHFSG", 2e9, word)
            starts.append(played.starts)
            areas[bits] = np.abs(played.wave(0, body.period_samples, [0, 1])).sum()
        assert all(times == starts[0] for times in starts)
        one = areas[0, 0, 0] if core.ports == ("q0.drive",) else areas[0, 0, 0] / 3
        for (first, second, third), area in areas.items():
            # On q0 one pulse of h and two of each x; on q1 two of always, and one of the first else.
            both = 2 * first + 2 * (second == 0 and third == 1)
            n = 1 + both if core.ports == ("q0.drive",) else 3 - first
            assert area / one == pytest.approx(n, abs=0.01), (core.ports, first, second, third)


def test_results_of_earlier_measurements_are_refused_by_name():
    c = qctl.Circuit(2, 3)
    c.measure(0, 0)
    with c.if_(0):
        c.x(0)
    c.measure(0, 1)
    with c.if_([0, 1], 1):
        c.x(0)
    c.measure(0, 2)
    with pytest.raises(CompileError, match=r"depends on 'c\[0\]', and something has been measured since"):
        compile(c, LAB, shots=3)


def test_flux_pulses_of_another_box_are_refused_by_name():
    c = qctl.Circuit(2, 2)
    c.measure(0, 0)
    with c.if_(0):
        c.cz(0, 1)
    c.measure(1, 1)
    with pytest.raises(CompileError, match=r"hd0 \(zurich-hdawg\) can't play by measured bits"):
        compile(c, LAB, shots=3)


def test_weights_are_turned_to_where_states_differ():
    body, _, found = body_of(compile(program(), LAB, shots=3, averaged=False))
    deciding = [k for k in body.readouts[0].integrators if k.threshold_v is not None]
    assert {k.slot for k in deciding} == {"c[0]", "c[1]", "c[2]"}
    for k in deciding:
        assert np.isfinite(found.blobs[k.digest]).all()
