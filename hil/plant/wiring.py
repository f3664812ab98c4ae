"""From what the boxes play, through the cables and their faults, to what arrives at the fridge."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.hil.physics.lines import Lines, Run
from qctl.hil.plant.cables import Cables, connector
from qctl.hil.plant.faults import Fault, FaultTable, invert_pulse
from qctl.hil.plant.rack import Box, Playing, Rack, Waveform

__all__ = ["Line", "Played", "Wiring"]

_DEFAULT_RATE_HZ = 1.2e9
_KEPT_BYTES = 1 << 26
_KEPT_LINES = 8192
_ON_GRID = 1e-6
"""Part of a sample by which a time may miss the grid and still be on it."""
Place = tuple[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """What decides the samples of one line; lines that play the same are one object, which is what they are told by.

    Attributes
    ----------
    rate_hz : float
        Of the grid.
    name : str
        Of a line that has faults; empty otherwise.
    gain : float
        Of its mixer.
    n_outputs : int
        1, or 2 of an I + iQ.
    heard : tuple of (Playing, float) or None
        What each output plays, at which rate.
    late_s : float
        How long after the trigger its time zero is.
    """

    rate_hz: float
    name: str
    gain: float
    n_outputs: int
    heard: tuple[tuple[Playing, float] | None, ...]
    late_s: float


class Played(NamedTuple):
    """All that decides what arrives in one shot, hashable; a line that is silent is None."""

    rate_hz: float
    drive: tuple[Line | None, ...]
    drive_lo_hz: tuple[float, ...]
    flux: tuple[Line | None, ...]
    static_v: tuple[float, ...]
    readout: Line | None
    readout_lo_hz: float


class _Wire(NamedTuple):
    """Where a line's cable comes from, and all that is true of it whatever is played."""

    places: tuple[Place, ...]
    name: str
    n_outputs: int
    late_s: float


class Wiring:
    """The cables between the boxes and the fridge; lines that play what they played before are kept.

    Parameters
    ----------
    cables : Cables
        Where every connector goes.
    names : tuple of str
        Names of the transmons, in order.
    faults : FaultTable
        What is wrong with the cables.
    """

    def __init__(self, cables: Cables, names: tuple[str, ...], faults: FaultTable) -> None:
        self.faults = faults
        self._nominal_dbm = cables.lo_power_dbm
        plugs: dict[str, tuple[str, ...]] = {"feedline": (cables.readout.i, cables.readout.q)}
        for name, drive, flux in zip(names, cables.drive, cables.flux, strict=True):
            plugs[f"{name}.drive"] = (drive.i, drive.q)
            if flux.output:
                plugs[f"{name}.flux"] = (flux.output,)
        self._plugs = {line: tuple(connector(place) for place in places) for line, places in plugs.items()}
        self._drive = tuple((f"{name}.drive", drive.lo) for name, drive in zip(names, cables.drive, strict=True))
        self._flux = tuple(f"{name}.flux" for name in names)
        self._static = tuple(connector(line.dc) if line.dc else None for line in cables.flux)
        self._readout_lo = cables.readout.lo
        self._grid_hz = cables.grid_hz
        self._late_s = _relative(cables.delays_s, self._drive, cables.grid_hz)
        self._version = -1
        self._wires: dict[str, _Wire] = {}
        self._wrong: dict[str, list[Fault]] = {}
        self._lines: OrderedDict[tuple[Any, ...], Line] = OrderedDict()
        self._latest: dict[str, tuple[tuple[Any, ...], Line]] = {}
        self._runs: OrderedDict[Line, tuple[Run, ...]] = OrderedDict()
        self._bytes = 0
        self._seen: tuple[Any, ...] = ()
        self._played: Played | None = None

    def late_s(self, line: str) -> float:
        """Return how long after the trigger a line's time zero is, in the time of the physics."""
        return self._late_s.get(line, 0.0)

    def look(self, rack: Rack, now_s: float) -> Played:
        """Return what decides a shot that is triggered now; `now_s` is lab time, for DC outputs on their way."""
        if self._version != self.faults.version:
            self._trace()
        boxes = rack.boxes
        levels = tuple(
            [boxes[place[0]].level_v(place[1], now_s) if place and place[0] in boxes else 0.0 for place in self._static]
        )
        seen = (self._version, levels, [(b.name, b.playing, b.rate_hz, b.armed, b.tone) for b in boxes.values()])
        if self._played is None or seen != self._seen:
            self._played = self._look(rack, levels)
            self._seen = seen
        return self._played

    def _look(self, rack: Rack, levels: tuple[float, ...]) -> Played:
        boxes = rack.boxes
        rates = [box.rate_hz for box in boxes.values() if box.kind == "awg" and box.armed]
        rate_hz = self._grid_hz or max(rates, default=_DEFAULT_RATE_HZ)
        tones: dict[str, tuple[float, float]] = {}
        for lo in {self._readout_lo, *(lo for _, lo in self._drive)}:
            tones[lo] = self._tone(rack, lo)
        return Played(
            rate_hz,
            tuple([self._line(boxes, rate_hz, line, tones[lo][1]) for line, lo in self._drive]),
            tuple([tones[lo][0] for _, lo in self._drive]),
            tuple([self._line(boxes, rate_hz, line, 1.0) for line in self._flux]),
            levels,
            self._line(boxes, rate_hz, "feedline", tones[self._readout_lo][1]),
            tones[self._readout_lo][0],
        )

    def gather(self, rack: Rack, played: Played) -> Lines:
        """Return what arrives on every line of a shot, `played` as `look` gave it."""
        return Lines(
            played.rate_hz,
            tuple([self._arriving(rack, line) if line is not None else () for line in played.drive]),
            played.drive_lo_hz,
            tuple([self._arriving(rack, line) if line is not None else () for line in played.flux]),
            played.static_v,
            self._arriving(rack, played.readout) if played.readout is not None else (),
            played.readout_lo_hz,
        )

    def _trace(self) -> None:
        """Note where each line's cable comes from, and what is wrong with it, at this version of the faults."""
        self._version = self.faults.version
        self._lines.clear()
        self._latest.clear()
        names = {*self._plugs, self._readout_lo, *(lo for _, lo in self._drive)}
        self._wrong = {name: found for name in names if (found := self.faults.on_line(name))}
        for line, places in self._plugs.items():
            n, name = len(places), line if line in self._wrong else ""
            self._wires[line] = _Wire(self._plugs[self.faults.swapped(line)][:n], name, n, self.late_s(line))

    def _tone(self, rack: Rack, name: str) -> tuple[float, float]:
        """Return the frequency of an LO, and the gain of a mixer that it feeds."""
        box = rack.boxes.get(name)
        if box is None:
            return 0.0, 0.0
        tone = box.tone
        shift = sum(float(fault.value) for fault in self._wrong.get(name, ()) if fault.name == "lo_shift")
        frequency_hz = tone.frequency_hz + shift
        if not tone.on or frequency_hz <= 0:
            return frequency_hz, 0.0
        return frequency_hz, _mixer_gain(tone.power_dbm, self._nominal_dbm)

    def _line(self, boxes: Mapping[str, Box], rate_hz: float, line: str, gain: float) -> Line | None:
        wire = self._wires.get(line)
        if not gain or wire is None:
            return None
        places, name, n_outputs, late_s = wire
        heard = tuple([_playing(boxes.get(box), output) for box, output in places])
        if not any(heard):
            return None
        plays = (rate_hz, name, gain, n_outputs, heard, late_s)
        latest = self._latest.get(line)
        if latest is not None and latest[0] == plays:  # quicker than to look it up: most is the same object
            return latest[1]
        found = self._lines.get(plays)
        if found is None:
            found = self._lines[plays] = Line(*plays)
            if len(self._lines) > _KEPT_LINES:
                self._lines.popitem(last=False)
        self._latest[line] = (plays, found)
        return found

    def _arriving(self, rack: Rack, line: Line) -> tuple[Run, ...]:
        runs = self._runs.get(line)
        if runs is not None:
            self._runs.move_to_end(line)
            return runs
        runs = _runs_of(rack, line)
        for fault in self._wrong.get(line.name, ()):
            if fault.name == "inverted_pulse":
                runs = invert_pulse(runs, int(fault.value))
            elif fault.name == "inverted_i":
                runs = tuple(Run(run.start, _inverted_i(run.volts)) for run in runs)
            elif fault.name == "scale":
                runs = tuple(Run(run.start, run.volts * float(fault.value)) for run in runs)
        self._runs[line] = runs
        self._bytes += _size(runs)
        while self._bytes > _KEPT_BYTES and len(self._runs) > 1:
            self._bytes -= _size(self._runs.popitem(last=False)[1])
        return runs


def _size(runs: tuple[Run, ...]) -> int:
    """Return about how many bytes runs take."""
    return 500 + sum(200 + run.volts.nbytes for run in runs)


def _inverted_i(volts: NDArray) -> NDArray:
    return -np.conj(volts) if np.iscomplexobj(volts) else -volts


@lru_cache(maxsize=64)
def _mixer_gain(power_dbm: float, nominal_dbm: float) -> float:
    """Return the conversion gain: 1 at the nominal LO power, saturating above."""
    level = 10 ** ((power_dbm - nominal_dbm) / 20)
    return float(np.tanh(1.5 * level) / np.tanh(1.5))


def _playing(box: Box | None, output: int) -> tuple[Playing, float] | None:
    """Return what a connector plays and its box's rate; None when it is silent."""
    if box is None or not box.armed:
        return None
    playing = box.playing.get(output)
    if playing is None or not playing.on or not playing.steps:
        return None
    return playing, box.rate_hz


def _relative(delays_s: Mapping[str, float], drive: tuple[tuple[str, str], ...], grid_hz: float) -> dict[str, float]:
    """Return delays from an instant that puts the samples of the first drive line on the grid."""
    if not delays_s:
        return {}
    shift = delays_s.get(drive[0][0], 0.0) * grid_hz
    origin_s = (shift - np.floor(shift + _ON_GRID)) / grid_hz
    return {line: delay_s - origin_s for line, delay_s in delays_s.items()}


def _runs_of(rack: Rack, line: Line) -> tuple[Run, ...]:
    """Return the runs of one output, or of I + iQ of two, on the common grid."""
    parts: list[tuple[int, int, NDArray, int]] = []
    for axis, found in enumerate(line.heard):
        if found is not None and found[0].steps:
            playing, own_hz = found
            waveform = rack.played(playing.steps)
            arrived = _arrived(waveform, playing, own_hz, line)
            parts += [(start, start + volts.size, volts, axis) for start, volts in arrived]
    spans = _union([(start, stop) for start, stop, _, _ in parts])
    kind = complex if line.n_outputs == 2 else float
    outs: list[NDArray] = [np.zeros(stop - start, kind) for start, stop in spans]
    starts = [start for start, _ in spans]
    for start, stop, volts, axis in parts:
        k = bisect_right(starts, start) - 1
        (outs[k].imag if axis else outs[k].real)[start - starts[k] : stop - starts[k]] = volts
    return tuple([Run(start, out) for start, out in zip(starts, outs, strict=True)])


def _arrived(waveform: Waveform, playing: Playing, own_hz: float, line: Line) -> list[tuple[int, NDArray]]:
    """Return the stretches of one output's waveform on the common grid: where each begins, and its volts."""
    rate_hz, gain = line.rate_hz, line.gain
    factor = playing.amplitude_vpp / 2 * gain
    pieces: list[tuple[int, NDArray]] = list(waveform.runs)
    if playing.offset_v:
        samples = np.zeros(waveform.n_samples)
        waveform.fill(samples, 0)
        pieces, factor = [(0, samples * (playing.amplitude_vpp / 2) + playing.offset_v)], gain
    shift = line.late_s * rate_hz
    whole = round(shift)
    on_grid = own_hz == rate_hz and abs(shift - whole) < _ON_GRID
    found = []
    for first, samples in pieces:
        if on_grid:
            start, volts = first + whole, np.multiply(samples, factor, dtype=np.float64)
        else:
            start, volts = _averaged(first, samples, own_hz, rate_hz, shift)
            volts = volts * factor
        cut = max(0, -start)
        if cut < volts.size:
            found.append((start + cut, volts[cut:] if cut else volts))
    return found


def _averaged(first: int, samples: NDArray, own_hz: float, rate_hz: float, shift: float) -> tuple[int, NDArray]:
    """Return held samples as their means over the cells of another grid, which keeps the area under them."""
    knots = (first + np.arange(samples.size + 1)) * (rate_hz / own_hz) + shift
    area = np.concatenate([[0.0], np.cumsum(samples, dtype=np.float64)]) * (rate_hz / own_hz)
    start, stop = int(np.floor(knots[0] + _ON_GRID)), int(np.ceil(knots[-1] - _ON_GRID))
    return start, np.diff(np.interp(np.arange(start, stop + 1), knots, area))


def _union(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        if merged and start <= merged[-1][1] + 3:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged
