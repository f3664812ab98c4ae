"""One block of shots: the lines, the physics, the records; repeated blocks draw from what is known."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from qctl.hil.physics.evolution import Evolution
from qctl.hil.physics.lines import Lines
from qctl.hil.physics.parameters import Processor
from qctl.hil.physics.readout import Answer, Window, answer_readout
from qctl.hil.physics.shots import Groups, draw_average, draw_shots
from qctl.hil.plant.cables import Cables
from qctl.hil.plant.faults import FaultTable
from qctl.hil.plant.rack import Acquisition, Box, Rack
from qctl.hil.plant.wiring import Line, Played, Wiring

__all__ = ["Physics"]

_KEPT = 256
_KEPT_ANSWERS = 16


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
        self.cables = cables
        self.names = tuple(transmon.name for transmon in processor.transmons)
        self.faults = FaultTable(cables, self.names)
        self.random = np.random.Generator(np.random.SFC64(seed))
        self.wiring = Wiring(cables, self.names, self.faults)
        self._answers: OrderedDict[tuple[Line, float, Window], Answer] = OrderedDict()
        self._known: OrderedDict[tuple[Played, Window, bool], tuple[Answer, Groups]] = OrderedDict()

    def record(self, rack: Rack, box: Box, acquisition: Acquisition, n_shots: int, now_s: float) -> NDArray[np.float32]:
        """Return the records of `n_shots` triggers at one digitizer: (n_shots or 1, n_inputs, n_samples) volts."""
        window = Window(acquisition.delay_s, acquisition.rate_hz, acquisition.n_samples)
        answer, groups = self._solve(rack, window, now_s, joint=not acquisition.averaged)
        names = {self.cables.readout.acquire_i: "i", self.cables.readout.acquire_q: "q"}
        inputs = tuple(names.get(f"{box.name}:{number}", "") for number in acquisition.inputs)
        draw = draw_average if acquisition.averaged else draw_shots
        return draw(answer, groups, inputs, n_shots, self.random)

    def look_ahead(self, rack: Rack, acquisition: Acquisition, now_s: float) -> None:
        """Work out what `record` would need if it came now, and keep it."""
        window = Window(acquisition.delay_s, acquisition.rate_hz, acquisition.n_samples)
        self._solve(rack, window, now_s, joint=not acquisition.averaged)

    def _solve(self, rack: Rack, window: Window, now_s: float, joint: bool) -> tuple[Answer, Groups]:
        played = self.wiring.look(rack, now_s)
        key = (played, window, joint)
        known = self._known.get(key)
        if known is None:
            lines = self.wiring.gather(rack, played)
            answer = self._answer(played, lines, window)
            known = (answer, self.evolution.run(lines, answer.start_s, joint).populations())
            self._known[key] = known
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        else:
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
