"""The pulse benchmark in the words of each package: random sequences, and who makes device programs of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import chdir
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from tempfile import mkdtemp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.bench.pulses_racks import rack

__all__ = ["Made", "Work", "laboneq_side", "made_of", "pulser_side", "qctl_arrays", "qctl_programs"]
__all__ += ["qupulse_side", "work"]

PULSE_S = 20e-9


@dataclass(frozen=True)
class Made:
    """What a side made: its own product, its pulses of qubit 0, and their time in one sequence."""

    product: Any
    n_pulses: int
    length_s: float


@dataclass(frozen=True)
class Work:
    """Sequences of native gates: what randomized benchmarking plays, with turns of quarters between its pulses.

    Attributes
    ----------
    arrays : tuple
        As `qctl.Sequences` takes them.
    quarters : (n_sequences, n) int
        Quarters of a turn before each pulse of a single qubit.
    """

    arrays: tuple[Any, ...]
    quarters: NDArray[np.int64]
    n_qubits: int


@lru_cache(maxsize=8)
def work(n_qubits: int, n_pulses: int, n_sequences: int) -> Work:
    """Return random sequences of so many pulses each, cz of two qubits among them, with a measurement at the end."""
    from qctl.program.opcodes import Op

    rng = np.random.default_rng(7)
    quarters = rng.integers(0, 4, (n_sequences, n_pulses))
    rows: list[tuple[int, int, float, int]] = []
    offsets = [0]
    for s in range(n_sequences):
        kinds = rng.random(n_pulses) < (0.2 if n_qubits == 2 else 0.0)
        for k in range(n_pulses):
            if kinds[k]:
                rows += [(Op.CZ, 0, 0.0, 1), (Op.BARRIER, 0, 0.0, 0)]
            else:
                q = k % n_qubits
                rows += [(Op.RZ, q, quarters[s, k] * np.pi / 2, 0), (Op.SX, q, 0.0, 0), (Op.BARRIER, 0, 0.0, 0)]
        rows += [(Op.MEASURE, q, 0.0, 0) for q in range(n_qubits)]
        offsets.append(len(rows))
    ops, qubits, angles, second = (np.array(column) for column in zip(*rows, strict=True))
    arrays = (ops.astype(np.int64), qubits.astype(np.int64), angles.astype(float), np.array(offsets), second)
    return Work(arrays, quarters, n_qubits)


def _fresh() -> None:
    """Forget the words that this process keeps: every round renders all of them."""
    from qctl.instruments import rendering

    rendering.forget()


def made_of(ready: Any) -> Made:
    """Return what a finished run of qctl has; not part of what is timed."""
    flat = ready.straights
    names = {port.name: k for k, port in enumerate(flat.ports)}
    mine = (flat.plays["port"] == names["q0.drive"]) | (flat.plays["port"] == names["q1.drive"])
    mine |= flat.plays["port"] == names["q1.flux"]
    first = flat.plays[: flat.bounds[1]][mine[: flat.bounds[1]]]
    spans = (first["start"].max() - first["start"].min()) / float(flat.ports[names["q0.drive"]].rate_hz)
    return Made(ready, int(mine.sum()), float(spans) + PULSE_S)


def qctl_arrays(given: Work, kind: str) -> Callable[[], Any]:
    """From bare arrays, which are checked, to finished device programs; nothing kept from the round before."""
    import qctl

    lab = rack(kind)

    def run() -> Any:
        _fresh()
        return qctl.compile(qctl.Sequences(*given.arrays), lab, shots=100)

    return run


def qctl_programs(given: Work, kind: str) -> Callable[[], Any]:
    """From programs, one for each sequence, to finished device programs; nothing kept from the round before."""
    import qctl
    from qctl.program.opcodes import Op

    lab = rack(kind)
    ops, qubits, angles, offsets, _ = given.arrays
    programs = []
    for begin, end in pairwise(offsets.tolist()):
        p = qctl.Program(qubits=["q0", "q1"][: given.n_qubits], bits=["q0", "q1"][: given.n_qubits])
        for k in range(begin, end):
            q = int(qubits[k])
            if ops[k] == Op.RZ:
                p.rz(float(angles[k]), q)
            elif ops[k] == Op.SX:
                p.sx(q)
            elif ops[k] == Op.CZ:
                p.cz(0, 1)
            elif ops[k] == Op.BARRIER:
                p.barrier(*range(given.n_qubits))
            else:
                p.measure(q, q)
        programs.append(p)

    def run() -> Any:
        _fresh()
        return qctl.compile(programs, lab, shots=100)

    return run


def laboneq_side(given: Work) -> Callable[[], Made]:
    """From the quarters through an experiment of LabOne Q to SeqC and command table of an SHFQC, emulated."""
    import logging

    from laboneq import simple as lq

    setup = lq.DeviceSetup("bench")
    setup.add_dataserver(host="localhost", port="8004")
    setup.add_instruments(lq.SHFQC("dev", address="DEV12001", device_options="SHFQC/QC6CH"))
    setup.add_connections("dev", lq.create_connection(to_signal="q0/drive", ports="SGCHANNELS/0/OUTPUT"))
    calibration = lq.Calibration()
    calibration[setup.logical_signal_by_uid("q0/drive")] = lq.SignalCalibration(
        oscillator=lq.Oscillator(frequency=-200e6, modulation_type=lq.ModulationType.HARDWARE),
        local_oscillator=lq.Oscillator(frequency=5.0e9),
        range=0,
    )
    setup.set_calibration(calibration)
    with chdir(mkdtemp()):  # it writes its log where it is started
        session = lq.Session(setup, log_level=logging.ERROR)
    session.connect(do_emulation=True)
    pulse = lq.pulse_library.drag(uid="sx", length=PULSE_S, sigma=0.25, beta=0.1, amplitude=0.5)
    n = given.quarters.shape[1]
    length_s = n * PULSE_S

    def run() -> Made:
        experiment = lq.Experiment("bench", signals=[lq.ExperimentSignal("drive", map_to="q0/drive")])
        with experiment.acquire_loop_rt(uid="shots", count=1):
            for k, row in enumerate(given.quarters.tolist()):
                after = f"s{k - 1}" if k else None
                with experiment.section(uid=f"s{k}", play_after=after):
                    for quarter in row:
                        experiment.play(signal="drive", pulse=pulse, phase=quarter * np.pi / 2)
        made = session.compile(experiment)
        total_s = made.scheduled_experiment.total_execution_time
        return Made(made, round(total_s / PULSE_S), total_s / len(given.quarters) if total_s else length_s)

    return run


def qupulse_side(given: Work) -> Callable[[], Made]:
    """From the quarters through pulse templates of qupulse to its program and the samples of I and Q at 1.2 GSa/s."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from qupulse.pulses import AtomicMultiChannelPT, FunctionPT, SequencePT

    bell = "0.15*exp(-(t-10)*(t-10)/50)"
    times = (np.arange(24) + 0.5) / 1.2
    turns = [(1, 0), (0, 1), (-1, 0), (0, -1)]

    def run() -> Made:
        parts = [
            AtomicMultiChannelPT(FunctionPT(f"{c}*{bell}", 20, channel="I"), FunctionPT(f"{s}*{bell}", 20, channel="Q"))
            for c, s in turns
        ]
        samples, length_ns = [], 0.0
        for row in given.quarters.tolist():
            program = SequencePT(*[parts[quarter] for quarter in row]).create_program()
            length_ns = float(program.duration)
            samples += [
                [leaf.waveform.get_sampled(channel, times) for channel in ("I", "Q")]
                for leaf in program.get_depth_first_iterator()
                if leaf.is_leaf()
            ]
        return Made(samples, len(samples), length_ns * 1e-9)

    return run


def pulser_side(given: Work) -> Callable[[], Made]:
    """From the quarters through a sequence of Pulser to the samples of its channel, one a nanosecond."""
    import pulser
    from pulser.sampler import sample

    def run() -> Made:
        samples, n_pulses, length_s = [], 0, 0.0
        for row in given.quarters.tolist():
            sequence = pulser.Sequence(pulser.Register({"q0": (0, 0)}), pulser.devices.MockDevice)
            sequence.declare_channel("drive", "raman_local", initial_target="q0")
            wave = pulser.waveforms.BlackmanWaveform(20, np.pi / 2)
            for quarter in row:
                sequence.add(pulser.Pulse.ConstantDetuning(wave, 0.0, quarter * np.pi / 2), "drive")
            made = sample(sequence).channel_samples["drive"]
            samples.append(made)
            n_pulses += len(made.slots)
            length_s = sequence.get_duration() * 1e-9
        return Made(samples, n_pulses, length_s)

    return run
