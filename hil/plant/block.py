"""One block of shots: the lines, the physics, the records; repeated blocks draw from what is known."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from qctl.hil.physics.evolution import Evolution
from qctl.hil.physics.lines import Lines
from qctl.hil.physics.parameters import Processor
from qctl.hil.physics.readout import Answer, Window, answer_readout
from qctl.hil.physics.shots import average_along, draw_average, draw_shots, shots_along
from qctl.hil.physics.stages import Plan, Stages, cuts_of, plan_of
from qctl.hil.physics.state import Groups
from qctl.hil.physics.sums import Weighing
from qctl.hil.plant.cables import Cables
from qctl.hil.plant.faults import FaultTable
from qctl.hil.plant.rack import Acquisition, Box, Rack
from qctl.hil.plant.wiring import Line, Played, Wiring

__all__ = ["Physics", "Work"]

_Number = TypeVar("_Number", bound=np.generic)
_KEPT = 256
_KEPT_ANSWERS = 16
_LONG_SAMPLES = 20_000
"""Samples that lines play in a shot from which on physics takes so long that it has a thread of its own."""


class _Block(NamedTuple):
    """All that decides the records of a block, but for chance."""

    played: Played
    window: Window
    averaged: bool
    box: str
    inputs: tuple[int, ...]
    n_shots: int

    @property
    def key(self) -> tuple[Played, Window, bool]:
        """Return what decides what transmons do: single shots are drawn from joint states."""
        return self.played, self.window, not self.averaged


class Work(NamedTuple, Generic[_Number]):
    """What computes a block's records, and whether its shots take long: they are in stages, or play many samples."""

    run: Callable[[], NDArray[_Number]]
    is_long: bool


class _Draft(NamedTuple):
    """Records drawn ahead, and the state of chance before: it is taken back if another block comes."""

    block: _Block
    records: NDArray[np.float32]
    before: Any


class Physics:
    """The fridge behind the cables.

    Parameters
    ----------
    processor : Processor
        True parameters.
    cables : Cables
        Where every connector goes.
    seed : int
        Of the noise and the quantum chance.
    """

    def __init__(self, processor: Processor, cables: Cables, seed: int) -> None:
        self.processor = processor
        self.evolution = Evolution(processor)
        self.stages = Stages(self.evolution)
        self.cables = cables
        self.names = tuple(transmon.name for transmon in processor.transmons)
        self.faults = FaultTable(cables, self.names)
        self.random = np.random.Generator(np.random.SFC64(seed))
        self.wiring = Wiring(cables, self.names, self.faults)
        self._answers: OrderedDict[tuple[Line | None, float, Window], Answer] = OrderedDict()
        self._known: OrderedDict[tuple[Played, Window, bool], tuple[Answer, Groups] | Plan] = OrderedDict()
        self._weighings: OrderedDict[tuple[Any, ...], Weighing] = OrderedDict()
        self._draft: _Draft | None = None

    def record(self, rack: Rack, box: Box, acquisition: Acquisition, n_shots: int, now_s: float) -> NDArray[np.float32]:
        """Return the records of `n_shots` triggers at one digitizer: (n_shots or 1, n_inputs, n_samples) volts."""
        return self.recording(rack, box, acquisition, n_shots, now_s).run()

    def drafted(
        self, rack: Rack, box: Box, acquisition: Acquisition, n_shots: int, now_s: float
    ) -> NDArray[np.float32] | None:
        """Return the records of a block that have been drawn ahead, None if it is another block."""
        draft = self._draft
        if draft is None or draft.block != self._block(rack, box, acquisition, n_shots, now_s):
            return None
        self._draft = None
        return draft.records

    def recording(self, rack: Rack, box: Box, acquisition: Acquisition, n_shots: int, now_s: float) -> Work[np.float32]:
        """Return what computes a block's records; it looks at the rack no more, so it may run in a thread."""
        block = self._block(rack, box, acquisition, n_shots, now_s)
        draft = self._draft
        if draft is not None and draft.block == block:
            self._draft = None
            return Work(lambda: draft.records, False)
        self._take_back()
        lines = self._lines(rack, block)
        return Work(partial(self._draw, block, lines), self._is_long(block, lines))

    def integrating(
        self,
        rack: Rack,
        box: str,
        inputs: tuple[int, ...],
        window: Window,
        weights: NDArray[np.float64],
        n_shots: int,
        now_s: float,
    ) -> Work[np.float64]:
        """Return what computes (n_shots, n_sums) weighed sums of a block's records; it looks at the rack no more.

        `weights` are (n_sums, n_inputs, n_samples) of the window.
        """
        window = window._replace(start_s=window.start_s + self.wiring.late_s("acquire"))
        block = _Block(self.wiring.look(rack, now_s), window, False, box, inputs, n_shots)
        self._take_back()
        lines = self._lines(rack, block)
        return Work(partial(self._sum, block, lines, weights), self._is_long(block, lines))

    def _sum(self, block: _Block, lines: Lines | None, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        known = self._solve(block, lines)
        if isinstance(known, Plan):
            ways = self.stages.draw((block.played, block.window), known, block.n_shots, self.random)
            parts = [self._weighing(block, k, one, weights) for k, (one, _) in enumerate(ways)]
            means = [part.mean(paths) for part, (_, paths) in zip(parts, ways, strict=True)]
            return sum(means, start=parts[0].noise(block.n_shots, self.random))
        answer, groups = known
        return self._weighing(block, 0, answer, weights).draw(groups, block.n_shots, self.random)

    def _weighing(self, block: _Block, stage: int, answer: Answer, weights: NDArray[np.float64]) -> Weighing:
        played = block.played.readout, block.played.readout_lo_hz
        key = (*played, block.window, block.box, block.inputs, stage, answer.jump_s.tobytes(), weights.tobytes())
        known = self._weighings.get(key)
        if known is None:
            known = self._weighings[key] = Weighing(answer, self.inputs_of(block.box, block.inputs), weights)
            if len(self._weighings) > _KEPT_ANSWERS:
                self._weighings.popitem(last=False)
        else:
            self._weighings.move_to_end(key)
        return known

    def look_ahead(self, rack: Rack, box: Box, acquisition: Acquisition, n_shots: int, now_s: float) -> None:
        """Draw what `record` would return if it came now; noise and chance are the same as if nothing had been.

        Shots in stages, and those that play many samples, take too long for that.
        """
        block = self._block(rack, box, acquisition, n_shots, now_s)
        if self._draft is not None and self._draft.block == block:
            return
        lines = self._lines(rack, block)
        if self._is_long(block, lines):
            return
        self._take_back()
        before = self.random.bit_generator.state
        self._draft = _Draft(block, self._draw(block, lines), before)

    def _take_back(self) -> None:
        """Forget records that were drawn ahead."""
        if self._draft is not None:
            self.random.bit_generator.state = self._draft.before
            self._draft = None

    def _block(self, rack: Rack, box: Box, acquisition: Acquisition, n_shots: int, now_s: float) -> _Block:
        start_s = acquisition.delay_s + self.wiring.late_s("acquire")
        window = Window(start_s, acquisition.rate_hz, acquisition.n_samples)
        played = self.wiring.look(rack, now_s)
        return _Block(played, window, acquisition.averaged, box.name, acquisition.inputs, n_shots)

    def _lines(self, rack: Rack, block: _Block) -> Lines | None:
        """Return what runs on the lines, None if what it does is known."""
        return None if block.key in self._known else self.wiring.gather(rack, block.played)

    def _is_long(self, block: _Block, lines: Lines | None) -> bool:
        """Say whether shots take long, of which `lines` are as `_lines` gave them; one state for all is known soon."""
        if lines is None:
            return isinstance(self._known[block.key], Plan)
        return lines.n_played >= _LONG_SAMPLES or bool(cuts_of(lines))

    def _draw(self, block: _Block, lines: Lines | None) -> NDArray[np.float32]:
        known, inputs = self._solve(block, lines), self.inputs_of(block.box, block.inputs)
        if isinstance(known, Plan):
            ways = self.stages.draw((block.played, block.window), known, block.n_shots, self.random)
            return (average_along if block.averaged else shots_along)(ways, inputs, self.random)
        draw = draw_average if block.averaged else draw_shots
        return draw(*known, inputs, block.n_shots, self.random)

    def inputs_of(self, box: str, inputs: tuple[int, ...]) -> tuple[str, ...]:
        """Return which part of the signal each input sees: "i", "q", or "" for neither."""
        names = {self.cables.readout.acquire_i: "i", self.cables.readout.acquire_q: "q"}
        return tuple(names.get(f"{box}:{number}", "") for number in inputs)

    def _solve(self, block: _Block, lines: Lines | None) -> tuple[Answer, Groups] | Plan:
        """Return the answer and what the transmons are found in; the stages where they go on after they were measured.

        Where nothing goes on, one state for all shots does.
        """
        known: tuple[Answer, Groups] | Plan
        played, window, joint = key = block.key
        if lines is not None:
            plan = plan_of(self.processor, lines, window)
            if plan is None:
                answer = self._answer(played, lines, window)
                known = (answer, self.evolution.run(lines, answer.start_s, joint).populations())
            else:
                known = plan
            self._known[key] = known
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        else:
            known = self._known[key]
            self._known.move_to_end(key)
        return known

    def _answer(self, played: Played, lines: Lines, window: Window) -> Answer:
        """Return the feedline's answer; most sweep points share one."""
        key = (played.readout, played.readout_lo_hz, window)
        known = self._answers.get(key)
        if known is None:
            known = self._answers[key] = answer_readout(self.processor, lines, window)
            if len(self._answers) > _KEPT_ANSWERS:
                self._answers.popitem(last=False)
        else:
            self._answers.move_to_end(key)
        return known
