"""Compile one straight line by itself: translate it where it may stand, time it, and say how long each stage took."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter

from qctl.compiler.compiled import Compiled
from qctl.compiler.routed import native_steps
from qctl.compiler.steps import StepLine
from qctl.compiler.target import Target
from qctl.program.opcodes import GATES, Op
from qctl.program.timeline import Timeline

__all__ = ["compile_line"]


def compile_line(
    line: StepLine,
    n_qubits: int,
    places: Sequence[int] | None,
    names: tuple[str, ...],
    target: Target,
    time: Callable[[StepLine], Timeline],
    begin_s: float,
    *,
    level: int,
    seed: int,
) -> Compiled:
    """Return a program that shares nothing with others.

    Parameters
    ----------
    line : StepLine
        Just unrolled.
    n_qubits : int
        Of the program.
    places : sequence of int or None
        Physical qubit of each of the program's qubits where they must not be moved.
    names : tuple of str
        The processor's qubits.
    target : Target
        The processor.
    time : function
        Times native steps on physical qubits.
    begin_s : float
        By perf_counter, when unrolling began.
    level, seed : int
        Of layout and routing.

    Raises
    ------
    CompileError
        If it can't be played on the processor; the message names what and where.
    """
    unrolled = perf_counter()
    steps = line.steps
    if places is not None:
        steps = tuple(step._replace(qubits=tuple(places[q] for q in step.qubits)) for step in steps)
        n_qubits = len(names)
    routed = native_steps(steps, n_qubits, target, fixed=places is not None, level=level, seed=seed)
    translated = perf_counter()
    timeline = time(StepLine(routed.steps, line.axes, line.n_repeats, line.bits, line.kept))
    timed = perf_counter()
    start, end = (routed.layout, routed.final_layout) if places is None else (places, places)
    return Compiled(
        timeline,
        tuple(names[q] for q in start),
        tuple(names[q] for q in end),
        sum(len(step.qubits) == 2 and step.op in GATES for step in routed.steps),
        sum(len(step.qubits) == 1 and step.op in GATES and step.op is not Op.RZ for step in routed.steps),
        (("unroll", unrolled - begin_s), ("translate", translated - unrolled), ("time", timed - translated)),
    )
