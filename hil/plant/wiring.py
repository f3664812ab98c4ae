"""From what the boxes play, through the cables, to what arrives at the fridge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qctl.hil.physics.lines import Lines, Run
from qctl.hil.plant.cables import Cables, connector
from qctl.hil.plant.rack import Playing, Rack, Tone, Waveform

__all__ = ["gather_lines"]

_DEFAULT_RATE_HZ = 1.2e9


def gather_lines(rack: Rack, cables: Cables, now_s: float) -> Lines:
    """Return what arrives on every line in a shot that is triggered now."""
    rate_hz = next((box.rate_hz for box in rack.boxes.values() if box.kind == "awg" and box.armed), _DEFAULT_RATE_HZ)
    drive, lo_hz = [], []
    for line in cables.drive:
        tone = _tone(rack, line.lo)
        gain = _mixer_gain(tone, cables.lo_power_dbm)
        drive.append(_mixed(rack, line.i, line.q, gain, rate_hz) if gain else ())
        lo_hz.append(tone.frequency_hz)
    flux = tuple(_runs(rack, (line.output,), rate_hz) for line in cables.flux)
    static = tuple(_static_v(rack, line.dc, now_s) for line in cables.flux)
    tone = _tone(rack, cables.readout.lo)
    gain = _mixer_gain(tone, cables.lo_power_dbm)
    readout = _mixed(rack, cables.readout.i, cables.readout.q, gain, rate_hz) if gain else ()
    return Lines(rate_hz, tuple(drive), tuple(lo_hz), flux, static, readout, tone.frequency_hz)


def _tone(rack: Rack, name: str) -> Tone:
    box = rack.boxes.get(name)
    return box.tone if box is not None else Tone()


def _mixer_gain(tone: Tone, nominal_dbm: float) -> float:
    """Return the conversion gain: 1 at the nominal LO power, saturating above, 0 without LO."""
    if not tone.on or tone.frequency_hz <= 0:
        return 0.0
    level = 10 ** ((tone.power_dbm - nominal_dbm) / 20)
    return float(np.tanh(1.5 * level) / np.tanh(1.5))


def _static_v(rack: Rack, place: str, now_s: float) -> float:
    if not place:
        return 0.0
    name, output = connector(place)
    box = rack.boxes.get(name)
    return box.level_v(output, now_s) if box is not None else 0.0


def _playing(rack: Rack, place: str) -> tuple[Playing, Waveform, float] | None:
    """Return what a connector plays, its waveform and its box's rate; None when it is silent."""
    name, output = connector(place)
    box = rack.boxes.get(name)
    if box is None or not box.armed:
        return None
    playing = box.playing.get(output)
    if playing is None or not playing.on or playing.digest is None:
        return None
    waveform = rack.waveform(playing.digest)
    return None if waveform is None else (playing, waveform, box.rate_hz)


def _mixed(rack: Rack, i: str, q: str, gain: float, rate_hz: float) -> tuple[Run, ...]:
    return tuple(Run(run.start, run.volts * gain) for run in _runs(rack, (i, q), rate_hz))


def _runs(rack: Rack, places: tuple[str, ...], rate_hz: float) -> tuple[Run, ...]:
    """Return the runs of one output, or of I + iQ of two, on the common grid."""
    parts = [(_playing(rack, place), factor) for place, factor in zip(places, (1.0, 1j), strict=False)]
    heard = [(found, factor) for found, factor in parts if found is not None]
    spans: list[tuple[int, int]] = []
    for (playing, waveform, box_rate), _ in heard:
        scale = rate_hz / box_rate
        if playing.offset_v:
            spans.append((0, int(waveform.n_samples * scale)))
        spans += [(int(start * scale), int((start + part.size) * scale)) for start, part in waveform.runs]
    complex_line = len(places) == 2
    runs = []
    for start, stop in _union(spans):
        volts: NDArray = np.zeros(stop - start, complex if complex_line else float)
        for (playing, waveform, box_rate), factor in heard:
            volts += (factor if complex_line else 1.0) * _volts(playing, waveform, box_rate / rate_hz, start, stop)
        runs.append(Run(start, volts))
    return tuple(runs)


def _volts(playing: Playing, waveform: Waveform, ratio: float, start: int, stop: int) -> NDArray[np.float64]:
    """Return the volts of one output on the common grid; a box at another rate is held, not interpolated."""
    if ratio == 1.0:
        part = np.zeros(stop - start)
        waveform.fill(part, start)
        inside = np.arange(start, stop) < waveform.n_samples
    else:
        index = ((np.arange(start, stop) + 0.5) * ratio).astype(int)
        own = np.zeros(index[-1] + 1 - index[0])
        waveform.fill(own, int(index[0]))
        part = own[index - index[0]]
        inside = index < waveform.n_samples
    return part * (playing.amplitude_vpp / 2) + inside * playing.offset_v


def _union(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged
