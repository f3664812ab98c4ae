"""TTL, DDS and counter events of a run, from its plays: whole ticks, tuning words, and how far each was rounded.

An output's synthesisers run as if they had been on since the shot's first tick: phases are those at tick 0. A word of
amplitude is a part of the output's peak; one of phase is counted in turns as the synthesiser does, which is the other
way round than the axis of a play.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.errors import CompileError
from qctl.instruments.capability import Capability
from qctl.instruments.checker import Pulses, check_pulses
from qctl.lab import Instrument, Lab
from qctl.program.sampling import envelope_samples
from qctl.program.straights import Straights
from qctl.program.timeline import Shots
from qctl.units import rational_hz, rational_s

__all__ = ["FIRST_LINE", "SPAN", "Gate", "Rounding", "Spans", "spans_of"]

FIRST_LINE = 33
"""Number of the output that is TTL line 1; those below are synthesisers."""
_NS = rational_hz(1e9)
_FTW, _POW, _ASF = 2.0**32 / 1e9, 2**16, 2**14 - 1

SPAN = np.dtype(
    [
        ("point", "<u4"),
        ("output", "<u2"),
        ("tone", "<u2"),
        ("start", "<i8"),
        ("end", "<i8"),
        ("ftw", "<u4"),
        ("pow", "<u2"),
        ("asf", "<u2"),
        ("play", "<u4"),
    ]
)
"""One stretch of one tone of an output, or of a TTL line that is high: ticks from the shot's start, and words."""


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate of a counter: when it is open at a point, and which result takes its photons."""

    point: int
    counter: int
    start: int
    end: int
    port: str
    slot: str


@dataclass(frozen=True, slots=True)
class Rounding:
    """Largest errors of all words: seconds, hertz, turns, and part of full scale."""

    time_s: float = 0.0
    frequency_hz: float = 0.0
    phase_turns: float = 0.0
    amplitude: float = 0.0

    def said(self) -> str:
        """Return all of them in words."""
        return (
            f"times within {self.time_s:.3g} s, frequencies within {self.frequency_hz:.3g} Hz, phases within "
            f"{self.phase_turns:.3g} turns, amplitudes within {self.amplitude:.3g} of full scale"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """What one device does.

    Attributes
    ----------
    tones : (n,) SPAN
        Of the synthesisers, by point, then start.
    lines : (m,) SPAN
        Of the TTL lines that are high.
    gates : tuple of Gate
        Of the counters, by point, then end.
    rounding : Rounding
    label : callable
        Name of a play, for messages.
    """

    tones: NDArray[Any]
    lines: NDArray[Any]
    gates: tuple[Gate, ...]
    rounding: Rounding
    label: Callable[[int], str]


def spans_of(
    flat: Straights,
    instrument: Instrument,
    lab: Lab,
    shots: Shots,
    can: Capability,
    step_ns: int,
    tones: Mapping[int, int] = MappingProxyType({}),
) -> Spans:
    """Return the stretches of all points on a device.

    Parameters
    ----------
    flat : Straights
        All points; ports count ticks of 1 ns.
    instrument, lab, shots
        As families lower.
    can : Capability
        Has channels ``tone``, ``line`` and ``counter``, and the restriction ``tones``.
    step_ns : int
        How often the amplitude of an envelope that is not constant is set.
    tones : mapping
        Output to the tones that it makes at once; any other makes as many as the capability table says.

    Raises
    ------
    CompileError
        If something is outside what the device can; the message names the play.
    """
    work = _Spans(flat, instrument, lab, can, tones)
    return work.run(shots, step_ns)


class _Spans:
    """The state while one device's plays become stretches."""

    def __init__(
        self, flat: Straights, instrument: Instrument, lab: Lab, can: Capability, tones: Mapping[int, int]
    ) -> None:
        self.flat, self.instrument, self.can, self.n_tones = flat, instrument, can, tones
        self.outputs = np.zeros(len(flat.ports), np.int64)
        peaks = np.ones(len(flat.ports))
        for k, clock in enumerate(flat.ports):
            refs = [ref for ref in lab.port(clock.name).outputs if ref.instrument == instrument.name]
            if len(refs) > 1:
                raise CompileError(
                    f"{clock.name} is on {len(refs)} outputs of {instrument.name}, whose tones have their own phases: "
                    f'give it one, by output = "{refs[0]}"'
                )
            if refs:
                self.outputs[k] = refs[0].output
                peaks[k] = (lab.output(refs[0]).amplitude_vpp or 0.0) / 2
        self.peaks = peaks
        self.points = np.repeat(np.arange(len(flat), dtype=np.int64), np.diff(flat.bounds))

    def label(self, play: int) -> str:
        """Return the name of a play of the flat table, with its point where there are several."""
        point = int(self.points[play])
        name = self.flat.label(point, play - int(self.flat.bounds[point]))
        return f"{name} (point {point})" if len(self.flat) > 1 else name

    def run(self, shots: Shots, step_ns: int) -> Spans:
        """Return all of it."""
        plays = self.flat.plays
        chosen = np.flatnonzero(self.outputs[plays["port"]] > 0)
        rows = plays[chosen]
        output = self.outputs[rows["port"]]
        lengths = np.array([float(rational_s(w.duration_s) * _NS) for w in self.flat.waveforms])  # type: ignore[arg-type]
        shaped = np.array([w.kind != "constant" for w in self.flat.waveforms], bool)
        length = lengths[rows["waveform"]] if len(lengths) else np.zeros(0)
        end = rows["start"] + np.rint(length).astype(np.int64)
        time_s = float(np.abs(np.rint(length) - length).max(initial=0.0)) * 1e-9
        time_s += max((port.residual_s for port in self.flat.ports), default=0.0)
        ttl = output >= FIRST_LINE
        part = rows["amplitude"] / self.peaks[rows["port"]]
        self._check(rows, chosen, output, end, part, ttl)
        lines = _spans(len(chosen), chosen, self.points, output - FIRST_LINE + 1, rows["start"], end)
        lines = lines[ttl & (end > rows["start"]) & (part != 0)]
        tones = _spans(len(chosen), chosen, self.points, output, rows["start"], end)
        rounding = self._words(tones, rows, part)
        keep = ~ttl & (end > rows["start"])
        stepped = keep & (shaped[rows["waveform"]] if len(shaped) else keep)
        flat = [tones[keep & ~stepped]]
        flat += [self._stairs(tones[k], rows[k], float(part[k]), step_ns) for k in np.flatnonzero(stepped).tolist()]
        tones = np.concatenate(flat)
        tones = tones[np.lexsort((tones["output"], tones["start"], tones["point"]))]
        self._tones(tones)
        lines = lines[np.lexsort((lines["output"], lines["start"], lines["point"]))]
        return Spans(tones, lines, self._gates(shots), Rounding(time_s, *rounding), self.label)

    def _check(
        self, rows: NDArray[Any], chosen: NDArray[np.int64], output: NDArray[np.int64], end: NDArray[np.int64],
        part: NDArray[np.float64], ttl: NDArray[np.bool_],
    ) -> None:  # fmt: skip
        """Refuse what is outside the device's channels."""
        for channel, here, number in (("tone", ~ttl, output), ("line", ttl, output - FIRST_LINE + 1)):
            at = np.flatnonzero(here & (end > rows["start"]))
            tone = channel == "tone"
            check_pulses(
                self.can,
                Pulses(
                    channel, rows["start"][at], (end - rows["start"])[at],
                    np.abs(part[at]) if tone else None, rows["frequency_hz"][at] if tone else None,
                    line=self.points[chosen[at]] * 4096 + number[at], number=number[at], ops=("set",),
                    label=lambda k, at=at: self.label(int(chosen[at[k]])),  # type: ignore[misc]
                ),
            )  # fmt: skip

    def _words(self, tones: NDArray[Any], rows: NDArray[Any], part: NDArray[np.float64]) -> tuple[float, float, float]:
        """Fill in tuning words; a frequency's rounding is made up for in the phase at the start of the play."""
        wanted = rows["frequency_hz"] * _FTW
        ftw = np.rint(wanted)
        slip = (wanted - ftw) / 2**32 * rows["start"]
        turns = np.mod(-rows["phase_rad"] / (2 * np.pi) + np.where(part < 0, 0.5, 0.0) + slip, 1.0) * _POW
        size = np.abs(part) * _ASF
        tones["ftw"], tones["pow"] = ftw.astype(np.uint32), np.rint(turns).astype(np.int64) % _POW
        tones["asf"] = np.rint(size).astype(np.uint16)
        found = np.abs(ftw - wanted) / _FTW, np.abs(np.rint(turns) - turns) / _POW, np.abs(np.rint(size) - size) / _ASF
        here = self.outputs[rows["port"]] < FIRST_LINE
        frequency, phase, amplitude = (float(one[here].max(initial=0.0)) for one in found)
        return frequency, phase, amplitude

    def _stairs(self, span: Any, row: Any, part: float, step_ns: int) -> NDArray[Any]:
        """Return an envelope as stretches of constant amplitude, each with what it has in its middle."""
        samples = envelope_samples(self.flat.waveforms[int(row["waveform"])], _NS)
        if samples.imag.any() or (samples.real < 0).any():
            raise CompileError(
                f"{self.label(int(span['play']))}: its envelope is complex or below 0, and a synthesiser's amplitude "
                f"is neither: shift the phase instead"
            )
        n = len(samples)
        begins = np.arange(0, n, step_ns)
        middles = np.minimum(begins + step_ns // 2, n - 1)
        made = np.repeat(np.array([span], SPAN), len(begins))
        made["start"] = int(span["start"]) + begins
        made["end"] = int(span["start"]) + np.minimum(begins + step_ns, n)
        made["asf"] = np.rint(samples.real[middles] * abs(part) * _ASF)
        return made

    def _tones(self, tones: NDArray[Any]) -> None:
        """Give plays of one output that overlap a tone each; refuse more than there are, or more than full scale."""
        limit = self.can.restrictions["tones"].range
        most = 1 if limit is None else limit.most
        order = np.lexsort((tones["start"], tones["output"], tones["point"]))
        rows = tones[order]
        same = (rows["point"][1:] == rows["point"][:-1]) & (rows["output"][1:] == rows["output"][:-1])
        if not (same & (rows["start"][1:] < rows["end"][:-1])).any():
            return
        ends: list[tuple[int, int]] = []
        group = (-1, -1)
        numbers = np.zeros(len(rows), np.uint16)
        n_tones = 0
        for k, (point, output, _, start, end, _, _, asf, play) in enumerate(rows.tolist()):
            if group != (point, output):
                n_tones = self.n_tones.get(output, most)
                group, ends = (point, output), [(0, 0)] * n_tones
            free = [tone for tone, (until, _) in enumerate(ends) if until <= start]
            if not free:
                more = f", or give the output more tones in lab.toml: output.{output}.tones"
                raise CompileError(
                    f"{self.label(play)} would be tone {n_tones + 1} at once on output {output} of "
                    f"{self.instrument.name}, which makes {n_tones}: play it later"
                    + more
                    * (bool(self.n_tones) and n_tones < most)
                )
            total = asf + sum(size for until, size in ends if until > start)
            if total > _ASF:
                raise CompileError(
                    f"{self.label(play)}: the tones of output {output} of {self.instrument.name} together are "
                    f"{total / _ASF:.4g} of full scale: make them weaker"
                )
            numbers[k] = free[0]
            ends[free[0]] = (end, asf)
        tones["tone"][order] = numbers

    def _gates(self, shots: Shots) -> tuple[Gate, ...]:
        """Return the gates of the device's counters."""
        found: list[Gate] = []
        for spec in shots.captures:
            if spec.instrument != self.instrument.name:
                continue
            first = max(spec.first_point, shots.first_point)
            for point in range(first, min(spec.first_point + spec.n_points, shots.first_point + len(self.flat))):
                start = round(spec.start_at(point) * 1e9)
                length = round(spec.length_s * 1e9)
                number = spec.inputs[0]
                found.append(Gate(point - shots.first_point, number, start, start + length, spec.port, spec.slot))
        found.sort(key=lambda gate: (gate.point, gate.end, gate.counter))
        if found:
            numbers = np.array([(g.start, g.end - g.start, g.point * 4096 + g.counter, g.counter) for g in found])
            check_pulses(
                self.can,
                Pulses(
                    "counter", numbers[:, 0], numbers[:, 1], line=numbers[:, 2], number=numbers[:, 3], ops=("gate",),
                    label=lambda k: f"the capture into {found[k].slot} on {found[k].port}",
                ),
            )  # fmt: skip
        return tuple(found)


def _spans(
    n: int, chosen: NDArray[np.int64], points: NDArray[np.int64], output: NDArray[np.int64],
    start: NDArray[np.int64], end: NDArray[np.int64],
) -> NDArray[Any]:  # fmt: skip
    spans = np.zeros(n, SPAN)
    spans["point"], spans["output"], spans["play"] = points[chosen], output, chosen
    spans["start"], spans["end"] = start, end
    return spans
