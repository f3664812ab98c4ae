"""Plays by what other boxes measured, by a PQSC, held to the vendor's compiler, schema, simulator and latencies.

The simulator plays every word; the vendor's model of latencies says whether entries are looked up in time.
"""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from zhinst.timing_models import (
    PQSCMode,
    QAType,
    QCCSFeedbackModel,
    SGType,
    TriggerSource,
    get_feedback_system_description,
)
from zurich import compiled, play_core, schema

import qctl
from qctl.instruments.zurich.body import ZurichBody
from qctl.instruments.zurich_pqsc.body import PqscBody
from qctl.lowering import compile

LAB = Path(__file__).parents[2] / "docs" / "examples" / "zurich2-pqsc.toml"
GENERATORS = {"zurich-hdawg": SGType.HDAWG, "zurich-shfsg": SGType.SHFSG}
AHEAD = 3
"""Cycles from an entry's look to its play, as LabOne Q's simulator has it."""


def model_of(box):
    """Return the vendor's model of latencies by register forwarding."""
    description = get_feedback_system_description(
        generator_type=GENERATORS[box],
        analyzer_type=QAType.SHFQA,
        pqsc_mode=PQSCMode.REGISTER_FORWARD,
        trigger_source=TriggerSource.ZSYNC,
    )
    return QCCSFeedbackModel(description)


def program():
    """Return a circuit in which drives and a flux pulse depend on results, of one round and of two."""
    c = qctl.Circuit(2, 4)
    c.x(0)
    c.measure(0, 0)
    with c.if_(0):
        c.x(1)
        c.cz(0, 1)
    c.measure(0, 1)
    with c.if_([0, 1], 1):
        c.x(0)
    c.measure(0, 2)
    c.measure(1, 3)
    return c


def found_of(programs, shots=3):
    """Return the bodies of all boxes with their reports, and what the PQSC sends."""
    ready = compile(programs, LAB, shots=shots, averaged=False)
    (hub,) = (one for one in ready.lowered.batches[0].programs if one.model == "zurich-pqsc")
    others = [one for one in ready.lowered.batches[0].programs if one.model.startswith("zurich-") and one is not hub]
    return [(ZurichBody.from_bytes(one.body), one) for one in others], PqscBody.from_bytes(hub.body)


@pytest.mark.parametrize("points", [1, 3])
def test_programs_of_all_boxes_are_compiled(points):
    looks = set()
    for body, one in found_of([program()] * points)[0]:
        used = {row.resource: row.used for row in one.usage}
        device = {"zurich-hdawg": "HDAWG8", "zurich-shfsg": "SHFSG8", "zurich-shfqa": "SHFQA4"}[one.model]
        options = {"samplerate": 2.0e9} if one.model == "zurich-hdawg" else {}
        counts = [compiled(s.program, device, **options).n_instructions for s in body.sequencers]
        assert max(counts) <= used.get("instructions", used.get("readout instructions", 0))
        assert body.readouts or max(counts) == used["instructions"]
        for core in body.cores:
            kind = "hdawg" if one.model == "zurich-hdawg" else "shfsg"
            assert not list(schema(kind).iter_errors(json.loads(core.command_table)))
            if "executeTableEntry(ZSYNC_DATA_PROCESSED_A" in core.program:
                looks.add(core.ports[0])
        assert all(s.program.count("waitZSyncTrigger();") == 1 for s in body.sequencers)
    assert looks == {"q0.drive", "q1.drive", "q1.flux"}


def test_what_is_played_for_each_word_is_what_the_circuit_says():
    """A message is put together as zhinst-toolkit's example says: pairs of bits, each a register and an index in it."""
    bodies, hub = found_of(program())
    (reads,) = (body.readouts[0] for body, _ in bodies if body.readouts)
    integrator = {k.slot: k.index for k in reads.integrators}
    starts = [int(r) for r in re.findall(r"startQA\([^,]*,[^,]*,0,(\d+),0\)", reads.program)]
    assert len(starts) == 3 and len(set(starts)) == 3  # both rounds are kept, and what decides nothing is elsewhere
    registers = {"c[0]": starts[0], "c[1]": starts[1]}
    pairs = {link.device: link.pairs for link in hub.links}
    areas, times = {}, {}
    for bits in product((0, 1), repeat=2):
        bank = dict.fromkeys(range(32), 0)
        for slot, bit in zip(("c[0]", "c[1]"), bits, strict=True):
            bank[registers[slot]] |= bit << integrator[slot]
        for body, one in bodies:
            device = {"sg0": "dev12002", "hd0": "dev8001"}.get(one.instrument)
            word = sum((bank[r] >> 2 * k & 3) << 2 * n for n, (r, k) in enumerate(pairs.get(device, ())))
            for core in body.cores:
                kind = "HDAWG" if one.model == "zurich-hdawg" else "SHFSG"
                played = play_core(core, one.blobs, kind, 2e9, word)
                channels = [0, 1] if core.modulated else [core.outputs[0] - 1]
                areas[core.ports[0], bits] = np.abs(played.wave(0, body.period_samples, channels)).sum()
                times.setdefault(core.ports[0], []).append(played.starts)
    assert all(one == found[0] for found in times.values() for one in found)
    half = areas["q0.drive", (0, 0)] / 2
    for first, second in product((0, 1), repeat=2):
        assert areas["q0.drive", (first, second)] / half == pytest.approx(2 + 2 * (first and not second), abs=0.01)
        assert areas["q1.drive", (first, second)] / half == pytest.approx(
            first * areas["q1.drive", (1, 0)] / half, abs=0.01
        )
        assert (areas["q1.flux", (first, second)] > 1) == bool(first)


@pytest.mark.parametrize("box", GENERATORS)
def test_entries_look_when_the_vendor_says_that_the_message_is_there(box):
    """In each of the shots, whatever its time after the trigger: the model's latency goes in steps with it."""
    shots = 40
    bodies, _ = found_of(program(), shots)
    (reader,) = (body for body, _ in bodies if body.readouts)
    reads, period, model = reader.readouts[0], reader.period_samples, model_of(box)
    text = reads.program.split("repeat", 1)[1]
    at, last, ends = 0, 0, []
    for zero, start in re.findall(r"playZero\((\d+)\);|(startQA)", text):
        if start:
            ends.append(last + reads.delay_samples + reads.length_samples)
        else:
            last, at = at, at + int(zero)
    looks = 0
    for body, one in bodies:
        for core in body.cores if one.model == box else ():
            for cycle in map(int, re.findall(r"executeTableEntry\(ZSYNC_DATA_PROCESSED_A, t \+ (\d+)\)", core.program)):
                decided = max(end for end in ends if end < 8 * cycle)
                for shot in range(shots):
                    trigger = shot * period
                    assert trigger // 8 + cycle >= model.get_latency(trigger + decided)
                    looks += 1
    assert looks >= shots


@pytest.mark.parametrize("box", GENERATORS)
def test_bound_of_the_latency_is_the_most_that_the_vendor_has(box):
    from qctl.instruments.zurich.hub import KNOWN

    model = model_of(box)
    assert max(model.get_latency(samples) * 8 - samples for samples in range(20, 5_000)) == KNOWN[box]
