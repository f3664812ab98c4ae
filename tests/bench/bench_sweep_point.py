"""Print what a sweep point costs: `python tests/bench/bench_sweep_point.py [--rounds N] [SWEEP ...]`; no test.

Every sweep is a typical one of a tune-up, on the built-in lab transmon5 with server and instruments in processes of
their own. `all` is the wall time from `run` to the result at the client, divided by the points; `cpu` is the processor
time of all processes together, which other users of the machine change less; the others are the server's own numbers,
divided alike. Rounds differ in their values, so that neither waveforms nor physics of one are known in the next.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from qctl.calibration import experiments
from qctl.cli.running import running_lab
from qctl.cli.screen import Screen

STAGES = (
    "queued_s", "prepare_s", "set_s", "upload_s", "start_s", "arm_s", "fire_s", "read_s", "stop_s", "reduce_s",
    "save_s",
)  # fmt: skip


def sweeps(values: Any) -> dict[str, tuple[Callable[[float], Any], int]]:
    """Return each sweep's program as a function of a small relative change, and its shots."""
    names = tuple(values.qubits)
    some = names[::2]
    coupler = next(iter(values.couplers.values()))
    low = next(name for name in coupler.qubits if name != coupler.flux_qubit)
    turns = np.linspace(0, 2 * np.pi, 8, endpoint=False)

    def phase(change: float) -> Any:
        amps = coupler.cz.amplitude_v * (1 + change) * np.linspace(0.992, 1.008, 9)
        return experiments.conditional_phase(values, coupler, low, True, amps, turns)

    def phase_map(change: float) -> Any:
        amps = coupler.cz.amplitude_v * (1 + change) * np.linspace(0.9, 1.1, 125)
        return experiments.conditional_phase(values, coupler, low, True, amps, turns)

    def chevron(change: float) -> Any:
        amps = coupler.cz.amplitude_v * (1 + change) * np.linspace(0.8, 1.2, 61)
        return experiments.flux_rabi(values, coupler, "amplitude", amps, None, coupler.cz.length_s / 2)

    def line(stop: float, n: int, change: float) -> Any:
        return np.linspace(0.0, stop * (1 + change), n)

    spectrum = lambda c: experiments.spectroscopy(values, names, np.linspace(-38e6, 38e6, 51) * (1 + c), 150e-9)  # noqa: E731
    ramsey = lambda c: experiments.ramsey(values, some, line(6e-6, 49, c), 0.6e6, some)  # noqa: E731
    return {
        "spectroscopy": (spectrum, 400),
        "rabi": (lambda c: experiments.rabi(values, names, line(2.4, 61, c)), 400),
        "ramsey": (ramsey, 400),
        "train": (lambda c: experiments.pulse_train(values, names, np.linspace(0.95, 1.05, 25) + c, 12), 400),
        "t1": (lambda c: experiments.lifetime(values, names, line(1e-4, 21, c), echo=False), 400),
        "t2": (lambda c: experiments.lifetime(values, names, line(1e-4, 21, c), echo=True), 400),
        "cz_amplitude": (chevron, 400),
        "cz_phase": (phase, 400),
        "cz_phase_map": (phase_map, 400),
    }


def processor_s() -> float:
    """Return the processor time that this process and all below it have used, in seconds; other users don't count."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(folder.name)], ticks[int(folder.name)] = int(fields[1]), int(fields[11]) + int(fields[12])
    mine, found = {os.getpid()}, 1
    while found:
        more = {pid for pid, parent in parents.items() if parent in mine and pid not in mine}
        mine |= more
        found = len(more)
    return sum(ticks.get(pid, 0) for pid in mine) / os.sysconf("SC_CLK_TCK")


def measure(lab: Any, program: Any, shots: int) -> dict[str, float]:
    """Run a program, and return the time of each stage and of all in milliseconds a point."""
    begin = time.perf_counter()
    result = lab.run(program, shots=shots, averaged=True).result(timeout_s=120)
    all_in = time.perf_counter() - begin
    n_points = int(np.prod([len(sweep.values) for sweep in program.body.sweeps], initial=1))
    found = {name: result.timings.get(name, 0.0) for name in STAGES}
    found["other_s"] = all_in - sum(found.values())
    return {"all": all_in / n_points * 1e3, "points": n_points} | {k: v / n_points * 1e3 for k, v in found.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sweeps", nargs="*")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_lab(Path(folder), arguments.seed, Screen(True)) as lab:
        table = sweeps(lab.calibration("qpu0"))
        lab.run(experiments.prepared(lab.calibration("qpu0"), ("q0",), ()), shots=10).result(30)
        heads = ["cpu", "all", *(name.removesuffix("_s") for name in (*STAGES, "other_s"))]
        print("ms a point, medians of", arguments.rounds, "rounds; worst round of `all`")
        print(f"{'sweep':14}{'points':>7}" + "".join(f"{head:>9}" for head in heads) + f"{'worst':>9}")
        for name in arguments.sweeps or table:
            build, shots = table[name]
            used_s = processor_s()
            rounds = [measure(lab, build(1e-3 * (k + 1)), shots) for k in range(arguments.rounds)]
            used_s = (processor_s() - used_s) / sum(one["points"] for one in rounds)
            keys = ["all", *STAGES, "other_s"]
            row = f"{used_s * 1e3:9.3f}" + "".join(f"{np.median([one[key] for one in rounds]):9.3f}" for key in keys)
            worst = max(one["all"] for one in rounds)
            print(f"{name:14}{rounds[0]['points']:7d}{row}{worst:9.3f}", flush=True)


if __name__ == "__main__":
    main()
