"""Time programs of neutral atoms: gates and Rydberg drives become plays on the ports of beams, each with its atoms.

Conventions. A qubit's 0 is the ground state that the Rydberg beam couples, 1 the other hyperfine state, as in Pulser
(H. Silvério et al., Quantum 6, 629 (2022)). A play's volts times the beam's `rabi_hz_per_v` are its Rabi frequency; its
frequency is the detuning of the light above the transition. CZ by a local beam is pi on the first atom, 2 pi on the
second and pi on the first again, at one Rabi frequency (D. Jaksch et al., Phys. Rev. Lett. 85, 2208 (2000)).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import pi
from time import perf_counter
from typing import cast

import numpy as np

from qctl.compiler.alone import compile_line
from qctl.compiler.beam_steps import BeamSteps
from qctl.compiler.compiled import Compiled
from qctl.compiler.light import latest
from qctl.compiler.standing import places_of
from qctl.compiler.steps import DRIVES, Step, StepLine
from qctl.compiler.sweep_values import grid_of
from qctl.compiler.target import target_of
from qctl.compiler.unroll import unroll
from qctl.errors import CompileError
from qctl.lab import Lab
from qctl.lab.atom import AtomQubit
from qctl.lab.snapshot import Values
from qctl.program.body import Body
from qctl.program.opcodes import Op
from qctl.program.timeline import CAPTURE, CaptureSpec, Timeline

__all__ = ["check_measured_last", "compile_on_beams", "time_beams"]


def time_beams(line: StepLine, body: Body, lab: Lab, values: Values) -> Timeline:
    """Return the timeline of a straight line on the processor's atoms.

    A step starts when its atoms and its beam are free (ASAP, as OpenPulse has it); a local beam waits until it points
    at its atom.

    Parameters
    ----------
    line : StepLine
        rz, sx, cz, rydberg, delays, barriers and measurements on the processor's qubits; plays and frames on beams.
    body : Body
        The program that the steps came from.
    lab : Lab
    values : Values
        The processor's calibrated values.

    Raises
    ------
    CompileError
        If something can't be played on these beams; the message names it.
    """
    grid, n_points = grid_of(line.axes)
    work = BeamSteps(body, lab, values, grid, n_points)
    for step in line.steps:
        work.step(step)
    return _timeline(work, line)


def check_measured_last(steps: Sequence[Step], names: Sequence[str]) -> None:
    """Refuse what comes after a measurement of the same atom: atoms are imaged once, at the end.

    Raises
    ------
    CompileError
        If something does.
    """
    measured: set[int] = set()
    for step in steps:
        if step.op is Op.MEASURE:
            measured |= set(step.qubits)
        elif step.op is not Op.BARRIER:
            late = measured & set(step.qubits) if step.qubits or step.op is not Op.RYDBERG else measured
            if late:
                raise CompileError(
                    f"{step.op.name.lower()} (instruction {step.where}) comes after {names[min(late)]} was measured: "
                    f"atoms are imaged once, at the end",
                    instruction=step.where,
                )


def _timeline(work: BeamSteps, line: StepLine) -> Timeline:
    """Return all plays with their ticks, and the atoms of each."""
    work.flush()
    n, table = work.n_points, work.table()
    # Captures are rows of no port: the camera sees all atoms when the last beam is off.
    captures = np.zeros((n, 0), CAPTURE)
    ends = latest(*work.free, *(beam.free for beam in work.beams.values()))
    return Timeline(
        tuple(table.actions), table.clocks, tuple(work.waveforms), table.plays, captures,
        np.array([float(x) for x in ends]), line.axes, _specs(work), work.body.bits, line.n_repeats,
        [play.label for play in work.plays], work.processor.name, tuple(play.targets for play in work.plays),
        work.moves.table(n),
    )  # fmt: skip


def _specs(work: BeamSteps) -> tuple[CaptureSpec, ...]:
    """Return one picture of each measured atom, by the instrument that its Rydberg beam is on."""
    if not work.measured:
        return ()
    port = next(p for p in work.ports if p.target in work.beams and p.outputs)
    specs = []
    for q, (when, bit) in work.measured.items():
        name = work.names[q]
        readout = cast(AtomQubit, work.values.qubits[name]).readout
        slot = work.body.bits[bit] if bit >= 0 else name
        specs.append(
            CaptureSpec(
                port.name,
                name,
                slot,
                bit,
                port.outputs[0].instrument,
                (),
                0.0,
                float(when[0]),
                readout.length_s,
                mode="bit",
                # An atom that is not seen was in the Rydberg level, or pushed out: fewer photons are 1.
                angle_rad=pi,
                threshold=-float(readout.threshold_counts),
                center0=None if readout.bright_counts is None else complex(readout.bright_counts),
                center1=None if readout.dark_counts is None else complex(readout.dark_counts),
                n_points=work.n_points,
            )
        )
    return tuple(specs)


def compile_on_beams(body: Body, lab: Lab, values: Values, seed: int, level: int) -> Compiled:
    """Compile a program for neutral atoms; one that drives beams itself keeps its qubits where they are."""
    begin_s = perf_counter()
    names = tuple(values.qubits)
    line = unroll(body)
    places = places_of(body, names)
    if places is None and any(step.op in DRIVES for step in line.steps):
        places = list(range(body.n_qubits))
    check_measured_last(line.steps, names if places is None else [names[q] for q in places])
    return compile_line(
        line, body.n_qubits, places, names, target_of(lab.processor(values.processor)),
        lambda native: time_beams(native, body, lab, values), begin_s, level=level, seed=seed,
    )  # fmt: skip
