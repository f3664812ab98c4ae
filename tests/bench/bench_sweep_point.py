"""Print what a sweep point costs: `python tests/bench/bench_sweep_point.py [--rounds N] [JOB ...]`; no test.

Every job is a typical one of a tune-up, which measures in one job what does not depend on one another; those whose
names end in `_alone` are single short sweeps of it. They run on the built-in lab transmon5 with server and instruments
in processes of their own; `tune_up` is a whole one, its fits and snapshots included (`cpu` and `all` alone). `all` is
the wall time from `run` to the result at the client, divided by the points; `cpu` is the processor time of all
processes together, which other users of the machine change less; the others are the server's own numbers, divided
alike. Rounds differ in their values, so that neither waveforms nor physics of one are known in the next.
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
from qctl.calibration.tuneup import calibrate
from qctl.cli.running import running_lab
from qctl.cli.screen import Screen
from qctl.program.program import Program

STAGES = (
    "queued_s", "prepare_s", "set_s", "upload_s", "start_s", "arm_s", "fire_s", "read_s", "stop_s", "reduce_s",
    "save_s",
)  # fmt: skip


Build = Callable[[float], list[Program]]
"""Returns a job's programs, by a small relative change of their values."""


TUNE_UP = "tune_up"
"""Name of a whole tune-up among the jobs."""


def sweeps(values: Any) -> dict[str, tuple[Build, int]]:
    """Return each job's programs as a function of a small relative change, and its shots."""
    names = tuple(values.qubits)
    groups = names[::2], names[1::2]
    couplers = tuple(values.couplers.values())
    coupler = couplers[0]
    low = next(name for name in coupler.qubits if name != coupler.flux_qubit)
    turns = np.linspace(0, 2 * np.pi, 8, endpoint=False)

    def phase(change: float, span: float = 0.008, n: int = 9) -> list[Program]:
        amps = coupler.cz.amplitude_v * (1 + change) * np.linspace(1 - span, 1 + span, n)
        return [experiments.conditional_phase(values, coupler, low, True, amps, turns)]

    def chevron(change: float) -> list[Program]:
        steps = (1 + change) * np.linspace(0.8, 1.2, 61)
        return [
            experiments.flux_rabi(values, one, "amplitude", one.cz.amplitude_v * steps, None, one.cz.length_s / 2)
            for one in couplers
        ]

    def line(stop: float, n: int, change: float) -> Any:
        return np.linspace(0.0, stop * (1 + change), n)

    def spectrum(change: float) -> list[Program]:
        detunings_hz = np.linspace(-38e6, 38e6, 51) * (1 + change)
        rest = experiments.at_rest(values, names, 8)
        return [rest, experiments.spectroscopy(values, names, detunings_hz, 150e-9)]

    def ramsey(change: float) -> list[Program]:
        return [experiments.ramsey(values, some, line(6e-6, 49, change), 0.6e6, some) for some in groups]

    def train(n_pulses: int, change: float) -> Program:
        span = 0.48 / n_pulses
        return experiments.pulse_train(values, names, np.linspace(1 - span, 1 + span, 25) + change, n_pulses)

    def lifetime(echo: bool, change: float) -> Program:
        return experiments.lifetime(values, names, line(1e-4, 21, change), echo)

    def beta(change: float) -> Program:
        return experiments.beta_train(values, names, np.linspace(-1e-9, 2e-9, 31) * (1 + change), 8)

    return {
        "spectroscopy": (spectrum, 400),
        "rabi": (lambda c: [experiments.rabi(values, names, line(2.4, 61, c))], 400),
        "ramsey": (ramsey, 400),
        "trains": (lambda c: [train(4, c), train(12, c)], 400),
        "beta_lifetimes": (lambda c: [beta(c), lifetime(False, c), lifetime(True, c)], 800),
        "cz_amplitude": (chevron, 400),
        "cz_phase": (phase, 400),
        "cz_phase_map": (lambda c: phase(c, 0.1, 125), 400),
        "train_alone": (lambda c: [train(12, c)], 400),
        "t1_alone": (lambda c: [lifetime(False, c)], 400),
        "t2_alone": (lambda c: [lifetime(True, c)], 400),
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


def measure(lab: Any, programs: list[Program], shots: int) -> dict[str, float]:
    """Run a job, and return the time of each stage and of all in milliseconds a point."""
    begin = time.perf_counter()
    result = lab.run(programs, shots=shots, averaged=True).result(timeout_s=120)
    all_in = time.perf_counter() - begin
    n_points = sum(int(np.prod([len(sweep.values) for sweep in one.body.sweeps], initial=1)) for one in programs)
    found = {name: result.timings.get(name, 0.0) for name in STAGES}
    found["other_s"] = all_in - sum(found.values())
    return {"all": all_in / n_points * 1e3, "points": n_points} | {k: v / n_points * 1e3 for k, v in found.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sweeps", nargs="*", help="names of jobs, or tune_up; all without any")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_lab(Path(folder), arguments.seed, Screen(True)) as lab:
        table = sweeps(lab.calibration("qpu0"))
        lab.run(experiments.prepared(lab.calibration("qpu0"), ("q0",), ()), shots=10).result(30)
        heads = ["cpu", "all", *(name.removesuffix("_s") for name in (*STAGES, "other_s"))]
        print("ms a point, medians of", arguments.rounds, "rounds; worst round of `all`")
        print(f"{'job':14}{'points':>7}" + "".join(f"{head:>9}" for head in heads) + f"{'worst':>9}")
        for name in arguments.sweeps or (*table, TUNE_UP):
            if name == TUNE_UP:
                used_s = processor_s()
                found = calibrate(lab)
                each = (processor_s() - used_s) / found.n_points, found.seconds / found.n_points
                print(f"{name:14}{found.n_points:7d}" + "".join(f"{s * 1e3:9.3f}" for s in each), flush=True)
                continue
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
