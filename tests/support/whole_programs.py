"""Programs that tests of whole labs share, labs after their tune-up, and what independent models say of the results."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

__all__ = [
    "BELL",
    "FLIPPED",
    "FLIPPED_AFTER_MEASUREMENT",
    "check_bell",
    "check_flips",
    "check_frequencies",
    "check_lifetime",
    "check_readout",
    "check_samples_decide",
    "judged_twice",
    "rabi_of",
    "tuned_lab",
]

BELL = """OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q;
bit[2] c;
h q[0];
cx q[0], q[1];
c = measure q;
"""

FLIPPED = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nbit[1] c;\nx $0;\nc[0] = measure $0;\n'
FLIPPED_AFTER_MEASUREMENT = """OPENQASM 3.0;
include "stdgates.inc";
bit[2] c;
x $0;
c[0] = measure $0;
x $0;
c[1] = measure $0;
"""
READOUT_S, WAIT_S, PULSE_S = 1.1e-6, 392e-9, 40e-9


def tuned_lab(folder: Path, name: str, seed: int) -> Iterator[Any]:
    """Yield a lab after its tune-up, and end it; a fixture's body."""
    from whole_lab import WholeLab

    import qctl

    lab = WholeLab(folder, name, seed)
    try:
        assert qctl.calibrate(lab.client).accepted
        yield lab
    finally:
        lab.end()


def check_bell(lab: Any, folder: Path) -> None:
    """Run a Bell state by the command line: half each, less what readout (1 %) and T1 take."""
    file = folder / "bell.qasm"
    file.write_text(BELL)
    counts = lab.run_file(file, 4000)["counts"]
    assert sum(counts.values()) == 4000
    # 5 sigma of 4,000 shots are 4 %.
    assert abs(counts["00"] / 4000 - 0.5) < 0.05 and abs(counts["11"] / 4000 - 0.485) < 0.05
    assert (counts.get("01", 0) + counts.get("10", 0)) / 4000 < 0.06


def check_samples_decide(lab: Any, shots: int = 2000) -> None:
    """Flip the first qubit, and again by pulses that arrive at half their height: they turn half as far."""
    import qctl

    def up() -> float:
        counts = lab.client.run(qctl.Circuit.from_qasm(FLIPPED), shots=shots).result(60).counts
        assert sum(counts.values()) == shots
        return float(counts.get("1", 0) / shots)

    assert up() > 0.9
    lab.fault("scale", "q0.drive", "0.5")
    try:
        assert 0.3 < up() < 0.7
    finally:
        lab.clear()
    assert up() > 0.9


def judged_twice(t1_s: float, turn: str, wait_s: float = WAIT_S, n: int = 200_000) -> dict[str, float]:
    """Return how often both results of prepare, measure, turn, measure come, by drawing falls of a two-level system.

    Parameters
    ----------
    t1_s : float
        Mean time until it falls.
    turn : str
        "never", "always", or "found": where the first result was 1.
    wait_s : float
        Between the first measurement and the turn.
    """
    random = np.random.default_rng(1)
    up = np.ones(n, bool)
    until_s = random.exponential(t1_s, n)

    def passes(time_s: float) -> np.ndarray:
        """Let time pass, and return for which part of it each qubit was up."""
        nonlocal up, until_s
        part = np.where(up, np.minimum(until_s, time_s) / time_s, 0.0)
        up &= until_s > time_s
        until_s = until_s - time_s
        return part

    passes(PULSE_S / 2)
    first = passes(READOUT_S) > 0.5
    if wait_s:
        passes(wait_s)
    turned = {"never": np.zeros(n, bool), "always": np.ones(n, bool), "found": first}[turn]
    up = up ^ turned
    until_s = np.where(turned, random.exponential(t1_s, n), until_s)
    passes(PULSE_S)
    second = passes(READOUT_S) > 0.5
    return {f"{b}{a}": float(np.mean((first == a) & (second == b))) for a in (0, 1) for b in (0, 1)}


def check_flips(lab: Any, shots: int = 2000) -> None:
    """Flip a qubit, measure it, flip it back, and measure it again: the second result is not the first one's."""
    import qctl

    counts = lab.client.run(qctl.Circuit.from_qasm(FLIPPED_AFTER_MEASUREMENT), shots=shots).result(60).counts
    assert sum(counts.values()) == shots
    wanted = judged_twice(lab.truth["qubits"]["q0"]["t1_s"], "always", 0.0)
    for key, p in wanted.items():
        # 5 sigma of the shots; noise of the readout, pulses and thermal population add up to 1.5 % each time.
        bound = 5 * np.sqrt(p * (1 - p) / shots) + 0.03
        assert abs(counts.get(key, 0) / shots - p) < bound, (key, counts, wanted)


def rabi_of(lab: Any, height_v: float, turns: Any) -> Any:
    """Return a program that plays pulses of so many times the height of a pi/2 pulse on the first qubit."""
    import qctl

    true = lab.truth["qubits"]["q0"]
    p = qctl.Program(["q0.drive", "q0.readout"], ["q0"], ["q0"])
    with p.sweep("amp", height_v * np.asarray(turns), "V") as amp:
        p.set_frequency("q0.drive", true["frequency_hz"])
        p.play("q0.drive", qctl.drag(20e-9, amp, sigma_s=5e-9, beta_s=0.36e-9))
        p.barrier()
        p.measure("q0", "q0")
    return p


def check_readout(lab: Any) -> None:
    """Prepare and measure each of two qubits: results are as often wrong as the true readout is."""
    import qctl

    n = 4000
    for name, true in lab.truth["qubits"].items():
        number = int(name[1])
        for prepared in (0, 1):
            c = qctl.Circuit(2)
            if prepared:
                c.x(number)
            c.measure_all()
            counts = lab.client.run(c, shots=n).result(60).counts
            ones = sum(k for bits, k in counts.items() if bits[1 - number] == "1") / n
            wanted = true["readout_matrix"][prepared][1]
            # 5 sigma, and 2 % for the pulses and for a threshold that was measured.
            assert abs(ones - wanted) < 5 * np.sqrt(wanted * (1 - wanted) / n) + 0.02, (name, prepared)


def check_frequencies(lab: Any) -> None:
    """Measure the transmons' frequencies again: within 20 kHz they are the true ones."""
    found = json.loads(lab.online("calibrate", "--only", "ramsey", "--json").stdout)["qubits"]
    for name, true in lab.truth["qubits"].items():
        assert abs(found[name]["frequency_hz"] - true["frequency_hz"]) < 20e3, name


def check_lifetime(lab: Any, height_v: float, length_s: float) -> None:
    """Excite the first qubit by two pi/2 pulses, wait, and measure: it falls with its true lifetime."""
    import qctl

    true = lab.truth["qubits"]["q0"]
    waits_s = np.array([0.0, 0.5, 1.0, 2.0, 6.0]) * true["t1_s"]
    p = qctl.Program(["q0.drive", "q0.readout"], ["q0"], ["q0"])
    with p.sweep("wait", waits_s, "s") as wait:
        p.set_frequency("q0.drive", true["frequency_hz"])
        for _ in range(2):
            p.play("q0.drive", qctl.drag(length_s, height_v, sigma_s=5e-9, beta_s=0.36e-9))
        p.delay("q0.drive", wait)
        p.barrier()
        p.measure("q0", "q0")
    found = lab.client.run(p, shots=4000, averaged=True).result(60)
    iq = np.asarray(next(iter(found.iq.values())))
    along = ((iq - iq[-1]) / (iq[0] - iq[-1])).real
    np.testing.assert_allclose(along, np.exp(-waits_s / true["t1_s"]), atol=0.05)
