"""Upload what a board doesn't hold yet: envelopes, settings, memories and program, each known by its content.

A changed amplitude, phase or frequency is in the wave memory alone, which is sent whole: it is at most 1,024 rows. A
tProcessor v1 has what differs from point to point in data memory, and all else in its program.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.instruments.qick import v1_code
from qctl.instruments.qick.board import Board
from qctl.instruments.qick.board_link import BoardLink
from qctl.instruments.qick.body import QickBody, Readout
from qctl.instruments.qick.machine_code import machine_code
from qctl.instruments.qick.v1_plan import DATA_ADDRESS

__all__ = ["Held", "readout_registers", "upload", "wave_memory"]

Blobs = Mapping[str, NDArray[np.generic]]


@dataclass(slots=True)
class Held:
    """What a board holds, as far as this driver put it there."""

    program: str = ""
    waves: str = ""
    data: str = ""
    envelopes: dict[int, str] = field(default_factory=dict)
    settings: dict[tuple[str, int], tuple[Any, ...]] = field(default_factory=dict)


def upload(link: BoardLink, board: Board, body: QickBody, blobs: Blobs, held: Held) -> int:
    """Bring a board to what a program needs of it, and return the bytes of envelopes and wave memory sent.

    Raises
    ------
    RefusedError
        If the board refuses any of it, in its words.
    """
    n_bytes = 0
    for one in body.generators:
        if one.envelopes and held.envelopes.get(one.number) != one.envelopes:
            held.envelopes.pop(one.number, None)
            samples = np.ascontiguousarray(blobs[one.envelopes], np.int16).reshape(-1, 2)
            link.call("load_envelope", ch=one.number, data=samples, addr=0)
            held.envelopes[one.number] = one.envelopes
            n_bytes += samples.nbytes
        _set(link, held, "set_nyquist", one.number, one.nyquist_zone)
        if one.mixer_hz is not None:
            _set(link, held, "set_mixer_freq", one.number, one.mixer_hz / 1e6)
    for reading in body.readouts:
        if "tproc_ctrl" not in board.soccfg["readouts"][reading.number]:
            registers = tuple(readout_registers(board, reading).items())
            _set(link, held, "configure_readout", reading.number, registers)
    sent = _v1_memories if board.version == 1 else _v2_memories
    return n_bytes + sent(link, body, blobs, held)


def _v1_memories(link: BoardLink, body: QickBody, blobs: Blobs, held: Held) -> int:
    """Write the program, and what its loops read; its counter's address is the server's affair."""
    program, n_bytes = blake2b(body.program.encode()).hexdigest(), 0
    if held.data != body.data and len(blobs[body.data]):
        held.data = ""
        data = np.ascontiguousarray(blobs[body.data], np.int32)
        link.call("load_mem", data, mem_sel="dmem", addr=DATA_ADDRESS)
        held.data = body.data
        n_bytes += data.nbytes
    if held.program != program:
        held.program = ""
        link.call("load_bin_program", [int(word) for word in v1_code.machine_code(body.program)])
        held.program = program
    return n_bytes


def _v2_memories(link: BoardLink, body: QickBody, blobs: Blobs, held: Held) -> int:
    """Write the program, which takes the waves with it, or the waves alone."""
    program = blake2b(body.program.encode()).hexdigest()
    waves = wave_memory(np.asarray(blobs[body.waves], np.int64).reshape(-1, 6))
    if held.program != program:
        held.program = held.waves = ""
        memory = {"pmem": machine_code(body.program), "wmem": waves, "dmem": None}
        link.call("load_bin_program", memory, load_mem=True)
        held.program, held.waves = program, body.waves
        return waves.nbytes
    if held.waves == body.waves:
        return 0
    held.waves = ""
    link.call("load_mem", waves, mem_sel="wmem", addr=0)
    held.waves = body.waves
    return waves.nbytes


def _set(link: BoardLink, held: Held, call: str, number: int, value: Any) -> None:
    """Make a setting of a channel, unless it is made."""
    key = (call, number)
    if held.settings.get(key) == (value,):
        return
    held.settings.pop(key, None)
    link.call(call, number, dict(value) if isinstance(value, tuple) else value)
    held.settings[key] = (value,)


def readout_registers(board: Board, one: Readout) -> dict[str, Any]:
    """Return the registers of a readout that the processor doesn't set, as qick's calc_ro_regs names them.

    Down-conversion turns the other way (qick: FLIP_DOWNCONVERSION).
    """
    readout = board.soccfg["readouts"][one.number]
    steps = -round(one.frequency_hz / board.step_hz(readout))
    registers: dict[str, Any] = {"f_int": steps % 2 ** int(readout["b_dds"]), "f_rounded": one.frequency_hz / 1e6}
    if readout.get("has_outsel", True):
        registers["sel"] = "product"
    if "b_phase" in readout:
        registers |= {"phase_int": 0, "phase_rounded": 0.0}
    return registers


def wave_memory(rows: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return the content of wave memory, (n_waves, 8) int32, of rows with the columns `FIELDS`."""
    memory = np.zeros((len(rows), 8), np.uint32)
    memory[:, :6] = rows & 0xFFFFFFFF
    return memory.view(np.int32)
