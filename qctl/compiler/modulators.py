"""What generators play on modulators of light: a beam's pulses on an AOM, and the tones of tweezers on AODs.

An AOM diffracts sin^2(pi/2 v/full_v) of the power, so the field, and with it the Rabi frequency, goes with the sine:
the inverse is played at the AOM's centre frequency plus the detuning, in the order that is used. A tweezer's place on
an axis is a tone's frequency; a move is a chirp along the path of least jerk whose phase is its exact integral, and
tones of one axis have M. Schroeder's phases (IEEE Trans. Inf. Theory 16, 85 (1970)), which keep their sum's peak low.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from math import pi
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.errors import CompileError
from qctl.lab import Instrument, Lab
from qctl.lab.atom import AtomProcessor
from qctl.lab.beams import Aod, Beam
from qctl.program.sampling import envelope_samples
from qctl.program.straights import Straights, bounds_of
from qctl.program.tables import Waveform
from qctl.program.timeline import PLAY, PortClock
from qctl.units import rational_hz

__all__ = ["modulated", "movers"]

_BEAM_HZ = Fraction(10**9)


class _Line(NamedTuple):
    """A port of this generator and its beam."""

    number: int
    name: str
    beam: Beam


class _Tone(NamedTuple):
    """One tone of an axis during a move: samples from `start` to before `end`, from one frequency to another."""

    start: int
    end: int
    from_hz: float
    to_hz: float
    label: str


def movers(lab: Lab, processor: AtomProcessor) -> set[str]:
    """Return the instruments that play when atoms move: those of the tweezers."""
    ports = [port for port in lab.ports_of(processor.name) if port.target in processor.beam]
    return {
        ref.instrument for port in ports if processor.beam[port.target].purpose == "trap" for ref in port.outputs
    }  # fmt: skip


def modulated(straights: Straights, instrument: Instrument, lab: Lab, processor: AtomProcessor) -> Straights:
    """Return what a generator plays where its ports drive modulators; the same object where none do.

    Raises
    ------
    CompileError
        If a pulse is too strong or too short for its AOM, or a move leaves the band of an AOD.
    """
    lines = []
    for number, clock in enumerate(straights.ports):
        port = lab.port(clock.name)
        beam = processor.beam.get(port.target)
        if beam is not None and any(ref.instrument == instrument.name for ref in port.outputs):
            lines.append(_Line(number, clock.name, beam))
    if not any(line.beam.aom is not None or line.beam.aod is not None for line in lines):
        return straights
    if instrument.clock_hz is None:
        raise CompileError(f"{instrument.name}: clock_hz is not given in lab.toml")
    return _Work(straights, lines, rational_hz(instrument.clock_hz), processor).made()


class _Work:
    """The state while one generator's points are made."""

    def __init__(
        self, straights: Straights, lines: list[_Line], rate_hz: Fraction, processor: AtomProcessor
    ) -> None:  # fmt: skip
        self.straights, self.rate_hz, self.processor = straights, rate_hz, processor
        self.lines = {line.number: line for line in lines}
        self.waveforms: dict[Waveform, int] = {}
        self.residual_s = 0.0

    def made(self) -> Straights:
        """Return all points."""
        points, labels, lengths = [], [], []
        for point in range(len(self.straights)):
            rows, names = self._point(point)
            points.append(rows)
            labels.append((self.straights.first + point, names))
            lengths.append(float(self.straights.lengths_s[point]))
        ports = tuple(
            PortClock(clock.name, self.rate_hz, self.residual_s) if k in self.lines else clock
            for k, clock in enumerate(self.straights.ports)
        )
        return replace(
            self.straights, plays=np.concatenate(points) if points else np.zeros(0, PLAY),
            bounds=bounds_of([len(rows) for rows in points]), lengths_s=np.array(lengths), ports=ports,
            waveforms=tuple(self.waveforms), labels=labels, targets=(), moves=(),
        )  # fmt: skip

    def _point(self, point: int) -> tuple[NDArray, list[str]]:
        straight = self.straights[point]
        rows: list[tuple[Any, ...]] = []
        names: list[str] = []
        for k, row in enumerate(straight.plays):
            line = self.lines.get(int(row["port"]))
            if line is not None:
                rows.append(self._pulse(row, line, straight.waveforms[int(row["waveform"])], straight.labels[k]))
                names.append(straight.labels[k])
        for line in self.lines.values():
            if line.beam.aod is not None:
                for made, label in self._tones(line, line.beam.aod, self.straights.moves_of(point)):
                    rows.append(made)
                    names.append(label)
        return np.array(rows, PLAY), names

    # --- AOM ----------------------------------------------------------------------------------------

    def _pulse(self, row: NDArray, line: _Line, waveform: Waveform, label: str) -> tuple[Any, ...]:
        aom = line.beam.aom
        start = self._sample(int(row["start"]))
        if aom is None:
            number = self.waveforms.setdefault(waveform, len(self.waveforms))
            return (line.number, number, start, row["amplitude"], row["frequency_hz"], row["phase_rad"])
        end = self._sample(int(row["start"]) + float(waveform.duration_s) * float(_BEAM_HZ))  # type: ignore[arg-type]
        if (end - start) / self.rate_hz < aom.rise_s:
            raise CompileError(
                f"{label} is {float((end - start) / self.rate_hz):.4g} s long, under rise_s = {aom.rise_s:g} of the "
                f"AOM of beam {line.beam.name}: lengthen it and lower its amplitude"
            )
        scale = float(row["amplitude"]) * self.processor.rabi_hz_per_v(line.beam.name)
        field = scale / aom.full_rabi_hz * _stretched(waveform, end - start, self.rate_hz)
        if not np.isfinite(field).all() or np.abs(field).max(initial=0.0) > 1 + 1e-9:
            raise CompileError(
                f"{label}: {np.abs(field).max() * aom.full_rabi_hz:.4g} Hz is over full_rabi_hz = "
                f"{aom.full_rabi_hz:g} of the AOM of beam {line.beam.name}: make it weaker and longer"
            )
        drive = 2 / pi * np.arcsin(np.minimum(np.abs(field), 1.0)) * np.exp(1j * np.angle(field))
        made = Waveform("samples", samples=drive.astype(np.complex128), rate_hz=self.rate_hz)
        number = self.waveforms.setdefault(made, len(self.waveforms))
        frequency_hz = aom.center_hz + aom.order * float(row["frequency_hz"])
        return (line.number, number, start, aom.full_v, frequency_hz, aom.order * float(row["phase_rad"]))

    def _sample(self, time: float) -> int:
        """Return the sample nearest to a time in ticks of a beam; errors don't add up."""
        exact = Fraction(time) * self.rate_hz / _BEAM_HZ
        sample = round(exact)
        self.residual_s = max(self.residual_s, abs(float((exact - sample) / self.rate_hz)))
        return sample

    # --- AOD ----------------------------------------------------------------------------------------

    def _tones(self, line: _Line, aod: Aod, moves: NDArray) -> Iterable[tuple[tuple[Any, ...], str]]:
        """Yield the chirps of one axis, for all groups of atoms that move at once.

        A tone that begins where and when another one ended goes on with its phase: a tweezer keeps its atom.
        """
        ended: dict[tuple[int, float], float] = {}
        for start in np.unique(moves["start"]).tolist():
            group = moves[moves["start"] == start]
            self._check_grid(group)
            tones: dict[tuple[float, float], _Tone] = {}
            for row in group:
                name = self.processor.qubits[int(row["atom"])]
                ends = aod.hz(float(row[f"from_{aod.axis}_m"])), aod.hz(float(row[f"{aod.axis}_m"]))
                low, high = aod.band_hz
                for hz in ends:
                    if not low <= hz <= high:
                        raise CompileError(
                            f"shuttle of {name}: {hz:.6g} Hz on beam {line.beam.name} is outside band_hz [{low:g}, "
                            f"{high:g}] of its AOD: stay nearer to the middle of its field"
                        )
                at = self._sample(int(row["start"])), self._sample(int(row["end"]))
                tones.setdefault(ends, _Tone(*at, *ends, f"shuttle of {name}"))
            for k, tone in enumerate(sorted(tones.values(), key=lambda one: one.from_hz)):
                phase = ended.get((tone.start, tone.from_hz), pi * k * (k - 1) / len(tones))
                turns = (tone.end - tone.start) / float(self.rate_hz) * (tone.from_hz + tone.to_hz) / 2
                ended[tone.end, tone.to_hz] = phase + 2 * pi * (turns % 1.0)
                made = Waveform("samples", samples=_chirp(tone, aod.center_hz, self.rate_hz), rate_hz=self.rate_hz)
                number = self.waveforms.setdefault(made, len(self.waveforms))
                yield (line.number, number, tone.start, aod.tone_v, aod.center_hz, -phase), tone.label

    def _check_grid(self, group: NDArray) -> None:
        """Refuse moves at once that are neither one row nor one column: traps are at all crossings of tones."""
        for axis in "xy":
            if len(np.unique(group[f"from_{axis}_m"])) == 1 and len(np.unique(group[f"{axis}_m"])) == 1:
                return
        names = ", ".join(self.processor.qubits[int(atom)] for atom in group["atom"])
        raise CompileError(
            f"shuttle of {names}: tweezers of two AODs are at every crossing of their tones, so atoms that move at "
            f"once are one row or one column, and stay one: move the others later"
        )


def _stretched(waveform: Waveform, n: int, rate_hz: Fraction) -> NDArray[np.complex128]:
    """Return so many samples of an envelope."""
    found = envelope_samples(waveform, rate_hz)
    if len(found) == n:
        return found
    return found[np.minimum(np.arange(n), len(found) - 1)] if len(found) else np.zeros(n, np.complex128)


def _chirp(tone: _Tone, center_hz: float, rate_hz: Fraction) -> NDArray[np.complex128]:
    """Return the envelope of a chirp at a carrier that runs from time zero of the shot; outputs play its conjugate.

    The tone's phase is 0 at its start, and the integral of its frequency from there; a sample is in the middle of its
    time.
    """
    n, rate = tone.end - tone.start, float(rate_hz)
    length_s = n / rate
    times = (np.arange(n) + 0.5) / rate
    s = times / length_s
    along = length_s * s**4 * (2.5 - 3 * s + s * s)
    carrier = center_hz * (tone.start / rate + times)
    phase = tone.from_hz * times + (tone.to_hz - tone.from_hz) * along - carrier
    return np.asarray(np.exp(-2j * pi * np.mod(phase, 1.0)), np.complex128)
