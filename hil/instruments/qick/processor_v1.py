"""The emulated tProcessor v1: what a program does, as rows in order of time, and what it leaves in data memory.

It has no memory of waves: a channel takes five words at once (frequency, phase, address, gain, and length with flags),
or one, which is the level of lines that trigger readouts.

Source: qick (``firmware/ip/axis_tproc64x32_x8_v1/src/ctrl.sv``; ``qick_lib/qick/asm_v1.py``: the five words).
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from qctl.cext import tproc_core
from qctl.cext import tproc_v1_core as kernel
from qctl.errors import RequestError
from qctl.hil.instruments.qick.processor import MOST_INSTRUCTIONS, MOST_ROWS, Done, told

__all__ = ["execute_v1"]

_FIRST_ROWS = 1 << 16
_COUNTER = 1
"""Address that the server reads shots from, unless told otherwise."""


def execute_v1(
    program: NDArray[np.uint64],
    memory: NDArray[np.int64],
    generators: Collection[int],
    inputs: NDArray[np.int64] | None = None,
) -> Done:
    """Run a program to its end.

    Parameters
    ----------
    program : (n,) uint64
        Program memory.
    memory : (n,) int64
        Data memory, which is changed.
    generators : collection of int
        Channels behind which generators are; others set levels.
    inputs : (n_reads, 2) int64, optional
        What each read of an input gives, in order: I and Q; 0 behind the last one.

    Raises
    ------
    RequestError
        If it leaves a memory, has what is no instruction, or does not end.
    """
    registers, state = np.zeros(kernel.N_REGISTERS, np.int64), np.zeros(kernel.N_STATE, np.int64)
    rows = np.empty((_FIRST_ROWS, 8), np.int64)
    given = np.zeros((0, 2), np.int64) if inputs is None else np.ascontiguousarray(inputs, np.int64)
    while (why := kernel.run(program, memory, registers, state, rows, given, MOST_INSTRUCTIONS)) == kernel.FULL:
        if len(rows) >= MOST_ROWS:
            raise RequestError(f"over {MOST_ROWS} events; the emulator holds no more")
        rows = np.concatenate([rows, np.empty((3 * len(rows), 8), np.int64)])
    at = int(state[0])
    if why == kernel.UNKNOWN:
        raise RequestError(f"instruction {at} ({int(program[at]):#018x}) is none of a tProcessor v1")
    told(why == kernel.OUTSIDE, why == kernel.TOO_MANY, at)
    done = rows[: int(state[3])]
    done = done[np.argsort(done[:, 0], kind="stable")]
    reads = done[:, 1] == kernel.READ
    waves = ~reads & np.isin(done[:, 2], list(generators))
    sent = done[waves, 3:8] & 0xFFFFFFFF
    words = np.column_stack([sent[:, :4], sent[:, 4] & 0xFFFF, sent[:, 4] >> 16])
    used, place = np.unique(words, axis=0, return_inverse=True)
    found = np.column_stack([done[:, 0], np.full(len(done), tproc_core.WORD), done[:, 2], done[:, 3] & 0xFFFFFFFF])
    found[reads, 1], found[reads, 3] = tproc_core.READ, done[reads, 3]
    found[waves, 1], found[waves, 3] = tproc_core.WAVE, place.reshape(-1)
    return Done(np.ascontiguousarray(found), used, int(memory[_COUNTER]), int(state[5]), memory)
