"""How long plays last: gates' pulses end where the next ones begin, whichever kernel times them."""

from fractions import Fraction
from math import ceil
from pathlib import Path

import msgspec
import numpy as np
import pytest

import qctl
from qctl.compiler import timing
from qctl.compiler.lasting import clocks_of, fitted, nearest_of
from qctl.compiler.pipeline import compile_program
from qctl.lab import load_lab
from qctl.program.sampling import envelope_samples
from qctl.program.timeline import PLAY

ROOT = Path(__file__).parents[2]


def ragged():
    """Return a lab whose gates last no whole number of its clocks' ticks."""
    lab = load_lab(ROOT / "tests" / "support" / "transmon5.toml")
    edit, (design,) = msgspec.structs.replace, lab.processors.values()
    qubit = {name: edit(one, drive=edit(one.drive, length_s=20.3e-9)) for name, one in design.qubit.items()}
    coupler = {name: edit(one, cz=edit(one.cz, length_s=60.7e-9)) for name, one in design.coupler.items()}
    return edit(lab, processors={design.name: edit(design, qubit=qubit, coupler=coupler)})


def sequences():
    rng, rows, offsets = np.random.default_rng(3), [], [0]
    for _ in range(20):
        for _ in range(int(rng.integers(3, 40))):
            kind, q = rng.choice(["sx", "rz", "cz", "delay"]), int(rng.integers(3))
            rows.append(
                {
                    "sx": (0x109, q, 0.0, 0), "rz": (0x10E, q, float(rng.normal()), 0),
                    "cz": (0x117, q, 0.0, (q + 1) % 3), "delay": (0x00A, q, 13.37e-9, 0),
                }[str(kind)]
            )  # fmt: skip
            if rows[-1][0] == 0x117 and {rows[-1][1], rows[-1][3]} == {0, 2}:
                rows.pop()
        rows += [(8, q, 0.0, 0) for q in range(3)]
        offsets.append(len(rows))
    ops, qubits, angles, second = (np.array([row[k] for row in rows]) for k in range(4))
    return qctl.Sequences(ops, qubits, angles, offsets, second)


def content(straights):
    """Return all plays with their waveforms in the place of numbers."""
    return [(*row[:1], straights.waveforms[row[1]], *row[2:]) for row in straights.plays.tolist()]


def test_both_kernels_give_plays_the_same_lengths(monkeypatch):
    given, lab = sequences(), ragged()
    own, found = timing.gates_played, []
    monkeypatch.setattr(timing, "gates_played", lambda *args: found.append(own(*args)) or found[-1])
    fast = qctl.compile(given, lab, shots=1).straights
    assert {wave.ticks for wave in fast.waveforms} > {None}
    assert len(found) == 1 and found[0] is not None
    counts = np.zeros((len(fast.ports), len(fast.waveforms)), int)
    np.add.at(counts, (fast.plays["port"], fast.plays["waveform"]), 1)
    np.testing.assert_array_equal(found[0].used, counts)
    monkeypatch.setattr(timing, "gates_played", lambda *_: None)
    slow = qctl.compile(given, lab, shots=1).straights
    assert content(fast) == content(slow)


def test_gates_that_follow_each_other_meet_on_every_clock():
    lab = ragged()
    c = qctl.Circuit(1)
    for _ in range(31):
        c.sx(0)
        c.barrier(0)
    c.measure_all()
    straight = compile_program(c, lab).timeline.straight()
    clocks = {k: port.rate_hz for k, port in enumerate(straight.ports)}
    drive = [row for row in straight.plays.tolist() if straight.ports[row[0]].name == "q0.drive"]
    lengths = [len(envelope_samples(straight.waveforms[row[1]], clocks[row[0]])) for row in drive]
    assert len(drive) == 31 and set(lengths) == {24, 25}
    assert [row[2] + n for row, n in zip(drive, lengths, strict=True)][:-1] == [row[2] for row in drive][1:]
    readout = next(row for row in straight.plays.tolist() if straight.ports[row[0]].name == "q0.readout")
    end = Fraction(readout[2]) / clocks[readout[0]]
    exact = [end - k * Fraction("20.3e-9") for k in range(31, 0, -1)]
    assert [row[2] for row in drive] == [ceil(t * clocks[drive[0][0]] - Fraction(1, 2)) for t in exact]


def test_only_a_tick_more_or_less_is_another_waveform():
    """Lengths beyond what is timed wrap around; they are refused when they are sampled."""
    wave, rate = qctl.constant(20.3e-9, 1.0), Fraction(10**9)
    plays = np.zeros(5, PLAY)
    clocks = clocks_of((rate,))
    found, counts = fitted(
        plays, np.array([20, 21, 19, 22, -(2**62)]), (wave,), clocks, nearest_of((wave,), clocks, np.ones((1, 1)))
    )
    assert counts.tolist() == [[3, 1, 1]]
    assert plays["waveform"].tolist() == [0, 2, 1, 0, 0]
    assert [one.ticks for one in found] == [None, (19, rate), (21, rate)]
    assert [len(envelope_samples(one, rate)) for one in found] == [20, 19, 21]
    assert [len(envelope_samples(one, 2 * rate)) for one in found] == [41, 41, 41]


@pytest.mark.parametrize("kind", ["gaussian", "drag", "flat_top", "sine", "samples"])
def test_an_envelope_of_another_length_stays_about_its_middle(kind):
    rate, length = Fraction(10**9), 20.3e-9
    wave = {
        "gaussian": lambda: qctl.gaussian(length, 1.0, 5e-9), "drag": lambda: qctl.drag(length, 1.0, 5e-9, 1e-9),
        "flat_top": lambda: qctl.flat_top(length, 1.0, 5e-9), "sine": lambda: qctl.sine(length, 1.0, 1e8),
        "samples": lambda: qctl.samples(np.arange(1, 82) / 81, 4e9),
    }[kind]()  # fmt: skip
    short, long = (envelope_samples(wave.lasting(n, rate), rate) for n in (20, 21))
    assert (len(short), len(long)) == (20, 21) and wave.lasting(20, rate) != wave
    if kind in ("gaussian", "flat_top"):
        np.testing.assert_allclose(short, short[::-1], atol=1e-14)
        np.testing.assert_allclose(long, long[::-1], atol=1e-14)
    if kind == "samples":
        assert long[-1] == 1.0 and np.all(np.diff(long.real) >= 0)


def test_sampled_pulses_last_exactly_as_long_as_their_samples(lab):
    """The length of 10 samples at 1.2 GHz has no end as a decimal; a million of them are no tick off."""
    p = qctl.Program(ports=["q0.drive"])
    with p.loop(3):
        for _ in range(1000):
            p.play("q0.drive", qctl.samples([0.1] * 10, 1.2e9))
    straight = compile_program(p, lab).timeline.straight()
    assert np.all(np.diff(straight.plays["start"]) == 10) and len(straight.waveforms) == 1
