"""What is uploaded, counted by the instruments themselves; and memories at their limits."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

import qctl
from qctl.errors import CompileError

MEMORY_SAMPLES, EDGE, EVERY, RATE_HZ = 16_200_000, 12, 4_000, 1_200_000_000
"""Memory of one AWG5014C output by its data sheet; samples of a pulse and from pulse to pulse; clock of lab.toml."""


def two_pulses(first_v: float, second_v: float) -> Any:
    """Return a program with one pulse on each of two qubits."""
    p = qctl.Program(ports=["q0.drive", "q1.drive", "q0.readout"])
    p.play("q0.drive", qctl.gaussian(40e-9, amp=first_v))
    p.play("q1.drive", qctl.gaussian(40e-9, amp=second_v))
    p.barrier("q0.drive", "q1.drive", "q0.readout")
    p.play("q0.readout", qctl.constant(1e-6, 0.05))
    p.capture("q0.readout", qctl.constant(1e-6, 1.0), into="m")
    return p


def sent(lab: Any, program: Any) -> dict[str, tuple[int, int]]:
    """Run a program, and return the (waveforms, bytes) that each generator has counted meanwhile."""
    before = lab.counters()
    found = lab.client.run(program, shots=10).result(60)
    after = lab.counters()
    difference = {box: (n - before[box][0], size - before[box][1]) for box, (n, size) in after.items()}
    told = {box: size for box, size in found.content["uploaded_bytes"].items() if size}
    assert told == {box: size for box, (_, size) in difference.items() if size}
    return {box: counts for box, counts in difference.items() if any(counts)}


def test_only_what_changed_is_sent(small: Any) -> None:
    first = sent(small, two_pulses(0.111, 0.122))
    assert first["awg0"][0] == 4
    assert sent(small, two_pulses(0.111, 0.122)) == {}
    changed = sent(small, two_pulses(0.111, 0.133))
    assert {box: n for box, (n, _) in changed.items()} == {"awg0": 2}
    assert changed["awg0"][1] * 2 == first["awg0"][1]
    assert sent(small, two_pulses(0.111, 0.122)) == {}


def held(n_samples: int) -> Any:
    """Return a program whose one shot plays n_samples of the flux line of q0, exactly, with no silence worth a loop."""
    p = qctl.Program(ports=["q0.flux", "q0.readout"])
    p.capture("q0.readout", qctl.constant(1e-6, 1.0), into="m")
    edge = qctl.constant(EDGE / RATE_HZ, 0.01)
    n_before = n_samples // EVERY - 1
    for _ in range(n_before):
        p.play("q0.flux", edge)
        p.delay("q0.flux", Fraction(EVERY - EDGE, RATE_HZ))
    p.play("q0.flux", edge)
    p.delay("q0.flux", Fraction(n_samples - n_before * EVERY - 2 * EDGE, RATE_HZ))
    p.play("q0.flux", edge)
    return p


def test_waveform_at_the_limit_is_played_and_one_more_sample_is_refused(small: Any) -> None:
    counted = sent(small, held(MEMORY_SAMPLES))
    assert sum(size for _, size in counted.values()) == 2 * MEMORY_SAMPLES
    with pytest.raises(CompileError, match=str(MEMORY_SAMPLES)) as caught:
        sent(small, held(MEMORY_SAMPLES + 1))
    assert str(MEMORY_SAMPLES + 1) in caught.value.message and "q0.flux" in caught.value.message
