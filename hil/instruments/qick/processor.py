"""The emulated tProcessor v2: program memory to fields, and what a program does, as rows in order of time.

Source: qick 0.2.436 (``tprocv2_assembler.py``): the 72 bits of an instruction, from the highest: 3 of kind, 1 whether
the address is a number, 2 of the data's format, 3 of condition, 7 of what is done, 11 of address, 6 of port, 32 of
data, 7 of destination. An instruction takes one core cycle, and a taken jump four: unverified.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.cext import tproc_core as kernel
from qctl.errors import RequestError

__all__ = ["MOST_INSTRUCTIONS", "MOST_ROWS", "Done", "execute", "fields_of", "told"]

_FIELDS = ((69, 3), (66, 2), (63, 3), (56, 7), (45, 11), (39, 6), (7, 32), (0, 7), (68, 1))
"""Lowest bit and width: kind, format, condition, deed, address, port, data, destination, whether a number."""
_FIRST_ROWS, MOST_ROWS = 1 << 16, 6_000_000
MOST_INSTRUCTIONS = 60_000_000
_SLOTS = 4096
"""Waves that a program may make beside those of its memory, at first."""
_COUNTER = 12
_KINDS = ("test", "jump", "control", "peripheral", "register", "memory", "port", "")


class Done(NamedTuple):
    """What a program has done.

    Attributes
    ----------
    rows : (n, 4) int64
        In order of time: tick of the timing clock, kind (wave, word, trigger or read), port, row of `waves`, word or
        number of the read.
    waves : (n_waves, 6) int64
        Words of the waves that have been played.
    n_shots : int
        What the counter that the server reads has come to.
    n_late : int
        Events that were reached after they were due, and played late.
    memory : (n,) int64
        Data memory when all is over.
    """

    rows: NDArray[np.int64]
    waves: NDArray[np.int64]
    n_shots: int
    n_late: int
    memory: NDArray[np.int64]


def fields_of(memory: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the fields of (n, 8) words of program memory, (n, 9) as `tproc_core.run` takes them."""
    words = np.ascontiguousarray(memory[:, :3], np.int32).view(np.uint32).astype(np.uint64)
    low = words[:, 0] | words[:, 1] << np.uint64(32)
    high = words[:, 2]
    found = np.zeros((len(words), len(_FIELDS)), np.int64)
    for column, (first, width) in enumerate(_FIELDS):
        if first >= 64:
            value = high >> np.uint64(first - 64)
        else:
            value = low >> np.uint64(first)
            if first + width > 64:
                value |= high << np.uint64(64 - first)
        found[:, column] = value & np.uint64((1 << width) - 1)
    return found


def execute(
    program: NDArray[np.int32],
    waves: NDArray[np.int64],
    memory: NDArray[np.int64],
    pace: Fraction,
    sizes: dict[str, Any],
    inputs: NDArray[np.int64] | None = None,
) -> Done:
    """Run a program to its end.

    Parameters
    ----------
    program : (n, 8) int32
        Program memory.
    waves : (n_entries, 6) int64
        Wave memory, words as they are.
    memory : (n,) int64
        Data memory.
    pace : Fraction
        Ticks of the timing clock in a core cycle.
    sizes : dict
        The processor's own configuration.
    inputs : (n_reads, 2) int64, optional
        What each read of a data port gives, in order: I and Q; 0 behind the last one.

    Raises
    ------
    RequestError
        If it does something that is not emulated, leaves a memory, or does not end.
    """
    code = fields_of(program)
    n_entries = int(sizes["wmem_size"])
    log = np.zeros((n_entries + _SLOTS, 6), np.int64)
    log[: len(waves)] = waves
    held = np.arange(n_entries, dtype=np.int64)
    registers, state = np.zeros(kernel.N_REGISTERS, np.int64), np.zeros(kernel.N_STATE, np.int64)
    state[4] = n_entries
    rows = np.empty((_FIRST_ROWS, 4), np.int64)
    held_memory = memory.copy()
    given = np.zeros((0, 2), np.int64) if inputs is None else np.ascontiguousarray(inputs, np.int64)
    while True:
        why = kernel.run(
            code,
            held_memory,
            log,
            held,
            registers,
            state,
            rows,
            given,
            pace.numerator,
            pace.denominator,
            MOST_INSTRUCTIONS,
        )
        if why != kernel.FULL:
            break
        if len(rows) >= MOST_ROWS or len(log) >= MOST_ROWS:
            raise RequestError(f"over {MOST_ROWS} events or waves; the emulator holds no more")
        if state[3] >= len(rows):
            rows = np.concatenate([rows, np.empty((3 * len(rows), 4), np.int64)])
        if state[4] >= len(log):
            log = np.concatenate([log, np.zeros((3 * len(log), 6), np.int64)])
    at = int(state[0])
    if why == kernel.UNKNOWN:
        kind = _KINDS[int(code[at, 0])]
        raise RequestError(f"instruction {at} ({kind}, {int(code[at, 3]):#04x}) is not emulated")
    told(why == kernel.OUTSIDE, why == kernel.TOO_MANY, at)
    done = rows[: int(state[3])]
    done = done[np.argsort(done[:, 0], kind="stable")]
    used, place = np.unique(log[: int(state[4])], axis=0, return_inverse=True)
    is_wave = done[:, 1] == kernel.WAVE
    done[is_wave, 3] = place.reshape(-1)[done[is_wave, 3]]
    return Done(done, used, int(registers[_COUNTER]), int(state[7]), held_memory)


def told(outside: bool, too_many: bool, at: int) -> None:
    """Say what stopped a program before its end, if anything did.

    Raises
    ------
    RequestError
        If it left a memory with the instruction before `at`, or went on for too long.
    """
    if outside:
        raise RequestError(f"instruction {at - 1} leaves program or data memory, or the stack")
    if too_many:
        raise RequestError(f"the program has not ended after {MOST_INSTRUCTIONS} instructions")
