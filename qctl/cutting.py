"""What is cut into batches where programs exceed a memory: sweep points, shots, or nothing."""

from __future__ import annotations

from collections.abc import Sequence

from qctl.errors import CompileError
from qctl.instruments.limit_words import remedy_of
from qctl.instruments.registry import model_of
from qctl.program.device_program import DeviceProgram

__all__ = ["cut_of"]

_PLAYERS = frozenset(("player", "transceiver"))
_RECORDERS = frozenset(("recorder", "transceiver", "trigger"))


def cut_of(programs: Sequence[DeviceProgram], n_points: int, n_shots: int) -> tuple[str, int] | tuple[()]:
    """Return what is cut and into how many parts; nothing where all fits.

    Raises
    ------
    CompileError
        If neither fewer points nor fewer shots would help.
    """
    over = [(program, row) for program in programs for row in program.usage if not row.fits]
    if not over:
        return ()
    players = [pair for pair in over if model_of(pair[0].model).kind in _PLAYERS]
    ratio = max(-(-row.used // max(row.allowed, 1)) for _, row in players or over)
    if players and n_points > 1:
        return "points", min(max(ratio, 2), n_points)
    if all(model_of(program.model).kind in _RECORDERS for program, _ in over) and n_shots > 1:
        return "shots", min(max(ratio, 2), n_shots)
    program, row = (players or over)[0]
    most, remedy = f"; most of it is {row.place}" if row.place else "", remedy_of(row.resource)
    raise CompileError(
        f"one shot needs {row.used} {row.resource} of {program.instrument} ({program.model}), which has "
        f"{row.allowed}{most}" + (f": {remedy}" if remedy else ""),
        instrument=program.instrument,
        used=row.used,
        allowed=row.allowed,
    )
