"""Bits that were measured steer what is played later in a shot: through the server, on each kind of emulated rack.

The judge is a rate model: a qubit is up or down, falls with its true T1 (`--truth`), and a readout tells where it
was for the longer part of its window.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from whole_programs import judged_twice, tuned_lab

import qctl
from qctl.errors import CompileError

pytestmark = pytest.mark.full


HEAD = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[2] q;\nbit[2] c;\n'
SHOTS = 1000
ERROR = 0.015
"""What noise of the readout, pulses and thermal population may add to a probability."""


@pytest.fixture(scope="module", params=["qblox2", "qblox2-qrc", "zurich2", "zurich2-pqsc", "qick2", "qick2-v1"])
def rack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a lab on two transmons after its tune-up."""
    yield from tuned_lab(tmp_path_factory.mktemp("feedback"), request.param, 3)


def odds(lab: Any, name: str, text: str, shots: int = SHOTS) -> dict[str, float]:
    """Return the probabilities of a program that the command line runs, c[1] in front of c[0]."""
    file = lab.folder / f"{name}.qasm"
    file.write_text(HEAD + text)
    counts = lab.run_file(file, shots)["counts"]
    assert sum(counts.values()) == shots
    return {key: counts.get(key, 0) / shots for key in ("00", "01", "10", "11")}


def check(found: dict[str, float], expected: dict[str, float]) -> None:
    """Compare probabilities within 5 sigma of the shots, and what the judge leaves out."""
    for key, p in expected.items():
        bound = 5 * np.sqrt(p * (1 - p) / SHOTS) + 2 * ERROR
        assert abs(found[key] - p) < bound, (key, found, expected, bound)


def test_active_reset_brings_the_qubit_down(rack: Any) -> None:
    t1_s = rack.truth["qubits"]["q0"]["t1_s"]
    reset = "x q[0];\nc[0] = measure q[0];\nif (c[0] == 1) x q[0];\nc[1] = measure q[0];\n"
    with_it = odds(rack, "reset", reset)
    check(with_it, judged_twice(t1_s, "found"))
    without = odds(rack, "control", reset.replace("if (c[0] == 1) x q[0];", "delay[392ns] q[0];"))
    check(without, judged_twice(t1_s, "never"))
    up, stays = (case["10"] + case["11"] for case in (with_it, without))
    assert up < 0.06 and stays > 0.9


def test_reset_is_a_measurement_and_a_turn(rack: Any) -> None:
    found = odds(rack, "reset_op", "x q[0];\nreset q[0];\nc[1] = measure q[0];\n")
    assert found["00"] > 0.94 and found["01"] == found["11"] == 0.0


def test_another_qubit_follows_and_so_does_its_phase(rack: Any) -> None:
    flip = "h q[0];\nc[0] = measure q[0];\nif (c[0] == 1) x q[1];\nc[1] = measure q[1];\n"
    phase = "h q[0];\nh q[1];\nc[0] = measure q[0];\nif (c[0] == 1) { z q[1]; }\nh q[1];\nc[1] = measure q[1];\n"
    other = "h q[0];\nc[0] = measure q[0];\nif (c[0] == 1) { x q[1]; } else { h q[1]; h q[1]; }\nc[1] = measure q[1];\n"
    for name, text in (("flip", flip), ("phase", phase), ("else", other)):
        found = odds(rack, name, text)
        ideal = qctl.simulate(qctl.Circuit.from_qasm(HEAD + text), SHOTS, seed=1).counts
        assert set(ideal) == {"00", "11"}
        # T1 and T2 during 2 us of readout and wait, and readout errors: below 12 % for each qubit of this seed
        assert abs(found["11"] - 0.5) < 0.1 and abs(found["00"] - 0.5) < 0.1, (name, found)
        assert found["01"] + found["10"] < 0.12, (name, found)


def test_flux_pulse_that_another_box_plays_follows(rack: Any) -> None:
    """A cz under a condition on the qubit itself turns its neighbour by what was found."""
    text = "h q[0];\nc[0] = measure q[0];\nh q[1];\nif (c[0] == 1) cz q[0], q[1];\nh q[1];\nc[1] = measure q[1];\n"
    if rack.name == "zurich2":
        with pytest.raises(CompileError, match=r"hd0 \(zurich-hdawg\) can't play by measured bits"):
            rack.client.run(qctl.Circuit.from_qasm(HEAD + text), shots=10).result(60)
        return
    found = odds(rack, "flux", text)
    without = odds(rack, "no_flux", text.replace("if (c[0] == 1) cz q[0], q[1];\n", "delay[800ns] q[1];\n"))
    # T1 and T2 during 2 us of readout and wait, the gate, and readout errors
    assert found["00"] > 0.35 and found["11"] > 0.3 and found["01"] + found["10"] < 0.2, found
    assert without["10"] + without["11"] < 0.2, without


def test_a_register_decides_and_both_results_are_sent(rack: Any) -> None:
    text = "x q[1];\nc = measure q;\nif (c == 2) { x q[0]; x q[1]; }\nc = measure q;\n"
    found = odds(rack, "register", text)
    assert found["01"] > 0.85, found


def test_both_qubits_are_brought_down_round_after_round(rack: Any) -> None:
    n_rounds = 5
    c = qctl.Circuit(2, 2 * n_rounds)
    for k in range(n_rounds):
        for q in range(2):
            c.x(q)
        for q in range(2):
            c.measure(q, 2 * k + q)
        for q in range(2):
            with c.if_(2 * k + q):
                c.x(q)
    counts = rack.client.run(c, shots=SHOTS).result(120).counts
    assert sum(counts.values()) == SHOTS
    for bit in range(2 * n_rounds):
        ups = sum(n for key, n in counts.items() if key[-1 - bit] == "1") / SHOTS
        # The first round begins at rest, the others where the last one left its qubit; T1 takes up to 8 %.
        assert ups > 0.85, (bit, ups)


def until_down(rounds: int, checked: bool = True, apart_s: float = 0.0) -> qctl.Circuit:
    """Return a circuit that puts a qubit in its upper half, and flips a coin until it shows 0, at most so often.

    Whether it shows 0 is looked at so long after the last round.
    """
    c = qctl.Circuit(1, 2)
    c.x(0)
    c.measure(0, 0)
    with c.while_(0, 1, max_count=rounds):
        c.h(0)
        c.measure(0, 0)
    if apart_s:
        c.delay(0, apart_s)
    if checked:
        c.measure(0, 1)
    return c


def test_coin_is_flipped_until_it_shows_zero(rack: Any) -> None:
    if rack.name == "zurich2":
        with pytest.raises(CompileError, match="something has been measured since"):
            rack.client.run(until_down(2, False), shots=10).result(60)
        return
    # A readout channel of Zurich Instruments begins on a grid of 8 ns, and not before it has integrated.
    apart_s = 4e-8 if rack.name == "zurich2-pqsc" else 0.0
    for rounds in (1, 2, 3):
        counts = rack.client.run(until_down(rounds, apart_s=apart_s), shots=SHOTS).result(120).counts
        assert sum(counts.values()) == SHOTS
        # Each round leaves half of those that were up; T1 in 1.5 us and readouts take up to 8 % of them more.
        ones = sum(n for key, n in counts.items() if key[1] == "1") / SHOTS
        assert abs(ones - 0.5**rounds) < 0.07, (rounds, counts)
        agree = (counts.get("00", 0) + counts.get("11", 0)) / SHOTS
        assert agree > 0.9, (rounds, counts)


def test_box_that_waits_for_a_trigger_at_each_shot_follows_what_it_measures(tmp_path: Path) -> None:
    """The trigger controller of zurich1 leads from point to point: circuits with and without feedback in one job."""
    for lab in tuned_lab(tmp_path, "zurich1", 3):
        t1_s = lab.truth["qubits"]["q0"]["t1_s"]
        circuits = []
        for way in ("found", "never", "always"):
            c = qctl.Circuit(1, 2)
            c.x(0)
            c.measure(0, 0)
            if way == "always":
                c.delay(0, 392e-9)
                c.x(0)
            elif way == "found":
                with c.if_(0):
                    c.x(0)
            else:
                c.delay(0, 392e-9)
            c.measure(0, 1)
            circuits.append(c)
        results = lab.client.run(circuits, shots=SHOTS).result(120)
        for way, result in zip(("found", "never", "always"), results, strict=True):
            check({k: result.counts.get(k, 0) / SHOTS for k in ("00", "01", "10", "11")}, judged_twice(t1_s, way))
