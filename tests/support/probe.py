"""Programs that keep a small lab busy, and a probe that says whether it still answers as before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import qctl

PROBE = """OPENQASM 3.0;
include "stdgates.inc";
bit[2] c;
sx $0;
c[0] = measure $0;
c[1] = measure $1;
"""


def probed(lab: Any) -> np.ndarray:
    """Return the mean of both qubits' IQ values, in volts, with one of them driven."""
    found = lab.client.run(qctl.Circuit.from_qasm(PROBE), shots=2000, seed=0).result(30)
    return np.array([found.iq[slot].mean() for slot in sorted(found.iq)])


def same(before: np.ndarray, after: np.ndarray) -> bool:
    """Say whether two probes agree to a tenth of the signal; without a carrier there is none."""
    return bool(np.abs(before - after).max() < 0.1 * np.abs(before).min())


def long_sweep(folder: Path, n_points: int = 1500) -> Path:
    """Write a sweep of n_points amplitudes, which takes seconds to play."""
    p = qctl.Program(ports=["q0.drive", "q0.readout"])
    with p.sweep("amp", np.linspace(0.01, 0.2, n_points)) as amp:
        p.play("q0.drive", qctl.gaussian(40e-9, amp=amp))
        p.barrier("q0.drive", "q0.readout")
        p.play("q0.readout", qctl.constant(1e-6, 0.05))
        p.capture("q0.readout", qctl.constant(1e-6, 1.0), into="m")
    path = folder / "sweep.qis"
    path.write_bytes(p.to_bytes())
    return path


def slow_to_compile(folder: Path) -> Path:
    """Write a circuit of very many gates in OpenQASM 3, whose reference parser takes seconds for them."""
    lines = ["OPENQASM 3.0;", 'include "stdgates.inc";', "qubit[2] q;", "bit[2] c;"]
    lines += [f"rx(0.{k % 97:02d}) q[{k % 2}]; cx q[0], q[1];" for k in range(5_000)]
    path = folder / "deep.qasm"
    path.write_text("\n".join([*lines, "c = measure q;", ""]))
    return path


def outputs_on(lab: Any) -> list[str]:
    """Return every output that is on, and every DC output away from its safe voltage."""
    found = []
    for name, instrument in lab.client.description.instruments.items():
        device = lab.client.instruments[name]
        if "awg" in name:
            found += [f"{name}:{n}" for n in instrument.output if device.get(f"output{n}_on")]
        elif name.startswith("lo_"):
            found += [name] if device.get("output_on") else []
        elif name.startswith("dc"):
            far = {n: abs(device.get(f"output{n}_present_v") - out.safe_v) for n, out in instrument.output.items()}
            found += [f"{name}:{n}" for n, volts in far.items() if volts > 1e-4]
    return found
