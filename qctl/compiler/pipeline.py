"""From a program to its timeline: bind, translate, time; pure, and the same in every process."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from qctl.compiler.steps import StepLine
from qctl.compiler.tables import tables_of
from qctl.compiler.timing import time_program
from qctl.compiler.translate import native_steps, target_of
from qctl.compiler.unroll import unroll
from qctl.errors import CompileError, RequestError
from qctl.lab import Lab
from qctl.lab.snapshot import Snapshot, effective
from qctl.program.body import Body
from qctl.program.opcodes import Op
from qctl.program.places import name_place
from qctl.program.timeline import Timeline

if TYPE_CHECKING:
    from qctl.program.program import Program

__all__ = ["Compiled", "compile_program"]


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """A program, ready to be lowered.

    Attributes
    ----------
    timeline : Timeline
        All points with all starts.
    layout : tuple of str
        Qubit of lab.toml that each of the program's qubits starts on.
    final_layout : tuple of str
        Qubit of lab.toml that each of the program's qubits ends on.
    n_two_qubit_gates, n_pulses : int
        CZ gates and one-qubit pulses of one shot.
    times_s : tuple of (stage, seconds)
        How long each stage took.
    """

    timeline: Timeline
    layout: tuple[str, ...]
    final_layout: tuple[str, ...]
    n_two_qubit_gates: int
    n_pulses: int
    times_s: tuple[tuple[str, float], ...]


def compile_program(
    program: Program,
    lab: Lab,
    snapshot: Snapshot | None = None,
    qpu: str | None = None,
    *,
    seed: int = 0,
    level: int = 1,
) -> Compiled:
    """Return a program's timeline on a processor.

    Parameters
    ----------
    program : Program
        Gates, pulses or both; all parameters bound.
    lab : Lab
        The laboratory.
    snapshot : Snapshot, optional
        Calibrated values over the design values of the lab.
    qpu : str, optional
        Processor; the lab's only one if None.
    seed : int
        Seed of layout and routing.
    level : int
        How hard to optimise: 0 no layout search, 1 the default.

    Raises
    ------
    CompileError
        If the program can't be played on the processor; the message names what and where.
    """
    try:
        return _compiled(program.body, lab, snapshot, qpu, seed, level)
    except CompileError as error:
        name_place(error, program.body)
        raise


def _compiled(body: Body, lab: Lab, snapshot: Snapshot | None, qpu: str | None, seed: int, level: int) -> Compiled:
    begin = perf_counter()
    processor = lab.processor(_only(lab) if qpu is None else qpu)
    values = effective(lab, processor.name, snapshot)
    target = target_of(processor)
    line = unroll(body)
    unrolled = perf_counter()
    names = tuple(values.qubits)
    places = _places(body, names)
    steps = line.steps
    if places is not None:
        steps = tuple(step._replace(qubits=tuple(places[q] for q in step.qubits)) for step in steps)
    n_qubits = body.n_qubits if places is None else len(names)
    routed = native_steps(steps, n_qubits, target, level=level, seed=seed, fixed=places is not None)
    translated = perf_counter()
    timeline = time_program(StepLine(routed.steps, line.axes, line.n_repeats), body, tables_of(lab, values))
    timed = perf_counter()
    start, end = routed.layout, routed.final_layout
    if places is not None:
        start = end = tuple(places)
    return Compiled(
        timeline,
        tuple(names[q] for q in start),
        tuple(names[q] for q in end),
        sum(step.op is Op.CZ for step in routed.steps),
        sum(step.op is Op.SX for step in routed.steps),
        (("unroll", unrolled - begin), ("translate", translated - unrolled), ("time", timed - translated)),
    )


def _only(lab: Lab) -> str:
    if len(lab.processors) != 1:
        raise RequestError(
            f"lab {lab.name} has {len(lab.processors)} processors: name one of {', '.join(lab.processors)}"
        )
    return next(iter(lab.processors))


def _places(body: Body, names: tuple[str, ...]) -> list[int] | None:
    """Return the physical qubit of each of the program's qubits where they must not be moved, else None.

    A program with ports stays where it is, and so does one that calls any of its qubits by a physical name.
    """
    physical = [_physical(name, names) for name in body.qubits]
    if not body.ports and not any(place is not None for place in physical):
        return None
    if body.n_qubits > len(names):
        raise CompileError(f"the program has {body.n_qubits} qubits, the processor {len(names)}")
    if all(place is None for place in physical):
        return list(range(body.n_qubits))
    free = iter(sorted(set(range(len(names))) - {place for place in physical if place is not None}))
    return [next(free) if place is None else place for place in physical]


def _physical(name: str, names: tuple[str, ...]) -> int | None:
    """Return the index of a physical qubit, called by its name in lab.toml or as OpenQASM's ``$3``; else None."""
    if name in names:
        return names.index(name)
    if name[:1] == "$" and name[1:].isdigit():
        if int(name[1:]) >= len(names):
            raise CompileError(f"qubit {name} is outside the {len(names)} qubits of the processor")
        return int(name[1:])
    return None
