"""The DC generators of the emulated QDAC-II: lists and sweeps that step in lab time or on triggers.

Source: QCoDeS contrib ``QDevil/QDAC2.py`` (List_Context, Sweep_Context: trigger sources imm, bus, hold, int, ext;
``init`` arms, ``init:cont`` arms again after each run).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import numpy as np

from qctl.hil.instruments.scpi.errors import refusal

if TYPE_CHECKING:
    from qctl.hil.instruments.qdevil_qdac2 import QdevilQdac2

__all__ = ["Generators", "Ramp"]

_POLL_S = 1e-3


class Ramp:
    """An output on its way to a level, in lab time."""

    def __init__(self) -> None:
        self._start_v = self._stop_v = self._since_s = 0.0
        self._slew = 0.0

    def volts(self, now_s: float) -> float:
        """Return the voltage now."""
        way = self._slew * max(0.0, now_s - self._since_s)
        left = self._stop_v - self._start_v
        if self._slew <= 0 or way >= abs(left):
            return self._stop_v
        return self._start_v + (way if left > 0 else -way)

    def go(self, volts: float, slew_v_per_s: float, now_s: float) -> None:
        """Start towards a level from wherever it is."""
        self._start_v, self._stop_v = self.volts(now_s), volts
        self._since_s, self._slew = now_s, slew_v_per_s


class Generators:
    """The list and sweep generators of all outputs.

    Parameters
    ----------
    box : QdevilQdac2
        Whose settings say what runs.
    """

    def __init__(self, box: QdevilQdac2) -> None:
        self._box = box
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._steps: dict[int, asyncio.Queue[None]] = {}
        self._armed: set[int] = set()
        self._left: dict[int, int] = {}

    def cycles_left(self, output: int) -> int:
        """Return how many repetitions a generator has still to do."""
        return self._left.get(output, 0)

    def initiate(self, output: int) -> Any:
        """Arm one generator; with an immediate trigger it runs at once."""
        box = self._box
        mode = box.value("mode", output)
        if mode == "FIX":
            if box.value("trigger", output) == "IMM":
                return self._fixed(output)
        elif not self._points(output):
            raise refusal(-221, f"output {output} has no list")
        self._armed.add(output)
        if box.value("trigger", output) == "IMM":
            return self.trigger("IMM", output)
        return None

    def rearm(self, output: int) -> None:
        """Arm or disarm one generator as its continuous initiation says."""
        if self._box.value("continuous", output):
            self._armed.add(output)
        else:
            self._armed.discard(output)

    def trigger(self, source: str, only: int | None = None) -> None:
        """Start or step what is armed for a trigger source."""
        box = self._box
        for output in sorted(self._armed | set(self._steps)):
            if box.value("trigger", output) != source or only not in (None, output):
                continue
            if output in self._steps:
                self._steps[output].put_nowait(None)
            elif output in self._armed:
                if not box.value("continuous", output):
                    self._armed.discard(output)
                self._start(output)

    async def abort(self, output: int) -> None:
        """Stop one generator; the output stays where it is."""
        self._armed.discard(output)
        self._steps.pop(output, None)
        task = self._tasks.pop(output, None)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        self._left.pop(output, None)

    async def abort_all(self) -> None:
        """Stop all generators."""
        for output in list(self._tasks.keys() | self._armed):
            await self.abort(output)

    async def _fixed(self, output: int) -> None:
        box = self._box
        box.put("level_v", box.value("next_v", output), output)
        await box.drive(output, box.value("level_v", output))

    def _points(self, output: int) -> list[float]:
        box = self._box
        if box.value("mode", output) == "LIST":
            points = list(box.value("list_v", output))
            way = box.value("list_way", output)
        else:
            ends = (box.value("sweep_start_v", output), box.value("sweep_stop_v", output))
            points = [float(v) for v in np.linspace(*ends, box.value("sweep_points", output))]
            way = box.value("sweep_way", output)
        return points if way == "UP" else points[::-1]

    def _start(self, output: int) -> None:
        old = self._tasks.pop(output, None)
        if old is not None:
            old.cancel()
        if self._box.value("mode", output) == "FIX":
            task = asyncio.get_running_loop().create_task(self._fixed(output))
        else:
            task = asyncio.get_running_loop().create_task(self._run(output))
        self._tasks[output] = task

    async def _run(self, output: int) -> None:
        box = self._box
        group = "list" if box.value("mode", output) == "LIST" else "sweep"
        stepped = group == "list" and box.value("list_tmode", output) == "STEP"
        if stepped:
            self._steps[output] = asyncio.Queue()
        points = self._points(output)
        count = box.value(group + "_count", output)
        self._left[output] = count
        due_s = await box.plant.now_s() + box.value("delay_s", output)
        first = True
        try:
            while self._left[output]:
                for volts in points:
                    if stepped and not first:
                        await self._steps[output].get()
                    elif not stepped:
                        due_s = await self._wait(due_s, box.value(group + "_dwell_s", output), first)
                    first = False
                    await box.drive(output, volts)
                self._left[output] -= 1 if count > 0 else 0
        finally:
            if self._steps.get(output) is not None:
                self._steps.pop(output, None)

    async def _wait(self, due_s: float, dwell_s: float, first: bool) -> float:
        """Wait in lab time until the next point is due and return when that is."""
        due_s += 0.0 if first else dwell_s
        while await self._box.plant.now_s() < due_s:
            await asyncio.sleep(_POLL_S)
        return due_s
