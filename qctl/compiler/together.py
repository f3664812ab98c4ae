"""Programs that are native lines and were timed together: one thing for all of them, each made when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from qctl.compiler.compiled import Compiled, Origin
from qctl.compiler.timing import Timing
from qctl.program.body import Body
from qctl.program.opcodes import Op
from qctl.program.straights import Straights
from qctl.program.timeline import CaptureSpec

__all__ = ["Together"]


class Together(Sequence[Compiled]):
    """All programs of a call, if they are native lines on the same qubits.

    Parameters
    ----------
    timing : Timing
        Of all of them, in order.
    bodies : sequence of Body
        The programs.
    layout : tuple of str
        Qubit of lab.toml of each of the programs' qubits.
    times_s : tuple of (stage, seconds)
        How long each stage took for one of them.
    """

    def __init__(
        self, timing: Timing, bodies: Sequence[Body], layout: tuple[str, ...], times_s: tuple[tuple[str, float], ...]
    ) -> None:
        self.timing = timing
        self.bodies = bodies
        self.layout = layout
        self.times_s = times_s

    @cached_property
    def _points(self) -> tuple[Straights, list[tuple[CaptureSpec, ...]]]:
        return self.timing.straights(self.bodies)

    @property
    def straights(self) -> Straights:
        """Return the points of all programs, one of each."""
        return self._points[0]

    @property
    def specs(self) -> list[tuple[CaptureSpec, ...]]:
        """Return what each program captures."""
        return self._points[1]

    @cached_property
    def origins(self) -> list[Origin | None]:
        """Return what each program was timed from."""
        return [Origin(self.timing, s, None, _no_native) for s in range(len(self.bodies))]

    @property
    def meets(self) -> bool:
        """Say whether the first captures of all programs that have any start at one time, ticks being whole."""
        if self.timing.made.alike:
            return True
        flat = self.straights
        first = flat.captures[flat.capture_bounds[:-1][np.diff(flat.capture_bounds) > 0]]
        starts = set(zip(first["port"].tolist(), first["start"].tolist(), strict=True))
        return len({start / flat.ports[port].rate_hz for port, start in starts}) < 2

    def __len__(self) -> int:
        return len(self.bodies)

    def __getitem__(self, key: Any) -> Any:
        return self._all[key]

    @cached_property
    def _all(self) -> tuple[Compiled, ...]:
        timelines = self.timing.timelines(self.bodies, (), 1)
        table, bounds = self.timing.rows.rows, self.timing.rows.bounds
        counts = [np.add.reduceat(table["op"] == op, bounds[:-1]).tolist() for op in (Op.CZ, Op.SX)]
        return tuple(
            Compiled(timeline, self.layout, self.layout, n_cz, n_sx, self.times_s, origin)
            for timeline, n_cz, n_sx, origin in zip(timelines, *counts, self.origins, strict=True)
        )


def _no_native(_: Body) -> None:
    """Say that a line is played as it stands."""
