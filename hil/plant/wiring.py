"""From what the boxes play, through the cables and their faults, to what arrives at the fridge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qctl.hil.physics.lines import Lines, Run
from qctl.hil.plant.cables import Cables, connector
from qctl.hil.plant.faults import FaultTable, invert_pulse
from qctl.hil.plant.rack import Playing, Rack, Tone, Waveform

__all__ = ["gather_lines"]

_DEFAULT_RATE_HZ = 1.2e9


def gather_lines(rack: Rack, cables: Cables, names: tuple[str, ...], faults: FaultTable, now_s: float) -> Lines:
    """Return what arrives on every line in a shot that is triggered now.

    Parameters
    ----------
    rack, cables : Rack, Cables
        What plays, and where it goes.
    names : tuple of str
        Names of the transmons, in order.
    faults : FaultTable
        What is wrong with the cables.
    now_s : float
        Lab time, for DC outputs on their way.
    """
    rate_hz = next((box.rate_hz for box in rack.boxes.values() if box.kind == "awg" and box.armed), _DEFAULT_RATE_HZ)
    plugs: dict[str, tuple[str, ...]] = {"feedline": (cables.readout.i, cables.readout.q)}
    for name, drive_line, flux_line in zip(names, cables.drive, cables.flux, strict=True):
        plugs[f"{name}.drive"] = (drive_line.i, drive_line.q)
        if flux_line.output:
            plugs[f"{name}.flux"] = (flux_line.output,)

    def arriving(line: str, gain: float) -> tuple[Run, ...]:
        if line not in plugs or not gain:
            return ()
        source = faults.swapped(line)
        places = plugs[source] if len(plugs[source]) == len(plugs[line]) else plugs[source][: len(plugs[line])]
        runs = tuple(Run(run.start, run.volts * gain) for run in _runs(rack, places, rate_hz))
        for fault in faults.on_line(line):
            if fault.name == "inverted_pulse":
                runs = invert_pulse(runs, int(fault.value))
            elif fault.name == "inverted_i":
                runs = tuple(Run(run.start, _inverted_i(run.volts)) for run in runs)
            elif fault.name == "scale":
                runs = tuple(Run(run.start, run.volts * float(fault.value)) for run in runs)
        return runs

    tones = [_tone(rack, line.lo, faults) for line in cables.drive]
    drive = tuple(
        arriving(f"{name}.drive", _mixer_gain(tone, cables.lo_power_dbm))
        for name, tone in zip(names, tones, strict=True)
    )
    flux = tuple(arriving(f"{name}.flux", 1.0) for name in names)
    static = tuple(_static_v(rack, line.dc, now_s) for line in cables.flux)
    tone = _tone(rack, cables.readout.lo, faults)
    readout = arriving("feedline", _mixer_gain(tone, cables.lo_power_dbm))
    return Lines(rate_hz, drive, tuple(t.frequency_hz for t in tones), flux, static, readout, tone.frequency_hz)


def _inverted_i(volts: NDArray) -> NDArray:
    return -np.conj(volts) if np.iscomplexobj(volts) else -volts


def _tone(rack: Rack, name: str, faults: FaultTable) -> Tone:
    box = rack.boxes.get(name)
    if box is None:
        return Tone()
    shift = sum(float(fault.value) for fault in faults.on_line(name) if fault.name == "lo_shift")
    return Tone(box.tone.frequency_hz + shift, box.tone.power_dbm, box.tone.on)


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
    if playing is None or not playing.on or not playing.steps:
        return None
    return playing, rack.played(playing.steps), box.rate_hz


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
        inside = stop - start if stop <= waveform.n_samples else max(0, waveform.n_samples - start)
    else:
        index = ((np.arange(start, stop) + 0.5) * ratio).astype(int)
        own = np.zeros(index[-1] + 1 - index[0])
        waveform.fill(own, int(index[0]))
        part = own[index - index[0]]
        inside = int(np.count_nonzero(index < waveform.n_samples))
    part *= playing.amplitude_vpp / 2
    if playing.offset_v:
        part[:inside] += playing.offset_v
    return part


def _union(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        if merged and start <= merged[-1][1] + 3:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged
