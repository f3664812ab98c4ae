"""What each channel of a tProcessor v1 is sent, told by the text and the data memory that are about to be uploaded."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.instruments.qick.v1_plan import DATA_ADDRESS

__all__ = ["rows_sent"]

_LINE = re.compile(r"(?:(?P<label>\w+): )?(?P<name>\w+) (?P<rest>.*);")
_ADDRESS, _GAIN, _MODE = 3, 4, 5
"""Places of these words among those of a `set`, behind channel and page."""


def rows_sent(program: str, data: NDArray[Any]) -> dict[int, NDArray[np.int64]]:
    """Return what each channel is sent by a program of `v1_program`: (n, 4) address, gain, length and flags.

    Registers are followed through the text once, each as the values that it has at all turns of the loop over points;
    where pulses depend on what was measured, both ways are taken to be gone.
    """
    lines = [_LINE.fullmatch(line) for line in program.splitlines()]
    n_turns, begins = 1, dict[int, int]()
    reads: dict[int, int] = {}
    for match in lines:
        if match is None:
            continue
        numbers = [int(x) for x in re.findall(r"-?\d+", match["rest"])]
        if match["name"] == "memr":
            reads[numbers[0]] = reads.get(numbers[0], 0) + 1
        if match["name"] == "regwi" and numbers[:2] == [0, 15]:
            n_turns = numbers[2] + 1
        if match["name"] == "regwi" and numbers[1] == 7:
            begins[numbers[0]] = numbers[2]
    values: dict[tuple[int, int], NDArray[np.int64]] = {}
    memory = np.concatenate([np.zeros(DATA_ADDRESS, np.int64), np.asarray(data, np.int64)])
    none, turns = np.zeros(n_turns, np.int64), np.arange(n_turns)
    at: dict[int, int] = {}
    sent: dict[int, set[tuple[int, ...]]] = {}
    for match in lines:
        if match is None:
            continue
        name, numbers = match["name"], [int(x) for x in re.findall(r"-?\d+", match["rest"])]
        page = numbers[0] if numbers else 0
        if name == "regwi":
            values[page, numbers[1]] = none + numbers[2]
        elif name == "bitwi" and "<<" in match["rest"]:
            values[page, numbers[1]] = values[page, numbers[2]] << numbers[3]
        elif name == "mathi" and numbers[1] != 7:
            values[page, numbers[1]] = values.get((page, numbers[2]), none) + numbers[3]
        elif name == "memr":
            k = at[page] = at.get(page, -1) + 1
            values[page, numbers[1]] = memory[begins[page] + k + turns * reads[page]]
        elif name == "memri":
            values[page, numbers[1]] = none + memory[numbers[2]]
        elif name == "set":
            found = [values.get((numbers[1], numbers[1 + n]), none) for n in (_ADDRESS, _GAIN, _MODE)]
            address, gain, mode = ((one + 2**31) % 2**32 - 2**31 for one in found)
            rows = np.stack([address, gain, mode & 0xFFFF, mode >> 16], axis=1)
            sent.setdefault(page, set()).update(map(tuple, np.unique(rows, axis=0).tolist()))
    return {channel: np.array(sorted(rows), np.int64) for channel, rows in sent.items()}
