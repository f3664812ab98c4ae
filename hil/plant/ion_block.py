"""The ions behind a sequencer: from its events, through the cables, to photons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError
from qctl.hil.physics.ion_shots import Lit, Stretch, Window, count_photons
from qctl.hil.physics.ions import Chain
from qctl.hil.plant.faults import BOX_FAULTS, FaultTable

__all__ = ["IonCables", "IonPhysics"]

_FTW_HZ, _FULL = 1e9 / 2**32, 2**14 - 1
_LEVEL, _TONE, _GATE = 1, 2, 3


@dataclass(frozen=True, slots=True)
class IonCables:
    """All cables of a lab of ions.

    Attributes
    ----------
    beams : dict of str to tuple of str
        Beam to the synthesisers whose sum modulates it ("ctl0:1").
    counters : dict of str to str
        Ion to the counter of its photons ("ctl0:1").
    shutters : dict of str to str
        Beam to the TTL line that blocks it while it is high ("ctl0:1").
    peak_v : float
        Of outputs at full scale.
    """

    beams: dict[str, tuple[str, ...]]
    counters: dict[str, str]
    shutters: dict[str, str] = field(default_factory=dict)
    peak_v: float = 0.5
    triggers: dict[str, str] = field(default_factory=dict)
    events: dict[str, str] = field(default_factory=dict)

    def all_triggers(self) -> dict[str, str]:
        """Return the line that reaches each box; a controller that times itself needs none."""
        return self.triggers


class IonFaults(FaultTable):
    """The faults of a lab of ions: ``scale`` of a beam's cable, and those of boxes and wires."""

    def __init__(self, cables: IonCables) -> None:
        self._beams = cables.beams
        super().__init__(cables, ())  # type: ignore[arg-type]

    def _place(self, name: str, on: str | None) -> str:
        if name == "scale":
            return self._line(on or next(iter(self._lines())), name)
        if name not in BOX_FAULTS and name in ("inverted_pulse", "inverted_i", "swap", "lo_shift"):
            raise RequestError(f"fault {name} is of lines with mixers, and this lab has none")
        boxes = self._boxes()
        place = (on or next(iter(boxes))).partition(":")[0]
        if place not in boxes:
            raise RequestError(f"{place!r} is not one of {', '.join(sorted(boxes))}")
        return place

    def _boxes(self) -> set[str]:
        return {place.partition(":")[0] for places in self._beams.values() for place in places}

    def _lines(self) -> dict[str, tuple[str, ...]]:
        return {f"{beam}.drive": places for beam, places in self._beams.items()}


class IonPhysics:
    """The trap behind the cables.

    Parameters
    ----------
    chain : Chain
        True parameters.
    cables : IonCables
        Where every connector goes.
    seed : int
        Of the noise and the quantum chance.
    """

    def __init__(self, chain: Chain, cables: IonCables, seed: int) -> None:
        self.chain, self.cables = chain, cables
        self.faults = IonFaults(cables)
        self.random = np.random.Generator(np.random.SFC64(seed))
        self._number = {beam.name: k for k, beam in enumerate(chain.beams)}

    def counting(self, box: str, rows: NDArray[Any], tick_s: float, n_shots: int) -> NDArray[np.int64]:
        """Return (n_shots, n_gates) photons of a shot's events, gates in the order in which they close."""
        stretches = self._stretches(box, rows, tick_s)
        ions = {place: q for q, ion in enumerate(self.chain.ions) if (place := self.cables.counters.get(ion.name))}
        windows: list[Window] = []
        places: list[int] = []
        opened: dict[int, float] = {}
        gates = rows[rows["operation"] == _GATE]
        n_gates = 0
        for tick, channel, level in zip(*(gates[name].tolist() for name in ("tick", "channel", "level")), strict=True):
            if level:
                opened[channel] = tick * tick_s
                continue
            ion = ions.get(f"{box}:{channel}")
            if ion is not None and channel in opened:
                windows.append(Window(ion, opened.pop(channel), tick * tick_s))
                places.append(n_gates)
            n_gates += 1
        found = np.zeros((n_shots, n_gates), np.int64)
        if "silence" not in self.faults.of_box(box):
            found[:, places] = count_photons(self.chain, stretches, windows, n_shots, self.random)
        return found

    def _stretches(self, box: str, rows: NDArray[Any], tick_s: float) -> list[Stretch]:
        """Return the times in which nothing changes, from the first event to the last."""
        beams = {place: name for name, places in self.cables.beams.items() for place in places}
        shutters = {place: name for name, place in self.cables.shutters.items()}
        tones: dict[int, tuple[int, int, int]] = {}
        shut: set[str] = set()
        stretches: list[Stretch] = []
        ticks = np.unique(rows["tick"]).tolist()
        firsts = np.searchsorted(rows["tick"], ticks).tolist()
        for k, tick in enumerate(ticks):
            here = rows[firsts[k] : firsts[k + 1] if k + 1 < len(firsts) else len(rows)]
            for _, channel, operation, frequency, phase, level in here.tolist():
                if operation == _TONE:
                    tones[channel] = frequency, phase, level
                elif operation == _LEVEL and f"{box}:{channel}" in shutters:
                    (shut.add if level else shut.discard)(shutters[f"{box}:{channel}"])
            if k + 1 == len(ticks):
                break
            lit = [
                self._lit(beams[f"{box}:{channel}"], *words)
                for channel, words in sorted(tones.items())
                if words[2] and f"{box}:{channel}" in beams and beams[f"{box}:{channel}"] not in shut
            ]
            stretches.append(Stretch(tick * tick_s, ticks[k + 1] * tick_s, tuple(lit)))
        return _joined(stretches)

    def _lit(self, beam: str, ftw: int, pow_: int, asf: int) -> Lit:
        volts = asf / _FULL * self.cables.peak_v
        for fault in self.faults.on_line(f"{beam}.drive"):
            volts *= float(fault.value)
        return Lit(self._number[beam], ftw * _FTW_HZ, pow_ / 2**16, volts)


def _joined(stretches: Sequence[Stretch]) -> list[Stretch]:
    """Return neighbours with the same light as one: a counter's gate changes nothing."""
    found: list[Stretch] = []
    for one in stretches:
        if found and found[-1].lit == one.lit:
            found[-1] = Stretch(found[-1].start_s, one.end_s, one.lit)
        else:
            found.append(one)
    return found
