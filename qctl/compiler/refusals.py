"""Refusals of timing: what the kernels report by number, said with names, numbers and place."""

from __future__ import annotations

from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from qctl.compiler.labels import Names
from qctl.errors import CompileError, InternalError
from qctl.lab import TransmonCoupler
from qctl.program.opcodes import Op

__all__ = ["refuse_frames", "refuse_schedule"]


def refuse_schedule(fault: str, k: int, names: Names) -> NoReturn:
    """Raise for what `schedule.schedule` reports of row k."""
    row, tables = names.rows.rows[k], names.tables
    op, where = Op(int(row["op"])), int(names.rows.wheres[k])
    if fault == "op":
        raise CompileError(f"{op.name.lower()} (instruction {where}) can't be timed on this processor")
    if fault == "no input":
        port = tables.lines.lines[names.line(k)].port.name
        raise CompileError(f"port {port} of the capture at instruction {where} has no input")
    name = tables.names[int(names.rows.places[int(row["a"])])]
    if fault == "no coupler":
        raise CompileError(f"{name} and {tables.names[int(names.rows.places[int(row['b'])])]} have no coupler")
    if fault == "late reset":
        raise CompileError(
            f"reset of {name} at instruction {where} comes after pulses: qubits of {tables.values.processor} are reset "
            f"by waiting between shots only",
            instruction=where,
        )
    role = "readout" if fault == "no readout" else "drive"
    raise CompileError(f"{name} has no port {name}.{role} in lab.toml")


def refuse_frames(fault: str, k: int, names: Names, state: NDArray[np.float64]) -> NoReturn:
    """Raise for what `frames.walk` reports of row k; `state` has the frequency of every frame there."""
    row, rows, tables = names.rows.rows[k], names.rows, names.tables
    op = int(row["op"])
    if fault == "line":
        if op != Op.CZ:
            raise InternalError(f"row {k} has no line")
        pair = int(tables.couplers[int(rows.places[int(row["a"])]), int(rows.places[int(row["b"])])])
        coupler = tables.values.couplers[tables.pair_names[pair]]
        assert isinstance(coupler, TransmonCoupler)
        raise CompileError(f"{coupler.flux_qubit} has no port {coupler.flux_qubit}.flux in lab.toml")
    line = names.line(k)
    wired = tables.lines.lines[line]
    at = int(rows.frame_states[int(row["a"])]) if op >= Op.PLAY else line
    away_hz = abs(float(state[at, 0]) - wired.lo_hz)
    lo = wired.port.lo or (wired.port.outputs[0] if wired.lo_hz else "none")
    raise CompileError(
        f"{names.label(k)}: the frequency is {away_hz:.12g} Hz from that of its LO ({lo}, {wired.lo_hz:.12g} Hz); "
        f"port {wired.port.name} reaches less than {float(wired.rate_hz) / 2:.12g} Hz: move the LO nearer to the tone"
    )
