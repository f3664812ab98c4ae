"""The emulated register plays sequences as Pulser's simulation does: every population within 1e-3.

Where drives begin, change or end at once, Pulser goes from one value to the other within a nanosecond, and the register
does not; pulses here are smooth, or begin and end where that is less than the bound.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pulser
import pulser_judge as judge
import pytest
from pulser.waveforms import BlackmanWaveform, CompositeWaveform, ConstantWaveform, RampWaveform
from test_pulser import body_of, few

import qctl
from qctl.hil.instruments.atom_register.sequence import read_sequence
from qctl.hil.physics.atom_parameters import AtomArray
from qctl.hil.physics.atom_register import evolved
from qctl.instruments.atoms.body import PulserBody
from qctl.lab import Lab, parse_lab
from qctl.lowering import compile as compile_programs

C6 = 5.42015853e-24
TOLERANCE = 1e-3


def played(text: bytes, variables: dict[str, list[float]], letters: str) -> np.ndarray:
    """Return the register's populations, the first atom slowest; `letters` are an atom's levels in Pulser's order."""
    sequence = read_sequence(text)
    parts = evolved(AtomArray(C6), sequence.positions_m, sequence.play(variables).channels)
    whole, order = np.ones(()), []
    for one in parts:
        names = [*reversed(one.cluster.names)]
        full = np.zeros((len(letters),) * len(names))
        full[np.ix_(*[[letters.index(c) for c in name] for name in names])] = one.still.reshape([*map(len, names)])
        whole = np.multiply.outer(whole, full)
        order += [*reversed(one.cluster.atoms.tolist())]
    return np.transpose(whole, [order.index(a) for a in range(len(order))]).ravel()


def compare(body: PulserBody, point: int, letters: str = "rg", tolerance: float = TOLERANCE) -> np.ndarray:
    """Check a point of a body against Pulser, and return its populations."""
    one = next(one for one in body.sequences if point in one.points)
    k = one.points.index(point)
    found = played(one.text.encode(), {name: [column[k]] for name, column in one.variables.items()}, letters)
    wanted = np.abs(judge.state(judge.built(one, point))) ** 2
    assert np.abs(found - wanted).max() < tolerance
    return found


def program(n: int, ports: list[str] | None = None) -> qctl.Program:
    return qctl.Program(ports=ports or [], qubits=[f"a{k}" for k in range(n)], bits=[f"m{k}" for k in range(n)])


def line(n: int, apart_m: float = 6e-6) -> Lab:
    """Return a lab with a chain of atoms."""
    text = (Path(__file__).parents[1] / "support" / "atoms9.toml").read_text()
    names = [f"a{k}" for k in range(n)]
    kept = []
    for block in re.split(r"\n(?=\[)", text):
        found = re.match(r'\[processors\.array0\.(?:qubit\.(\w+)|coupler\.")', block)
        if found and found.group(1) not in names:
            continue
        if found:
            place = names.index(found.group(1))
            block = re.sub(r"position_m = \[.*\]", f"position_m = [{place * apart_m}, 0.0, 0.0]", block)
        kept.append(re.sub(r"qubits = \[.*?\]", f"qubits = {names}".replace("'", '"'), block))
    return parse_lab("\n".join(kept))


def test_pair_is_blockaded() -> None:
    p = program(2, ["rydberg.drive"])
    with p.sweep("amp", [0.05, 0.1, 0.15]) as amp:
        p.set_frequency("rydberg.drive", 1e5)
        p.play("rydberg.drive", qctl.gaussian(800e-9, amp=amp))
        p.measure(0, 0)
    body = body_of(compile_programs(p, few(2)))
    found = [compare(body, k) for k in range(3)]
    assert max(one[0] for one in found) < 0.01 < max(one[1] for one in found)


def swept(n: int, n_steps: int, length_s: float, most_hz: float, span_hz: float) -> qctl.Program:
    """Return an adiabatic sweep in steps: the drive rises and falls, the detuning goes from below to above."""
    p = program(n)
    for k in range(n_steps):
        at = (k + 0.5) / n_steps
        p.rydberg(length_s / n_steps, most_hz * np.sin(np.pi * at) ** 2, detuning_hz=span_hz * (2 * at - 1))
    for k in range(n):
        p.measure(k, k)
    return p


def test_chain_is_swept_into_its_ordered_state() -> None:
    body = body_of(compile_programs(swept(7, 100, 3.2e-6, 1.5e6, 5e6), line(7)))
    found = compare(body, 0).reshape((2,) * 7)
    assert found[0, 1, 0, 1, 0, 1, 0] > 0.5


def test_nine_atoms_on_a_square_grid() -> None:
    p = program(9, ["rydberg.drive"])
    p.set_frequency("rydberg.drive", 4e5)
    p.play("rydberg.drive", qctl.gaussian(1200e-9, amp=0.12))
    p.measure(0, 0)
    compare(body_of(compile_programs(p, few(9))), 0)


def test_local_pulses_of_gates() -> None:
    """Square pulses as gates have them: half a nanosecond of 2 pi * 2.5 MHz is 0.008 rad."""
    p = program(2)
    p.sx(0)
    p.barrier()
    p.rydberg(2e-7, 1e6, qubits=[0])
    p.rydberg(2.4e-7, 0.8e6, detuning_hz=2e5, qubits=[1])
    p.measure(0, 0)
    compare(body_of(compile_programs(p, few(2))), 0, "rgh", 4e-3)


def test_smooth_local_pulses_that_pulser_wrote() -> None:
    """Atom q is brought half to the other hyperfine level, then both are excited, one after the other."""
    register = pulser.Register({"p": (0.0, 0.0), "q": (5.5, 0.0)})
    sequence = pulser.Sequence(register, pulser.DigitalAnalogDevice.to_virtual())
    sequence.declare_channel("up", "rydberg_local", initial_target="p")
    sequence.declare_channel("turn", "raman_local", initial_target="q")
    sequence.add(pulser.Pulse.ConstantDetuning(BlackmanWaveform(600, np.pi / 2), 0.0, 0.3), "turn", "no-delay")
    sequence.delay(600, "up")
    sequence.add(pulser.Pulse.ConstantDetuning(BlackmanWaveform(600, 2.0), 0.4, 0.1), "up", "no-delay")
    sequence.target("q", "up")
    sequence.add(pulser.Pulse.ConstantDetuning(BlackmanWaveform(400, 2.6), -0.3, 1.0), "up", "no-delay")
    sequence.target("p", "turn")
    sequence.add(pulser.Pulse.ConstantDetuning(BlackmanWaveform(400, 0.7), 0.2, 0.0), "turn", "no-delay")
    sequence.measure("ground-rydberg")
    found = played(sequence.to_abstract_repr().encode(), {}, "rgh")
    assert np.abs(found - np.abs(judge.state(sequence)) ** 2).max() < TOLERANCE


@pytest.mark.parametrize("shape", ["blackman", "ramp", "composite"])
def test_sequences_that_pulser_wrote(shape: str) -> None:
    register = pulser.Register({"p": (0.0, 0.0), "q": (5.0, 0.0), "s": (0.0, 6.0)})
    sequence = pulser.Sequence(register, pulser.MockDevice)
    sequence.declare_channel("all", "rydberg_global")
    shapes = {
        "blackman": (BlackmanWaveform(800, np.pi), ConstantWaveform(800, 1.0)),
        "ramp": (CompositeWaveform(RampWaveform(400, 0.0, 8.0), RampWaveform(400, 8.0, 0.0)), RampWaveform(800, -9, 9)),
        "composite": (
            CompositeWaveform(BlackmanWaveform(300, 2.0), ConstantWaveform(100, 0.0), BlackmanWaveform(400, 1.0)),
            RampWaveform(800, 0.0, 3.0),
        ),
    }
    sequence.add(pulser.Pulse(*shapes[shape], phase=0.4, post_phase_shift=0.3), "all")
    sequence.delay(60, "all")
    sequence.add(pulser.Pulse.ConstantDetuning(BlackmanWaveform(400, 1.5), 0.5, 0.1), "all")
    sequence.measure("ground-rydberg")
    text = sequence.to_abstract_repr().encode()
    found = played(text, {}, "rg")
    assert np.abs(found - np.abs(judge.state(sequence)) ** 2).max() < TOLERANCE
