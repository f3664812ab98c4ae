"""Judge Bell and GHZ-5 fidelities from populations and parity oscillation against QuTiP, from the hidden parameters.

Usage: python tests/whole/fidelity_judge.py [SEED...]

Circuits are OpenQASM 3 text of this file, counts come from `qctl run FILE --json`. GHZ-5 and Bell on five transmons:
QuTiP's density matrix with T1, T2, gate times and readout matrix of truth.json. Bell on two transmons: QuTiP's master
equation of three levels each, driven by the samples that were sent to the generators, as overheard on the wire.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import qutip

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

SHOTS = 4000
SLACK = 0.01


def phases_of(n: int) -> np.ndarray:
    """Return the phases of the analysis pulses: enough for the n-th harmonic and its neighbours."""
    return np.arange(2 * n + 3) * 2 * np.pi / (2 * n + 3)


def text_of(n: int, phase: float | None) -> str:
    """Return a chain of n transmons entangled, with analysis pulses about an axis at `phase` if there is one."""
    lines = ["OPENQASM 3.0;", 'include "stdgates.inc";', f"bit[{n}] c;", "h $0;"]
    lines += [f"cx ${q}, ${q + 1};" for q in range(n - 1)]
    if phase is not None:
        lines += [f"rz({-float(phase)!r}) ${q}; rx(pi/2) ${q};" for q in range(n)]
    return "\n".join([*lines, *(f"c[{q}] = measure ${q};" for q in range(n)), ""])


def parity(table: Mapping[str, float]) -> float:
    """Return the mean of (-1)^ones."""
    return sum((-1) ** key.count("1") * part for key, part in table.items()) / sum(table.values())


def fidelity(n: int, tables: list[Mapping[str, float]], shots: int) -> tuple[float, float, float, float]:
    """Return fidelity, its standard error, the populations of both ends, and the contrast of the n-th harmonic.

    Source: Sackett et al., Nature 404, 256 (2000): F = (P00…0 + P11…1 + C) / 2.
    """
    ends = (tables[0].get("0" * n, 0) + tables[0].get("1" * n, 0)) / sum(tables[0].values())
    phases = phases_of(n)
    values = np.array([parity(table) for table in tables[1:]])
    # Equally spaced over a turn, harmonics are orthogonal: the n-th one is a Fourier sum.
    harmonic = 2 / phases.size * (values * np.exp(-1j * n * phases)).sum()
    error_c = math.sqrt(2 / phases.size * float((1 - values**2).mean()) / shots)
    error_p = math.sqrt(max(ends * (1 - ends), 1e-9) / shots)
    return (ends + abs(harmonic)) / 2, math.hypot(error_p, error_c) / 2, ends, abs(harmonic)


# -- QuTiP: gates and times --------------------------------------------------------------------------


class GateModel:
    """A density matrix of two-level qubits: ideal pulses at mid-length, T1 and T2 in between."""

    def __init__(self, truth: dict[str, Any], n: int) -> None:
        self.n, self.truth, self.names = n, truth, [f"q{k}" for k in range(n)]
        self.rho = qutip.ket2dm(qutip.basis([2] * n, [0] * n))
        self.collapse = []
        for k, name in enumerate(self.names):
            true = truth["qubits"][name]
            pure = max(0.0, 1 / true["t2_s"] - 0.5 / true["t1_s"])
            lower = self._on({k: qutip.destroy(2)})
            self.collapse += [math.sqrt(1 / true["t1_s"]) * lower, math.sqrt(2 * pure) * lower.dag() * lower]

    def _on(self, operators: dict[int, Any]) -> Any:
        return qutip.tensor([operators.get(k, qutip.qeye(2)) for k in range(self.n)])

    def wait(self, time_s: float) -> None:
        """Let all qubits idle."""
        options = {"atol": 1e-9, "rtol": 1e-9}
        self.rho = qutip.mesolve(0 * self.rho, self.rho, [0, time_s], c_ops=self.collapse, options=options).states[-1]

    def turn(self, gates: Mapping[int, Any], length_s: float) -> None:
        """Apply one-qubit gates at the same time, in the middle of their length."""
        self.wait(length_s / 2)
        gate = self._on(dict(gates))
        self.rho = gate * self.rho * gate.dag()
        self.wait(length_s / 2)

    def cz(self, a: int, b: int) -> None:
        """Apply a CZ, in the middle of its length."""
        length_s = self.truth["couplers"][f"q{a}-q{b}"]["cz_length_s"]
        self.wait(length_s / 2)
        one = qutip.basis(2, 1).proj()
        gate = self._on({}) - 2 * self._on({a: one, b: one})
        self.rho = gate * self.rho * gate.dag()
        self.wait(length_s / 2)

    def table(self) -> dict[str, float]:
        """Return the probability of each bit string after readout, bit 0 rightmost."""
        found = np.real(self.rho.diag()).reshape((2,) * self.n)
        return read_out(found, [np.array(self.truth["qubits"][name]["readout_matrix"]) for name in self.names])


def read_out(populations: np.ndarray, matrices: list[np.ndarray]) -> dict[str, float]:
    """Return the probability of each bit string from populations of levels, first qubit first; level 2 reads as 1."""
    for axis, matrix in enumerate(matrices):
        rows = np.vstack([matrix, matrix[1:]])[: populations.shape[axis]]
        populations = np.moveaxis(np.tensordot(rows.T, populations, (1, axis)), 0, axis)
    return {"".join(map(str, reversed(index))): float(populations[index]) for index in np.ndindex(populations.shape)}


def expected_tables(truth: dict[str, Any], n: int) -> list[Mapping[str, float]]:
    """Return QuTiP's table of each circuit: populations first, then one for each phase."""
    sx_s = truth["gates"]["sx"]["length_s"]
    hadamard = qutip.Qobj([[1, 1], [1, -1]]) / math.sqrt(2)
    model = GateModel(truth, n)
    model.turn({0: hadamard, 1: hadamard}, sx_s)
    for q in range(n - 1):
        model.cz(q, q + 1)
        # The next target's first pulse is as late as this one's second.
        model.turn({q + 1: hadamard} | ({q + 2: hadamard} if q + 2 < n else {}), sx_s)
    tables, before = [model.table()], model.rho
    for phase in phases_of(n):
        model.rho = before
        axis = math.cos(phase) * qutip.sigmax() + math.sin(phase) * qutip.sigmay()
        model.turn(dict.fromkeys(range(n), (-0.25j * math.pi * axis).expm()), sx_s)
        tables.append(model.table())
    return tables


# -- the lab ---------------------------------------------------------------------------------------


def measured_tables(lab: Any, n: int, after: Callable[[], None] = lambda: None) -> list[Mapping[str, float]]:
    """Return the counts of each circuit, run one by one from the command line."""
    tables: list[Mapping[str, float]] = []
    for k, phase in enumerate([None, *phases_of(n)]):
        file = lab.folder / f"state{n}-{k}.qasm"
        file.write_text(text_of(n, phase))
        tables.append(lab.run_file(file, SHOTS)["counts"])
        assert sum(tables[-1].values()) == SHOTS
        after()
    return tables


def verdict(what: str, n: int, measured: list[Any], wanted: list[Any]) -> int:
    """Print one comparison, and return 1 if it is out of bounds."""
    found, error, ends, contrast = fidelity(n, measured, SHOTS)
    ideal, _, ideal_ends, ideal_contrast = fidelity(n, wanted, SHOTS)
    bound = 3 * error + SLACK
    ok = abs(found - ideal) <= bound
    print(
        f"  {'ok  ' if ok else 'MISS'} {what}: {found:.4f} ± {error:.4f} (populations {ends:.4f}, contrast "
        f"{contrast:.4f}), QuTiP {ideal:.4f} ({ideal_ends:.4f}, {ideal_contrast:.4f}): "
        f"{abs(found - ideal):.4f} of {bound:.4f}",
        flush=True,
    )
    return not ok


def tune(lab: Any) -> None:
    """Tune up from the command line."""
    begin_s = time.monotonic()
    done = lab.command("calibrate", "--server", lab.address, "--json", timeout_s=240)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    print(f"  tuned up in {time.monotonic() - begin_s:.1f} s", flush=True)


def judge_gates(folder: Path, seed: int) -> int:
    """Compare Bell and GHZ-5 on five transmons with QuTiP's gates and times."""
    from whole_lab import WholeLab

    lab = WholeLab(folder, "transmon5", seed)
    try:
        tune(lab)
        return sum(
            verdict(name, n, measured_tables(lab, n), expected_tables(lab.truth, n))
            for name, n in (("Bell, gates and times", 2), ("GHZ-5, gates and times", 5))
        )
    finally:
        lab.end()


def judge_pulses(folder: Path, seed: int) -> int:
    """Compare a Bell state on two transmons with QuTiP's master equation under the overheard samples."""
    from overheard import Generator, populations_of_pair
    from whole_lab import WholeLab
    from wire_proxy import through_proxy

    from qctl.hil.labs.draw import LO_DRIVE_HZ, draw_lab

    boxes = {name: Generator() for name in ("awg0", "awg1")}
    proxies: dict[str, Any] = {}

    def edit(text: str) -> str:
        for name in boxes:
            text, proxies[name] = through_proxy(text, name)
        return text

    lab = WholeLab(folder, "transmon2", seed, edit=edit)
    processor, n_heard, wanted = draw_lab("transmon2", seed).processor, dict.fromkeys(boxes, 0), []
    matrices = [np.array(lab.truth["qubits"][name]["readout_matrix"]) for name in ("q0", "q1")]

    def listen() -> None:
        for name, box in boxes.items():
            sent = proxies[name].sent
            box.hear(b"".join(data for _, data in sent[n_heard[name] :]))
            n_heard[name] = len(sent)
        volts = {(name, n): box.volts(n) for name, box in boxes.items() for n in range(1, 5)}
        read = np.flatnonzero(np.abs(volts["awg1", 1]) + np.abs(volts["awg1", 2]) > 1e-3)[0]

        def line(box: str, number: int) -> np.ndarray:
            full = np.zeros(int(read))
            part = volts[box, number][:read]
            full[: part.size] = part
            return full

        drives = [line("awg0", 1) + 1j * line("awg0", 2), line("awg0", 3) + 1j * line("awg0", 4)]
        flux = [line("awg1", 3), line("awg1", 4)]
        first = min(int(np.flatnonzero(np.abs(d) > 1e-3)[0]) for d in drives)
        # What comes before the first pulse leaves the ground state alone; phases of the LO's frame stay as they are.
        cut = slice(max(0, first - 4), None)
        found = populations_of_pair(processor, LO_DRIVE_HZ, 1.2e9, [d[cut] for d in drives], [f[cut] for f in flux])
        wanted.append(read_out(found, matrices))

    try:
        tune(lab)
        measured = measured_tables(lab, 2, listen)
        return verdict("Bell, three levels under the overheard samples", 2, measured, wanted)
    finally:
        lab.end()
        for proxy in proxies.values():
            proxy.close()


def main(seeds: list[int], parts: tuple[Callable[[Path, int], int], ...] = (judge_pulses, judge_gates)) -> int:
    """Return how many comparisons missed."""
    missed = 0
    for seed in seeds:
        print(json.dumps({"seed": seed, "shots": SHOTS}), flush=True)
        for part in parts:
            with tempfile.TemporaryDirectory(prefix="qctl-judge-") as folder:
                missed += part(Path(folder), seed)
    print(f"{missed} missed")
    return missed


if __name__ == "__main__":
    sys.exit(1 if main([int(word) for word in sys.argv[1:]] or [3]) else 0)
