"""From a program to its timeline: bind, translate, time; pure, and the same in every process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qctl.lab import Lab
    from qctl.lab.snapshot import Snapshot
    from qctl.program.program import Program
    from qctl.program.timeline import Timeline

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
    raise NotImplementedError
