"""Captures of one readout of a QICK board: its windows, its frequency, and the edges of the lines that trigger it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.cext import tproc
from qctl.errors import CompileError
from qctl.instruments.checker import check_number
from qctl.instruments.qick.board import Board
from qctl.program.timeline import CaptureSpec
from qctl.units import Rounded, rational_hz, to_ticks

__all__ = ["TRIGGER_TICKS", "edges", "spec_of", "window"]

TRIGGER_TICKS = 10
"""How long a trigger line stays up (qick: AsmV2.trigger)."""
STATIC_CONF = 0b01000
"""Of a wave that sets a readout's frequency (qick: ReadoutManager)."""


def spec_of(specs: Iterable[CaptureSpec], where: str) -> CaptureSpec:
    """Return what all captures of a readout have in common.

    Raises
    ------
    CompileError
        If a readout can't do what one of them wants, or two want different things.
    """
    first: CaptureSpec | None = None
    for spec in specs:
        what = f"capture into {spec.slot!r} on {spec.port}, {where}"
        if spec.mode == "raw":
            raise CompileError(f"{what}: it is raw, and a QICK board is compiled for integrated ones only")
        if spec.weights is not None:
            raise CompileError(f"{what}: it has weights, and a readout adds all samples alike: leave them out")
        if spec.ifs_hz is not None:
            raise CompileError(
                f"{what}: it has a swept frequency, which is set once for a run: compile each for itself"
            )
        first = first or spec
        if (spec.length_s, spec.if_hz) != (first.length_s, first.if_hz):
            raise CompileError(
                f"{what}: it has {spec.length_s * 1e9:g} ns and {spec.if_hz:.9g} Hz, and {first.slot!r} of the same "
                f"readout {first.length_s * 1e9:g} ns and {first.if_hz:.9g} Hz; window and frequency are set once for "
                "a run: give them one readout each, or one run each"
            )
    assert first is not None
    return first


def window(board: Board, number: int, readout: Mapping[str, Any], spec: CaptureSpec, where: str) -> Rounded:
    """Return a window in cycles of the readout, and its rounding."""
    found = to_ticks(spec.length_s, rational_hz(readout["f_output"] * 1e6))
    check_number(
        board.table, f"channels.readout{number - 1}.length", found.ticks, f"capture into {spec.slot!r} on {where}"
    )
    return found


def edges(
    lines: list[tuple[Mapping[str, Any], NDArray[np.int64], NDArray[np.int64]]],
) -> list[tuple[int, int, int, int, int]]:
    """Return the events that trigger readouts.

    Parameters
    ----------
    lines : list of (readout, (n,) int64, (n,) int64)
        Points and ticks at which each is triggered.

    Returns
    -------
    list of (point, tick, kind, port, value)
        Kind as `tproc.emit` takes it. Bits of one data port are written together.
    """
    events: list[tuple[int, int, int, int, int]] = []
    ports: dict[int, dict[tuple[int, int], list[tuple[int, int]]]] = {}
    for readout, points, ticks in lines:
        port = int(readout["trigger_port"])
        for point, tick in zip(points.tolist(), ticks.tolist(), strict=True):
            if readout["trigger_type"] not in ("dport", "output"):
                events.append((point, tick, tproc.SET, port, 0))
                events.append((point, tick + TRIGGER_TICKS, tproc.CLEAR, port, 0))
                continue
            bit = 1 << int(readout["trigger_bit"])
            ports.setdefault(port, {}).setdefault((point, tick), []).append((bit, 1))
            ports[port].setdefault((point, tick + TRIGGER_TICKS), []).append((bit, -1))
    for port, changes in ports.items():
        up: dict[int, int] = {}
        for point, tick in sorted(changes):
            for bit, change in changes[point, tick]:
                up[bit] = up.get(bit, 0) + change
            events.append((point, tick, tproc.PORT, port, sum(bit for bit, n in up.items() if n)))
    return events
