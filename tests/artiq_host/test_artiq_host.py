"""ARTIQ's compiler takes what is written for it, and its drivers make the events that were asked for.

Run by `make artiq ARTIQ=…`, with a folder that has checkouts of m-labs' artiq, pythonparser and sipyco.
"""

from __future__ import annotations

import gateware
import host
import numpy as np
import pytest
from artiq_crate import Pulse, bell, body_of, check_pulses, crate, line, tones

import qctl
from qctl.lowering import Ready, compile

DELAY_NS = 1248
"""From where `set_mu` reckons the phase to the IO_UPDATE that begins it: one of its writes, as a longer pipeline."""


def rabi() -> qctl.Program:
    program = qctl.Program(["raman0.drive"], ["i0"], ["i0"])
    with program.sweep("t", np.linspace(1e-6, 20e-6, 20), "s") as length:
        program.play("raman0.drive", qctl.constant(length, 0.2))
        program.barrier()
        program.measure("i0", "i0")
    return program


def drawn(seed: int) -> qctl.Circuit:
    """Return a random circuit of four ions."""
    random = np.random.default_rng(seed)
    circuit = qctl.Circuit(4)
    for _ in range(12):
        a, b = random.permutation(4)[:2].tolist()
        if random.random() < 0.3:
            circuit.cx(a, b)
        else:
            circuit.rx(float(random.uniform(-np.pi, np.pi)), a)
            circuit.ry(float(random.uniform(-np.pi, np.pi)), b)
    circuit.measure_all()
    return circuit


SETTLE_S = 40e-6
"""Time for all chips of a card, each in 2.7 us."""
PROGRAMS = {"bell": bell, "rabi": rabi, "line": line, **{f"drawn-{k}": lambda k=k: drawn(k) for k in range(8)}}


@pytest.fixture(params=PROGRAMS)
def ready(request) -> Ready:
    return compile(PROGRAMS[request.param](), crate(SETTLE_S), shots=2)


def test_the_compiler_makes_a_kernel_of_it(ready, tmp_path):
    experiment, *_ = host.built(body_of(ready).text, tmp_path)
    _, library, *_ = experiment.core.compile(experiment.run.__func__, [experiment], {}, attribute_writeback=False)
    assert library.startswith(b"\x7fELF")


def test_the_compiler_refuses_what_is_wrong(tmp_path):
    text = body_of(compile(bell(), crate(), shots=2)).text.replace("self.dds8.sw.on()", "self.dds8.sw.on(1)", 1)
    experiment, *_ = host.built(text, tmp_path)
    with pytest.raises(Exception, match="argument"):
        experiment.core.compile(experiment.run.__func__, [experiment], {}, attribute_writeback=False)


def test_the_drivers_make_the_pulses_that_were_asked_for(ready, tmp_path, monkeypatch):
    events, data = host.run(body_of(ready).text, tmp_path, monkeypatch)
    gateware.check_lanes(events)
    gateware.check_collisions(events)
    found = sorted(gateware.pulses(events), key=lambda pulse: pulse.on)
    assert len(data["counts"]) == 2 * len(ready.timeline.plays)
    for row in data["counts"]:
        plays = tones(ready, crate(), row[1])
        mine, found = found[: len(plays)], found[len(plays) :]
        zero = mine[0].on - int(plays["start"].min())
        check_pulses([tracked(pulse, zero) for pulse in mine], ready, crate(), row[1], 1)  # `set_mu` rounds down
    assert not found


def test_lines_are_switched_when_it_was_asked_for(tmp_path, monkeypatch):
    events, _ = host.run(body_of(compile(line(), crate(), shots=2)).text, tmp_path, monkeypatch)
    states = gateware.switched(events, "ttl1")
    assert [state for _, state in states] == [1, 0, 1, 0]
    assert [end - begin for (begin, _), (end, _) in zip(states[::2], states[1::2], strict=True)] == [3000, 3000]


def tracked(pulse: Pulse, zero: int) -> Pulse:
    """Return a pulse whose phase counts from a sequence's zero; all outputs are late by the same DELAY_NS."""
    turns = pulse.pow_ / 2**16 + pulse.ftw * (zero + DELAY_NS - pulse.zero) / 2**32
    return pulse._replace(pow_=turns % 1 * 2**16, zero=zero)
