"""The ions behind a sequencer: from its events, through the cables, to photons."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError
from qctl.hil.physics.ion_drives import Drives, Lit
from qctl.hil.physics.ion_shots import IonShots
from qctl.hil.physics.ions import Chain
from qctl.hil.plant.faults import BOX_FAULTS, FaultTable

__all__ = ["IonCables", "IonEvents", "IonPhysics"]

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
        self.drives = Drives(chain)
        self.parts: dict[str, IonEvents] = {}
        """By box: the shot that it plays part by part."""
        self._number = {beam.name: k for k, beam in enumerate(chain.beams)}

    def begin(self, box: str, tick_s: float, n_shots: int) -> IonEvents:
        """Return shots of a box that begin now; they take events as they come."""
        return IonEvents(self, box, tick_s, n_shots)

    def lit(self, beam: str, ftw: int, pow_: int, asf: int) -> Lit:
        """Return the light of a beam, by the words of one synthesiser."""
        volts = asf / _FULL * self.cables.peak_v
        for fault in self.faults.on_line(f"{beam}.drive"):
            volts *= float(fault.value)
        return Lit(self._number[beam], ftw * _FTW_HZ, pow_ / 2**16, volts)


class IonEvents:
    """Shots under way: what the box's channels are at, and the ions that see it.

    Parameters
    ----------
    physics : IonPhysics
        The trap and its cables.
    box : str
        Whose channels they are.
    tick_s : float
        Of its events.
    n_shots : int
        Shots with the same events.
    """

    def __init__(self, physics: IonPhysics, box: str, tick_s: float, n_shots: int) -> None:
        cables, chain = physics.cables, physics.chain
        self.physics, self.box, self.tick_s = physics, box, tick_s
        self.shots = IonShots(physics.drives, n_shots, physics.random)
        self._beams = {place: name for name, places in cables.beams.items() for place in places}
        self._shutters = {place: name for name, place in cables.shutters.items()}
        self._ions = {place: q for q, ion in enumerate(chain.ions) if (place := cables.counters.get(ion.name))}
        self._tones: dict[int, tuple[int, int, int]] = {}
        self._shut: set[str] = set()
        self._open: set[int] = set()
        self._tick: int | None = None

    def play(self, rows: NDArray[Any]) -> NDArray[np.int64]:
        """Go on with the next events; return (n_shots, n_gates) photons, gates in the order in which they close.

        Raises
        ------
        RequestError
            If an event is before the one that came last.
        """
        counts: list[NDArray[np.int64]] = []
        for tick, channel, operation, frequency, phase, level in rows.tolist():
            self._until(tick)
            if operation == _TONE:
                self._tones[channel] = frequency, phase, level
            elif operation == _LEVEL and (beam := self._shutters.get(f"{self.box}:{channel}")):
                (self._shut.add if level else self._shut.discard)(beam)
            elif operation == _GATE:
                counts += self._gate(channel, bool(level))
        return np.stack(counts, axis=1) if counts else np.zeros((self.shots.n_shots, 0), np.int64)

    def _until(self, tick: int) -> None:
        """Let the light that is on shine until a tick."""
        if self._tick is not None and tick < self._tick:
            raise RequestError(f"{self.box}: an event at tick {tick} comes after one at tick {self._tick}")
        if self._tick is not None and tick > self._tick:
            lit = tuple(
                self.physics.lit(beam, *words)
                for channel, words in sorted(self._tones.items())
                if words[2] and (beam := self._beams.get(f"{self.box}:{channel}")) and beam not in self._shut
            )
            self.shots.shine(lit, self._tick * self.tick_s, tick * self.tick_s)
        self._tick = tick

    def _gate(self, channel: int, opens: bool) -> list[NDArray[np.int64]]:
        """Open or close a counter; a gate that closes has counted what its ion, if it has one, let it see."""
        ion = self._ions.get(f"{self.box}:{channel}")
        if opens:
            self._open.add(channel)
            if ion is not None:
                self.shots.open(ion)
            return []
        counts = np.zeros(self.shots.n_shots, np.int64)
        if channel in self._open and ion is not None:
            counts = self.shots.close(ion)
        self._open.discard(channel)
        return [counts * ("silence" not in self.physics.faults.of_box(self.box))]
