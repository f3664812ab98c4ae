"""Experiments for an ARTIQ crate: a lab, what they are read from, and their pulses held against what was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import qctl
from qctl.instruments.ions.body import ArtiqBody
from qctl.instruments.ions.events import FIRST_LINE
from qctl.lab import Lab, parse_lab
from qctl.lowering import Ready

_LAB = Path(__file__).parent / "ions4.toml"


class Pulse(NamedTuple):
    """One synthesiser's, from switch to switch in ns: its words, and when its phase counts from."""

    chip: int
    on: int
    off: int
    ftw: int
    pow_: float
    asf: int
    zero: int


def crate(settle_s: float = 9e-6) -> Lab:
    """Return a lab of four ions on a crate."""
    text = _LAB.read_text().replace('model = "qctl-sequencer"', 'model = "artiq-crate"')
    return parse_lab(text.replace('purpose = "raman"', f'purpose = "raman"\nsettle_s = {settle_s}'))


def bell() -> qctl.Circuit:
    """Return a circuit of two ions."""
    circuit = qctl.Circuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


def line() -> qctl.Program:
    """Return a program that switches a TTL line for 3 us."""
    program = qctl.Program(["cool.ttl"], ["i0"], ["i0"])
    program.ttl("cool.ttl", 1)
    program.delay("cool.ttl", 3e-6)
    program.ttl("cool.ttl", 0)
    program.barrier()
    program.measure("i0", "i0")
    return program


def body_of(ready: Ready) -> ArtiqBody:
    """Return the experiment that was compiled."""
    (program,) = ready.lowered.batches[0].programs
    return ArtiqBody.from_bytes(program.body)


def tones(ready: Ready, lab: Lab, point: int) -> np.ndarray:
    """Return the plays of a point that synthesisers play."""
    plays = ready.timeline.plays[point]
    outputs = [lab.port(ready.timeline.ports[k].name).outputs[0].output for k in plays["port"]]
    return plays[np.array(outputs, int) < FIRST_LINE]


def check_pulses(found: Sequence[Pulse], ready: Ready, lab: Lab, point: int = 0, loose_steps: int = 0) -> None:
    """Hold the pulses of one shot of a point against the timeline: times to the tick, words, phases at both ends.

    Phases are within half a step of their words, and `loose_steps` more.
    """
    plays = tones(ready, lab, point)
    lengths = [round(float(ready.timeline.waveforms[w].duration_s) * 1e9) for w in plays["waveform"]]  # type: ignore[arg-type]
    todo = list(range(len(plays)))
    for pulse in sorted(found, key=lambda p: (p.on, p.off, p.chip)):
        on, off, f_hz = pulse.on - pulse.zero, pulse.off - pulse.zero, pulse.ftw * 1e9 / 2**32
        k = next(
            k for k in todo
            if plays["start"][k] == on and lengths[k] == off - on and abs(plays["frequency_hz"][k] - f_hz) < 0.12
            and lab.port(ready.timeline.ports[plays["port"][k]].name).outputs[0].output == pulse.chip // 2 + 1
        )  # fmt: skip
        todo.remove(k)
        for at in (on, off):
            is_turns = pulse.ftw * at / 2**32 + pulse.pow_ / 2**16
            wanted = plays["frequency_hz"][k] * at * 1e-9 - plays["phase_rad"][k] / 2 / np.pi
            away = (is_turns - wanted + 0.5) % 1 - 0.5
            assert abs(away) < (0.5 + loose_steps) / 2**16 + 0.12e-9 * (off - on) + 1e-6
        assert pulse.asf / (2**14 - 1) == pytest.approx(plays["amplitude"][k] / 0.5, abs=0.5 / 2**14)
    assert not todo
