"""Pulses that touch, of lengths that no clock holds: every rack plays each sample once, as judges hear it."""

from fractions import Fraction
from importlib import import_module
from itertools import pairwise

import numpy as np
import pytest
from ideal import Event, exact, nearest, signal
from programs import Shape
from targets import TARGETS, frames_of

import qctl
from qctl.errors import CompileError

RACKS = [t for t in TARGETS if t.platform == "transmon" and t.name.partition("-")[0] not in ("qick", "qm")]
LENGTHS_S = (20.3e-9, 40.7e-9, 33.35e-9, 20.3e-9, 57.1e-9)


def shape_of(kind, length_s):
    params = {"drag": (length_s / 4, 0.05 * length_s), "flat_top": (length_s / 4,), "constant": ()}[kind]
    return Shape(kind, length_s, params)


def pulse_of(shape, amp_v):
    return getattr(qctl, shape.kind)(shape.length_s, amp_v, *shape.params)


@pytest.mark.parametrize("port", ["q1.flux", "q0.drive"])
@pytest.mark.parametrize(("kind", "part"), [("constant", 0.999), ("drag", 0.4), ("flat_top", 0.7)])
@pytest.mark.parametrize("target", RACKS, ids=lambda target: target.name)
def test_touching_pulses_are_the_ideal_waveform_at_the_box_s_own_samples(target, kind, part, port, tmp_path):
    lab, amp_v = target.lab(), part * target.full_v[port]
    frames = frames_of(lab)
    hz = exact(frames.hz[port]) - exact(frames.lo_hz.get(port, 0.0))
    p, at, events = qctl.Program(ports=[port]), Fraction(0), []
    for length_s in LENGTHS_S:
        shape = shape_of(kind, length_s)
        p.play(port, pulse_of(shape, amp_v))
        events.append(Event(port, at, shape, amp_v, hz, 0.0))
        at += exact(length_s)
    ready = qctl.compile(p, lab, shots=1)
    heard = import_module(target.hear).hear(ready, lab, tmp_path)
    (line,) = [one for one in heard.lines if port in one.ports]
    rate_hz = line.rate_hz
    ends = [nearest(event.start * rate_hz) for event in events] + [nearest(at * rate_hz)]
    want = np.concatenate(
        [
            signal(event, begin / rate_hz, end - begin, rate_hz, line.carries)
            for event, (begin, end) in zip(events, pairwise(ends), strict=True)
        ]
    )
    got = np.zeros(len(want) + 4096, complex)
    for stretch in line.stretches:
        first = int(stretch.start * rate_hz)
        kept = stretch.samples[: max(len(got) - first, 0)]
        got[first : first + len(kept)] += kept
    off = got - np.concatenate([want / line.lsb_v, np.zeros(4096)])
    bound = (2.0 if line.loose else 1.0) + 1e-6
    assert max(np.abs(off.real).max(), np.abs(off.imag).max()) <= bound


@pytest.mark.parametrize("name", ["qick", "qick-v1", "qm-opx"])
def test_boxes_that_count_lengths_in_cycles_refuse_what_would_come_late(name):
    """Each pulse fills its last cycle, so that a sequence gets later and later: a tick is forgiven, not more."""
    target = next(t for t in TARGETS if t.name == name)
    p = qctl.Program(ports=["q1.flux"])
    for _ in range(40):
        p.play("q1.flux", qctl.drag(20.3e-9, 0.1, 5e-9, 1e-9))
    with pytest.raises(CompileError, match=r"lengths? (are|of) whole cycles"):
        qctl.compile(p, target.lab(), shots=1)
