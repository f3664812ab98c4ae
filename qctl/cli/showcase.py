"""What the demo runs: circuits of our own and of MQT Bench, and the fidelity of entangled states."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import numpy as np

__all__ = ["circuits", "classical_fidelity", "ideal", "state_fidelity"]


def circuits(seed: int) -> dict[str, Any]:
    """Return the demo's circuits by name: our own, and those that MQT Bench made."""
    import qctl

    bell = qctl.Circuit(2)
    bell.h(0)
    bell.cx(0, 1)
    bell.measure_all()
    ghz = qctl.Circuit(5)
    ghz.h(0)
    for q in range(4):
        ghz.cx(q, q + 1)
    ghz.measure_all()
    secret = 1 + seed % 15
    vazirani = qctl.Circuit(5, 4)
    vazirani.x(4)
    vazirani.h(4)
    for q in range(4):
        vazirani.h(q)
        if secret >> q & 1:
            vazirani.cx(q, 4)
        vazirani.h(q)
        vazirani.measure(q, q)
    found = {"Bell": bell, "GHZ-5": ghz, f"Bernstein-Vazirani {secret:04b}": vazirani}
    for entry in sorted(files("qctl.cli").joinpath("demo_circuits").iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".qasm"):
            found[f"MQT {entry.name.removesuffix('.qasm')}"] = qctl.Circuit.from_qasm(entry.read_text())
    return found


def ideal(circuit: Any) -> dict[str, float]:
    """Return the probabilities of a circuit without errors."""
    import qctl

    weights = np.abs(qctl.simulate(circuit).statevector) ** 2
    body = circuit.body
    measured = [(int(row["a"]), int(row["b"])) for row in body.instructions if int(row["op"]) == 0x008]
    total: dict[str, float] = {}
    for index in np.flatnonzero(weights > 1e-12).tolist():
        bits = ["0"] * len(body.bits)
        for qubit, bit in measured:
            bits[bit] = str(index >> qubit & 1)
        text = "".join(reversed(bits))
        total[text] = total.get(text, 0.0) + float(weights[index])
    return total


def classical_fidelity(counts: dict[str, int], wanted: dict[str, float]) -> float:
    """Return the squared sum of sqrt(p q) over outcomes."""
    shots = sum(counts.values())
    return float(sum((counts.get(k, 0) / shots * p) ** 0.5 for k, p in wanted.items()) ** 2)


def state_fidelity(lab: Any, n: int, shots: int, seed: int) -> dict[str, Any]:
    """Measure the fidelity of an n-qubit GHZ state from its populations and its parity oscillation.

    Source: Sackett et al., Nature 404, 256 (2000).
    """
    import qctl

    phases = np.linspace(0, np.pi, 2 * n + 3, endpoint=False)
    programs = []
    for phase in (None, *phases):
        c = qctl.Circuit(n)
        c.h(0)
        for q in range(n - 1):
            c.cx(q, q + 1)
        if phase is not None:
            for q in range(n):
                c.rz(-float(phase), q)
                c.ry(-np.pi / 2, q)
        c.measure_all()
        programs.append(c)
    found = lab.run(programs, shots=shots, seed=seed).result(timeout_s=300)
    tables = found.counts
    ends = (tables[0].get("0" * n, 0) + tables[0].get("1" * n, 0)) / shots
    parity = np.array([sum(v * (-1) ** k.count("1") for k, v in t.items()) / shots for t in tables[1:]])
    design = np.column_stack([np.ones_like(phases), np.cos(n * phases), np.sin(n * phases)])
    _, c, s = np.linalg.lstsq(design, parity, rcond=None)[0]
    contrast = float(np.hypot(c, s))
    error = float(np.hypot(np.sqrt(ends * (1 - ends) / shots), np.sqrt(2 / (len(phases) * shots))) / 2)
    return {
        "state": "Bell" if n == 2 else f"GHZ-{n}",
        "populations": ends,
        "contrast": contrast,
        "fidelity": (ends + contrast) / 2,
        "standard_error": error,
    }
