"""The lab of nine atoms, through server and device server: Rabi, blockade, gates, an antiferromagnet, moved atoms."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qctl
from qctl.errors import JobCancelledError, QctlError

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "docs" / "examples")]

ATOMS = [f"a{k}" for k in range(9)]


@pytest.fixture(scope="module")
def atoms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a running lab of atoms."""
    from whole_lab import WholeLab

    lab = WholeLab(tmp_path_factory.mktemp("atoms"), "atoms9", 3, rate=20_000.0, timeout_s=4.0)
    try:
        yield lab
    finally:
        lab.end()


def spread(text: str) -> str:
    """Return a lab.toml with the atoms 7.5 um apart: an excitation shifts neighbours by 4.8 MHz, diagonals by 0.6."""
    return re.sub(
        r"position_m = \[(\S+), (\S+), 0.0\]",
        lambda found: f"position_m = [{1.5 * float(found[1])}, {1.5 * float(found[2])}, 0.0]",
        text,
    )


def program(n_bits: int = 9) -> Any:
    return qctl.Program(qubits=ATOMS, bits=[f"m{k}" for k in range(n_bits)])


def part(counts: dict[str, int], *bits: int) -> float:
    """Return the part of shots in which all these bits are 1."""
    return sum(n for word, n in counts.items() if all(word[-1 - k] == "1" for k in bits)) / sum(counts.values())


def test_rabi_of_one_atom(atoms: Any) -> None:
    times = np.linspace(0.1e-6, 1e-6, 10)
    p = program(1)
    with p.sweep("t", times, "s") as t:
        p.rydberg(t, 1e6, qubits=[4])
        p.measure(4, 0)
    counts = atoms.client.run(p, shots=600).result(60).counts
    found = np.array([part(one, 0) for one in counts])
    # Excited atoms are seen in 3 % of pictures, others are lost in 1 %; five sigma of 600 shots are 0.1.
    assert np.abs(found - (0.01 + 0.96 * np.sin(np.pi * 1e6 * times) ** 2)).max() < 0.11


@pytest.mark.parametrize(("other", "blockaded"), [(1, True), (8, False)])
def test_pair_is_blockaded_or_not(atoms: Any, other: int, blockaded: bool) -> None:
    """An excited atom keeps its neighbour from being excited, and does not know of one 14 um away."""
    p = program(2)
    for k, atom in enumerate((0, other)):
        p.rydberg(0.5e-6, 1e6, qubits=[atom])
        p.barrier()
        p.measure(atom, k)
    counts = atoms.client.run(p, shots=1500).result(60).counts
    assert part(counts, 0) > 0.92
    # A neighbour is excited where the first is not, seen where it was lost, and dark where it decayed: some 4 %.
    assert part(counts, 0, 1) < 0.06 if blockaded else part(counts, 0, 1) > 0.88


def test_bell_pair_by_gates(atoms: Any, tmp_path: Path) -> None:
    file = tmp_path / "bell.qasm"
    file.write_text(
        'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\ncreg c[2];\nh q[0];\ncx q[0],q[1];\nmeasure q -> c;\n'
    )
    counts = atoms.run_file(file, 2000)["counts"]
    equal = (counts.get("00", 0) + counts.get("11", 0)) / 2000
    assert equal > 0.93 and abs(counts["00"] / 2000 - 0.5) < 0.08


def test_nine_atoms_become_an_antiferromagnet(tmp_path: Path) -> None:
    """Detuned from below to above in 3.2 us, corners and middle are excited, and no neighbours of theirs.

    The register is where lab.toml says; the plan of the sweep is that of H. Bernien et al., Nature 551, 579 (2017).
    """
    import atoms as example
    from whole_lab import WholeLab

    lab = WholeLab(tmp_path, "atoms9", 3, rate=20_000.0, edit=spread)
    try:
        counts = lab.client.run(example.swept(), shots=1000).result(60).counts
    finally:
        lab.end()
    ordered = "101010101"
    assert max(counts, key=lambda word: counts[word]) == ordered
    assert counts[ordered] / 1000 > 0.4


def test_moved_pair_is_blockaded(atoms: Any) -> None:
    """Atom 8 is taken from its corner, 14 um away, around the others to 5 um beside atom 0."""

    import atoms as example

    p = program(2)
    for k, atom in enumerate((0, 8)):
        p.rydberg(0.5e-6, 1e6, qubits=[atom])
        p.barrier()
        p.measure(atom, k)
    still, moved = (atoms.client.run(one, shots=1500).result(60).counts for one in (p, example.around()))
    assert part(still, 0, 1) > 0.88
    assert part(moved, 0, 1) < 0.06


def test_running_job_is_cancelled_and_the_next_one_plays(atoms: Any) -> None:
    p = program(1)
    with p.sweep("t", np.linspace(1e-7, 1e-6, 200), "s") as t:
        p.rydberg(t, 1e6, qubits=[0])
        p.measure(0, 0)
    job = atoms.client.run(p, shots=2000)
    atoms.until(lambda: job.state == "playing", "the job plays")
    job.cancel()
    with pytest.raises(JobCancelledError):
        job.result(60)
    again = program(1)
    again.measure(0, 0)
    assert part(atoms.client.run(again, shots=500).result(60).counts, 0) < 0.04


@pytest.mark.full
def test_server_that_falls_silent_is_an_error_and_comes_back(atoms: Any) -> None:
    p = program(1)
    p.measure(0, 0)
    atoms.fault("silence", "atoms0")
    try:
        with pytest.raises(QctlError, match="atoms0"):
            atoms.client.run(p, shots=100).result(60)
    finally:
        atoms.clear()
        atoms.all_up()
    assert part(atoms.client.run(p, shots=100).result(60).counts, 0) < 0.1


def test_repeated_run_sends_no_sequence(atoms: Any) -> None:
    p = program(1)
    with p.sweep("f", np.linspace(-1e6, 1e6, 5), "Hz") as f:
        p.rydberg(0.5e-6, 1e6, detuning_hz=f, qubits=[0])
        p.measure(0, 0)
    first = atoms.client.run(p, shots=100).result(60)
    again = atoms.client.run(p, shots=100).result(60)
    assert sum(first.content["uploaded_bytes"].values()) > 0
    assert sum(again.content["uploaded_bytes"].values()) == 0


def test_device_that_is_started_anew_forgets_and_is_told_again(atoms: Any) -> None:
    p = program(1)
    p.rydberg(0.5e-6, 1e6, qubits=[0])
    p.measure(0, 0)
    assert part(atoms.client.run(p, shots=500).result(60).counts, 0) > 0.9
    atoms.kill("atoms0")
    with pytest.raises(QctlError):
        atoms.client.run(p, shots=500).result(60)
    atoms.all_up()
    assert part(atoms.client.run(p, shots=500).result(60).counts, 0) > 0.9
