"""Time programs of trapped ions: preparation, gates as pulses on beams, TTL and DDS settings, photon counting."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from qctl.compiler.alone import compile_line
from qctl.compiler.compiled import Compiled
from qctl.compiler.ion_ports import Measured
from qctl.compiler.ion_steps import IonSteps
from qctl.compiler.light import TICK_HZ
from qctl.compiler.standing import places_of
from qctl.compiler.steps import Step, StepLine
from qctl.compiler.sweep_values import grid_of
from qctl.compiler.target import target_of
from qctl.compiler.unroll import unroll
from qctl.errors import CompileError
from qctl.lab import Lab
from qctl.lab.snapshot import Values
from qctl.program.body import Body
from qctl.program.opcodes import Op
from qctl.program.timeline import CAPTURE, Action, CaptureSpec, Timeline

__all__ = ["compile_on_ions", "time_ions"]

_AFTER = frozenset((Op.BARRIER, Op.MEASURE, Op.RZ, Op.DELAY))
"""What may come after a measurement."""


def time_ions(line: StepLine, body: Body, lab: Lab, values: Values) -> Timeline:
    """Return the timeline of a straight line on the processor's ions.

    Gates come one after the other, each as soon as its ions and beams are free; measured ions are counted together at
    the end.

    Parameters
    ----------
    line : StepLine
        rz, rphi, rx, ry, ms, delays, barriers and measurements on the processor's qubits; plays, captures, frames, TTL
        and DDS settings on ports.
    body : Body
        The program that the steps came from.
    lab : Lab
    values : Values
        The processor's calibrated values.

    Raises
    ------
    CompileError
        If something can't be played on these ions; the message names it.
    """
    grid, n_points = grid_of(line.axes)
    work = IonSteps(body, lab, values, grid, n_points)
    for step in line.steps:
        work.step(step)
    ends = work.finish()
    table = work.table()
    specs = tuple(_spec(work, one) for one in work.measured)
    counted = (
        Action(Op.CAPTURE, spec.port, round(spec.start_s * float(TICK_HZ)), slot=spec.slot, length_s=spec.length_s)
        for spec in specs
    )
    # Captures are rows of no port: a counter has gates of its own, which the specs say.
    return Timeline(
        (*table.actions, *counted), table.clocks, tuple(work.waveforms), table.plays, np.zeros((n_points, 0), CAPTURE),
        np.array([float(x) for x in ends]), line.axes, specs, body.bits, line.n_repeats,
        [play.label for play in work.plays], work.processor.name, tuple(play.targets for play in work.plays),
    )  # fmt: skip


def _spec(work: IonSteps, one: Measured) -> CaptureSpec:
    """Return what is counted, by the counter that the ion's readout port is on."""
    name = work.names[one.qubit]
    port = work.states[f"{name}.readout"].port
    starts_s = np.array([float(start) for start in one.starts])
    later = [other.bit for other in work.measured[work.measured.index(one) + 1 :]]
    return CaptureSpec(
        port.name,
        name,
        one.slot,
        -1 if one.bit in later else one.bit,
        port.inputs[0].instrument,
        (port.inputs[0].input,),
        0.0,
        float(starts_s[0]),
        one.length_s,
        _varying(starts_s),
        mode=one.mode,
        threshold=float(work._ion(one.qubit).readout.threshold_counts),
        n_points=work.n_points,
    )


def _varying(starts_s: NDArray[np.float64]) -> NDArray[np.float64] | None:
    return starts_s if len(starts_s) > 1 and np.ptp(starts_s) else None


def check_measured_last(steps: Sequence[Step], names: Sequence[str]) -> None:
    """Refuse gates on an ion after its measurement: detection light is on all ions, once, at the end.

    Raises
    ------
    CompileError
        If there is one.
    """
    measured: set[int] = set()
    for step in steps:
        if step.op is Op.MEASURE:
            measured |= set(step.qubits)
        elif step.op not in _AFTER and (late := measured & set(step.qubits)):
            raise CompileError(
                f"{step.op.name.lower()} (instruction {step.where}) comes after {names[min(late)]} was measured: ions "
                f"are measured once, together, at the end",
                instruction=step.where,
            )


def compile_on_ions(body: Body, lab: Lab, values: Values, seed: int, level: int) -> Compiled:
    """Compile a program for trapped ions; one that names ports keeps its qubits where they are."""
    begin_s = perf_counter()
    names = tuple(values.qubits)
    line = unroll(body)
    places = places_of(body, names)
    check_measured_last(line.steps, names if places is None else [names[q] for q in places])
    return compile_line(
        line, body.n_qubits, places, names, target_of(lab.processor(values.processor)),
        lambda native: time_ions(native, body, lab, values), begin_s, level=level, seed=seed,
    )  # fmt: skip
