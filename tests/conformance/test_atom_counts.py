"""Counts of the lab of atoms, through its server, are what Pulser samples from the same sequence."""

from __future__ import annotations

import os
import sys
from functools import reduce
from pathlib import Path

import numpy as np
import pulser_judge as judge
import pytest

import qctl
from qctl.instruments.atoms.body import PulserBody
from qctl.lab import load_lab
from qctl.lowering import compile as compile_programs

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
SHOTS = 4000


@pytest.mark.timeout(300)
def test_histogram_of_nine_driven_atoms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A smooth pulse on all atoms; detection errors are those that the lab says are true.

    The lab's light is up to 0.5 % and 20 kHz off and its atoms decay, which moves up to 3 % of the shots elsewhere, and
    4,000 shots on some 50 words that matter have a distance of 4 % from what they are drawn from.
    """
    # Processes that the lab starts find the packages where this one does.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    from whole_lab import WholeLab

    names = [f"a{k}" for k in range(9)]
    p = qctl.Program(ports=["rydberg.drive"], qubits=names, bits=[f"m{k}" for k in range(9)])
    p.set_frequency("rydberg.drive", 5e5)
    p.play("rydberg.drive", qctl.gaussian(1200e-9, amp=0.14))
    for k in range(9):
        p.measure(k, k)
    lab = WholeLab(tmp_path, "atoms9", 3, rate=20_000.0)
    try:
        counts = lab.client.run(p, shots=SHOTS).result(120).counts
        matrix = np.array(lab.truth["qubits"]["a0"]["readout_matrix"])
    finally:
        lab.end()
    (program,) = compile_programs(p, load_lab(lab.toml)).programs
    state = judge.state(judge.of_point(PulserBody.from_bytes(program.body), 0))
    # Pulser has r before g, and the first atom slowest; a word has the first atom last.
    ideal = np.abs(state.reshape((2,) * 9)) ** 2
    seen = reduce(lambda p, axis: np.moveaxis(np.tensordot(p, matrix[::-1], (axis, 0)), -1, axis), range(9), ideal)
    wanted = {format(k, "09b")[::-1]: float(x) for k, x in enumerate(seen.ravel())}
    assert sum(wanted.values()) == pytest.approx(1.0, abs=1e-4)  # as QuTiP keeps the norm
    distance = 0.5 * sum(abs(counts.get(word, 0) / SHOTS - x) for word, x in wanted.items())
    assert distance < 0.1
    for k in range(9):
        found = sum(n for word, n in counts.items() if word[-1 - k] == "1") / SHOTS
        marginal = sum(x for word, x in wanted.items() if word[-1 - k] == "1")
        assert abs(found - marginal) < 0.04, names[k]
