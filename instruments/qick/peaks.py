"""The highest that each generator of a program reaches, from what is about to be sent."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from qctl.instruments.qick.board import Board
from qctl.instruments.qick.body import QickBody
from qctl.instruments.qick.v1_peaks import rows_sent
from qctl.instruments.qick.waves import CONSTANT

__all__ = ["peaks_of"]

_PLAYED = re.compile(r"WPORT_WR p(\d+) wmem \[&(\d+)\]")


def peaks_of(board: Board, body: QickBody, blobs: Mapping[str, NDArray[np.generic]]) -> dict[int, float]:
    """Return the highest magnitude that each generator plays, in parts of its full scale, by its number."""
    played = rows_sent(body.program, blobs[body.data]) if board.version == 1 else _rows_of_waves(body, blobs)
    found: dict[int, float] = {}
    for one in body.generators:
        generator = board.soccfg["gens"][one.number]
        rows = played.get(int(generator["tproc_ch"]), np.zeros((0, 4), np.int64))
        most = float(generator["maxv"])
        memory = np.asarray(blobs[one.envelopes] if one.envelopes else (), np.float64).reshape(-1, 2)
        height = np.hypot(memory[:, 0], memory[:, 1]) / most
        top = {}
        per_cycle = int(generator["samps_per_clk"])
        for address, length in {(int(row[0]), int(row[2])) for row in rows if row[3] != CONSTANT}:
            part = height[address * per_cycle : (address + length) * per_cycle]
            top[address, length] = float(part.max(initial=0.0))
        reached = [
            abs(int(row[1])) / most * (1.0 if row[3] == CONSTANT else top[int(row[0]), int(row[2])]) for row in rows
        ]
        found[one.number] = max(reached, default=0.0)
    return found


def _rows_of_waves(body: QickBody, blobs: Mapping[str, NDArray[np.generic]]) -> dict[int, NDArray[np.int64]]:
    """Return address, gain, length and flags of the waves that each port of a tProcessor v2 is sent."""
    waves = np.asarray(blobs[body.waves], np.int64).reshape(-1, 6)
    played: dict[int, set[int]] = {}
    for port, entry in set(_PLAYED.findall(body.program)):
        played.setdefault(int(port), set()).add(int(entry))
    return {port: waves[sorted(entries), 2:6] for port, entries in played.items()}
