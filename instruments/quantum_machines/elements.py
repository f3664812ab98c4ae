"""One element of QUA for each port: what it plays at each point in lines that have a number or none, and its pulses.

Everything an element does is counted in cycles of 4 ns. A pulse that begins or ends between two cycles is filled with
silence inside its waveform, so that no start is rounded; where two pulses would share a cycle, they are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from qctl.instruments.quantum_machines import capabilities as can
from qctl.program.sampling import envelope_samples
from qctl.program.tables import Waveform
from qctl.program.timeline import CaptureSpec
from qctl.units import rational_hz, to_ticks

__all__ = ["Element", "Line", "Pulse", "Refusal", "Tone", "Window"]

CYCLE_NS = can.CYCLE_NS
_RATE_HZ = rational_hz(can.CLOCK_HZ)
_FRAME = 1 << 16
"""Steps of a turn that frames are kept in (qm-qua: `frame_rotation_2pi`)."""
_LONGEST_NS = 1 << 24
"""Of one pulse, or of a capture without one: its samples are in the configuration."""

Refusal = Callable[[int, bool, str], NoReturn]
"""Called with the number of a play or capture of the point, whether it is a capture, and why it can't be."""


class Line(NamedTuple):
    """One statement of an element.

    Attributes
    ----------
    kind : str
        ``wait`` (cycles), ``frequency`` (Hz), ``frame`` (turns, 0 where it stays), ``play`` and ``measure`` (volts).
    what : object
        Number of the pulse, and of a measurement also the name of the slot.
    value : int or float
    """

    kind: str
    what: tuple[Any, ...]
    value: float


class Tone(NamedTuple):
    """One play of a point, in ns of the controller's clock."""

    start: int
    waveform: Waveform
    amplitude: float
    frequency_hz: float
    turns: float


class Window(NamedTuple):
    """One capture of a point."""

    start: int
    spec: CaptureSpec


class Pulse(NamedTuple):
    """What one pulse of the configuration is made of."""

    waveform: Waveform | None
    lead: int
    length: int
    frequency_hz: int
    turns: float
    weights: tuple[str, int, int, int]
    """Slot, ns from the pulse's start to the weights, length of the window, and number of the spec."""


_UNWEIGHTED = ("", 0, 0, -1)


@dataclass(slots=True, eq=False)
class Element:
    """The pulses of one port, and its lines.

    Attributes
    ----------
    name, port : str
    n_outputs : int
        1, or 2 with a mixer.
    acquires : bool
        Whether it measures: its phases are in its waveforms, for a frame would turn what it demodulates as well.
    pulses : dict of Pulse to int
        Number of each.
    peaks : dict of int to float
        Largest amplitude of each pulse.
    specs : dict of int to CaptureSpec
    frequency_hz : int
        That the element has in the configuration.
    """

    name: str
    port: str
    n_outputs: int
    acquires: bool
    pulses: dict[Pulse, int] = field(default_factory=dict)
    peaks: dict[int, float] = field(default_factory=dict)
    specs: dict[int, CaptureSpec] = field(default_factory=dict)
    frequency_hz: int | None = None

    def lines(
        self, tones: list[Tone], windows: list[Window], lead_ns: int, period_ns: int, refused: Refusal
    ) -> list[Line]:
        """Return what the element does at one point, which lasts a whole period."""
        spans = self._spans(tones, windows, lead_ns, refused)
        found: list[Line] = []
        at, frame, hz = 0, 0, self.frequency_hz
        for begin, length, pulse, amplitude, turns in spans:
            if pulse.frequency_hz != hz:
                found.append(Line("frequency", (), pulse.frequency_hz))
                hz = pulse.frequency_hz
            step = round(turns * _FRAME) % _FRAME
            found.append(Line("frame", (), ((step - frame + _FRAME // 2) % _FRAME - _FRAME // 2) / _FRAME))
            frame = step
            if begin > at:
                found.append(Line("wait", (), (begin - at) // CYCLE_NS))
            number = self.pulses.setdefault(pulse, len(self.pulses))
            self.peaks[number] = max(self.peaks.get(number, 0.0), abs(amplitude))
            slot = pulse.weights[0]
            found.append(Line("measure" if slot else "play", (number, slot) if slot else (number,), amplitude))
            at = begin + length
        if hz != self.frequency_hz:
            assert self.frequency_hz is not None
            found.append(Line("frequency", (), self.frequency_hz))
        found.append(Line("wait", (), (period_ns - at) // CYCLE_NS))
        return found

    def end_ns(self, tones: list[Tone], windows: list[Window]) -> int:
        """Return when the element has done at the latest."""
        ends = [t.start + _samples(t.waveform) for t in tones] + [w.start + _length(w.spec) for w in windows]
        return max(ends, default=0) + 2 * can.SHORTEST_NS

    def _spans(
        self, tones: list[Tone], windows: list[Window], lead_ns: int, refused: Refusal
    ) -> list[tuple[int, int, Pulse, float, float]]:
        """Return begin, length, pulse, amplitude and frame of all plays, in order; windows are with their plays."""
        order = sorted(range(len(tones)), key=lambda k: tones[k].start)
        starts = [tones[k].start + lead_ns for k in order]
        ends = [start + _samples(tones[k].waveform) for start, k in zip(starts, order, strict=True)]
        # Of each item: first ns, ns after the last, play or -1, capture or -1.
        items = [[start, end, k, -1] for start, end, k in zip(starts, ends, order, strict=True)]
        for c in sorted(range(len(windows)), key=lambda c: windows[c].start):
            first = windows[c].start + lead_ns - can.TIME_OF_FLIGHT_NS
            last = first + -(-_length(windows[c].spec) // CYCLE_NS) * CYCLE_NS
            within = [item for item in items if item[2] >= 0 and first < item[1] and item[0] < last]
            if not within:
                items.append([first, last, -1, c])
                continue
            if within[-1][3] >= 0:
                refused(c, True, "a pulse is measured once: capture into one result, or play two pulses")
            within[-1][:2] = min(within[-1][0], first), max(within[-1][1], last)
            within[-1][3] = c
        items.sort()
        made = []
        for n, (first, last, k, c) in enumerate(items):
            which, is_capture = (k, False) if k >= 0 else (c, True)
            begin = first // CYCLE_NS * CYCLE_NS
            after = items[n - 1][1] if n else 0
            gap = begin - after
            if gap < 0:
                refused(which, is_capture, f"it begins in a cycle of {CYCLE_NS} ns that what is before it still fills: "
                        f"delay it by {-gap} ns, or give pulses lengths of whole cycles")  # fmt: skip
            if 0 < gap < can.SHORTEST_NS:  # too short a wait: silence at the head of the pulse
                begin -= gap
            length = max(-(-(last - begin) // CYCLE_NS) * CYCLE_NS, can.SHORTEST_NS)
            if length > _LONGEST_NS:
                refused(which, is_capture, f"it lasts {length} ns, and {_LONGEST_NS} ns is the most that is compiled: "
                        "shorten it")  # fmt: skip
            items[n][1] = begin + length
            made.append((begin, length, *self._pulse(begin, length, k, c, tones, windows, lead_ns, refused)))
        return made

    def _pulse(
        self, begin: int, length: int, k: int, c: int, tones: list[Tone], windows: list[Window],
        lead_ns: int, refused: Refusal,
    ) -> tuple[Pulse, float, float]:  # fmt: skip
        weights = _UNWEIGHTED
        if c >= 0:
            spec = windows[c].spec
            offset = windows[c].start + lead_ns - can.TIME_OF_FLIGHT_NS - begin
            if offset % CYCLE_NS or _length(spec) % CYCLE_NS:
                refused(c, True, f"weights are counted in cycles of {CYCLE_NS} ns, and it begins {offset} ns after its "
                        f"pulse, less {can.TIME_OF_FLIGHT_NS} ns, and lasts {_length(spec)} ns")  # fmt: skip
            number = next((n for n, one in self.specs.items() if one is spec), len(self.specs))
            self.specs[number] = spec
            weights = (spec.slot, offset, _length(spec), number)
        if k < 0:
            spec = windows[c].spec
            if self.frequency_hz is None:
                self.frequency_hz = round(spec.if_hz)
            return Pulse(None, 0, length, round(spec.if_hz), 0.0, weights), 0.0, 0.0
        tone = tones[k]
        hz = round(tone.frequency_hz)
        # The frame's phase is that of a sample's middle, the oscillator's that of its begin.
        turns = tone.turns + tone.frequency_hz * 0.5e-9 + (tone.frequency_hz - hz) * (tone.start * 1e-9)
        turns = (turns + hz * -lead_ns * 1e-9) % 1.0
        if self.frequency_hz is None:
            self.frequency_hz = hz
        baked = round(turns * _FRAME) / _FRAME % 1.0 if self.acquires else 0.0
        pulse = Pulse(tone.waveform, tone.start + lead_ns - begin, length, hz, baked, weights)
        return pulse, tone.amplitude, 0.0 if self.acquires else turns

    def samples(self, pulse: Pulse, peak: float) -> NDArray[np.complex128]:
        """Return I + iQ of a pulse in volts."""
        out = np.zeros(pulse.length, np.complex128)
        if pulse.waveform is not None:
            # The lines carry the complex conjugate of what turns the qubit (see PLAY).
            unit = np.conj(envelope_samples(pulse.waveform, _RATE_HZ))
            out[pulse.lead : pulse.lead + len(unit)] = peak * unit * np.exp(2j * np.pi * pulse.turns)
        if self.n_outputs != 2:
            out.imag = 0.0
        return out


def _samples(waveform: Waveform) -> int:
    return len(envelope_samples(waveform, _RATE_HZ))


def _length(spec: CaptureSpec) -> int:
    return to_ticks(spec.length_s, _RATE_HZ).ticks
