"""Programs that tests of whole labs share, labs after their tune-up, and what independent models say of the results."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["BELL", "FLIPPED_AFTER_MEASUREMENT", "check_bell", "check_flips", "judged_twice", "tuned_lab"]

BELL = """OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q;
bit[2] c;
h q[0];
cx q[0], q[1];
c = measure q;
"""

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
