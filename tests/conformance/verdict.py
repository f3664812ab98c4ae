"""Hold what was heard of a run against the ideal, and say it in one cell: the worst LSB, time and phase, or why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from building import built
from heard import Heard, Line
from ideal import Capture, Event, events_of, lasting, nearest, samples, signal
from programs import Example
from targets import Target, frames_of

import qctl
from qctl.errors import QctlError

__all__ = ["Cell", "cell_of"]

PHASE_FROM_S = Fraction(40, 10**9)


@dataclass
class Cell:
    """What the table says of one program on one target.

    Attributes
    ----------
    status : str
        ``played``, ``taken`` (nobody plays it), ``compiled`` (nobody judges it), ``refused``, ``other platform``.
    words : str
        Of a refusal, or what nobody plays.
    lsb, time_s, phase_rad : float
        The worst of all outputs and plays; NaN where nothing was compared.
    faults : list of str
        What is over its bound.
    """

    status: str
    words: str = ""
    lsb: float = float("nan")
    time_s: float = float("nan")
    phase_rad: float = float("nan")
    faults: list[str] | None = None

    def worst(self, lsb: float = 0.0, time_s: float = 0.0, phase_rad: float | None = None) -> None:
        """Keep the larger numbers."""
        self.lsb, self.time_s = np.fmax(self.lsb, lsb), np.fmax(self.time_s, time_s)
        if phase_rad is not None:
            self.phase_rad = np.fmax(self.phase_rad, phase_rad)


def cell_of(example: Example, target: Target, folder: Path) -> Cell:
    """Compile a program for a target, let the judges take and play it, and compare."""
    if example.platform != target.platform:
        return Cell("other platform")
    lab = target.lab()
    frames = frames_of(lab) if target.platform == "transmon" else None
    program = built(example, target.rack, frames.hz if frames else {})
    try:
        ready = qctl.compile(program, lab, shots=2, averaged=example.averaged)
    except QctlError as error:
        return Cell("refused", str(error.message))
    if not target.hear:
        return Cell("compiled", target.judged, faults=[])
    judge = import_module(target.hear)
    if example.platform == "atom":
        off, late_s, turned = judge.compared(example, ready, _points(example), target.rack)
        bad = [f"the drive is {off:.3g} rad/us off"] if off > 1e-9 or turned > 1e-9 or late_s > 0.5e-9 else []
        return Cell("played", "", 0.0, late_s, turned, bad)
    if any(step[0] == "if" for step in example.steps(target.rack)):
        taken = judge.take(ready, folder) if hasattr(judge, "take") else "nobody takes its branches here"
        return Cell("taken", taken, faults=[])
    heard: Heard = judge.hear(ready, lab, folder)
    cell = Cell("played", heard.unheard, faults=[])
    _compare(cell, example, target, frames, ready, heard)
    if np.isnan(cell.lsb):
        cell.status = "taken"
    return cell


def _points(example: Example) -> list[dict[str, float]]:
    names = [name for name, *_ in example.sweeps]
    return [dict(zip(names, values, strict=True)) for values in product(*(v for _, v, _ in example.sweeps))]


def _asked(example: Example, target: Target, frames: Any, timeline: Any) -> list[tuple[list[Event], list[Capture]]]:
    """Return plays and captures of each point; a swept delay moves what comes before the first capture."""
    found = []
    for k, point in enumerate(_points(example)):
        events, captures = events_of(example, target.rack, frames, point)
        straight = timeline.straight(k)
        if captures:
            first = straight.captures[0]
            clock = straight.ports[int(first["port"])]
            assert clock.name == captures[0].port
            at = Fraction(int(first["start"])) / clock.rate_hz
            shift = at - captures[0].start
            assert shift >= 0
            events, captures = events_of(example, target.rack, frames, point, shift)
        found.append((events, captures))
    return found


def _compare(cell: Cell, example: Example, target: Target, frames: Any, ready: Any, heard: Heard) -> None:
    timeline = ready.compiled[0].timeline
    asked = _asked(example, target, frames, timeline)
    ticks = _timed(cell, asked, timeline)
    seen: set[tuple[int, str]] = set()
    for line in heard.lines:
        events, starts = asked[line.point][0], ticks[line.point]
        mine = sorted((k for k, e in enumerate(events) if e.port in line.ports), key=lambda k: events[k].start)
        seen |= {(line.point, port) for port in line.ports}
        _line(cell, line, [(events[k], starts[k]) for k in mine], heard, target.full_v)
    for p, (events, captures) in enumerate(asked):
        missing = {e.port for e in events if (p, e.port) not in seen}
        if missing and not heard.unheard:
            _fault(cell, f"point {p}: nothing is heard on {', '.join(sorted(missing))}")
        if heard.windows:
            _windows(cell, p, captures, heard)


def _fault(cell: Cell, words: str) -> None:
    assert cell.faults is not None
    cell.faults.append(words)


def _timed(cell: Cell, asked: Sequence[tuple[list[Event], list[Capture]]], timeline: Any) -> list[list[Fraction]]:
    """Return when the timeline starts each play; each is within half a tick, and the error is the reported one."""
    worst: dict[str, Fraction] = {}
    found = []
    for p, (events, captures) in enumerate(asked):
        straight = timeline.straight(p)
        rows = [(straight.ports[int(r["port"])], int(r["start"])) for r in straight.plays]
        windows = [(straight.ports[int(r["port"])], int(r["start"])) for r in straight.captures]
        assert [clock.name for clock, _ in rows] == [e.port for e in events]
        starts = []
        for (clock, tick), wanted in (*zip(rows, events, strict=True), *zip(windows, captures, strict=True)):
            error = abs(Fraction(tick) / clock.rate_hz - wanted.start)
            starts.append(Fraction(tick) / clock.rate_hz)
            worst[clock.name] = max(worst.get(clock.name, Fraction(0)), error)
            if error > Fraction(1, 2) / clock.rate_hz:
                _fault(cell, f"{clock.name}: a start of point {p} is {float(error):.3g} s off")
        found.append(starts[: len(events)])
    for clock in timeline.ports:
        if clock.name in worst and abs(clock.residual_s - float(worst[clock.name])) > 1e-15:
            _fault(cell, f"{clock.name}: {clock.residual_s} s are reported, {float(worst[clock.name])} s found")
    return found


def _line(cell: Cell, line: Line, plays: list[tuple[Event, Fraction]], heard: Heard, full_v: dict[str, float]) -> None:
    """Compare an output with all that it is to play at its own samples' instants."""
    if line.starts is not None and len(line.starts) != len(plays):
        _fault(cell, f"{line.ports}: {len(line.starts)} plays are heard, not {len(plays)}")
        return
    wanted = [np.zeros(len(s.samples), complex) for s in line.stretches]
    parts = []
    for k, (event, tick_s) in enumerate(plays):
        begin = tick_s if line.starts is None else line.starts[k]
        error = abs(begin - event.start)
        cell.worst(time_s=float(error))
        if error > line.grid / 2 + (0 if line.starts is None else Fraction(heard.reported_s)):
            _fault(cell, f"{event.port}: a play is {float(error):.3g} s off")
        if line.starts is not None and float(abs(begin - tick_s)) > heard.reported_s + 1e-15:
            _fault(cell, f"{event.port}: {float(abs(begin - tick_s)):.3g} s off, {heard.reported_s:.3g} s are reported")
        grid = line.length_grid if event.shape.kind == "constant" else 1
        n = samples(event.shape, line.rate_hz / grid) * grid
        if line.starts is None:  # samples whose middles are in the play, so that each is in one of those that touch
            ends = (event.start + lasting(event.shape), event.start)
            n = int(np.subtract(*(nearest(t * line.rate_hz) for t in ends)))
        want = signal(event, begin, n, line.rate_hz, line.carries) / line.lsb_v
        if line.own_turns is not None:
            want = want * np.exp(2j * np.pi * line.own_turns(event.frequency_hz, begin))
        parts.append((event, want, *_laid(wanted, line, begin, want)))
        if not parts[-1][-1]:
            _fault(
                cell, f"{event.port}: silence at {float(begin):.9g} s of point {line.point}, where a play is asked for"
            )
    bound = (2.0 if line.loose else 1.0) + 1e-6
    for stretch, want in zip(line.stretches, wanted, strict=True):
        off = stretch.samples - want
        worst = float(max(np.abs(off.real).max(), np.abs(off.imag).max()))
        cell.worst(lsb=worst)
        if worst > bound:
            k = int(np.argmax(np.abs(off)))
            _fault(cell, f"{line.ports}, point {line.point}, {float(stretch.start + k / line.rate_hz):.9g} s: "
                         f"{stretch.samples[k]:.2f} instead of {want[k]:.2f} LSB")  # fmt: skip
    for event, want, where, at, _ in parts:
        _phase(cell, line, event, want, where, at, wanted, full_v[event.port])


def _laid(wanted: list[np.ndarray], line: Line, begin: Fraction, want: np.ndarray) -> tuple[int, int, bool]:
    """Add a play to the stretches; return the stretch, its first sample there, and whether all of it is covered."""
    loud = np.flatnonzero(np.abs(want) >= 1.5)
    covered, place = not len(loud), (-1, 0)
    for k, stretch in enumerate(line.stretches):
        if line.starts is not None and stretch.start != begin:
            continue  # each play has its own stretch, whose samples need not be on the grid of another one's
        offset = (begin - stretch.start) * line.rate_hz
        at = round(offset)
        assert abs(offset - at) < Fraction(1, 1000), "a stretch is between the grid's samples"
        a, b = max(at, 0), min(at + len(want), len(stretch.samples))
        if a < b:
            wanted[k][a:b] += want[a - at : b - at]
            if len(loud) and at + loud[0] >= 0 and at + loud[-1] < len(stretch.samples):
                covered, place = True, (k, at)
    return *place, covered


def _phase(
    cell: Cell, line: Line, event: Event, want: np.ndarray, where: int, at: int, wanted: list[np.ndarray], full_v: float
) -> None:
    """Compare the demodulated phase of a pulse near full scale that is alone on its output."""
    if not line.carries or where < 0 or lasting(event.shape) < PHASE_FROM_S or abs(event.amp_v) < full_v / 2:
        return
    sound = line.stretches[where].samples
    a, b = max(at, 0), min(at + len(want), len(sound))
    if np.abs(wanted[where][a:b] - want[a - at : b - at]).max() > 0:
        return
    phase = abs(float(np.angle(np.vdot(want[a - at : b - at], sound[a:b]))))
    cell.worst(phase_rad=phase)
    if phase > (1e-3 if line.bits >= 14 else 5e-3):
        _fault(cell, f"{event.port}: a phase is {phase:.3g} rad off at {float(event.start):.9g} s")


def _windows(cell: Cell, point: int, captures: list[Capture], heard: Heard) -> None:
    """Find the window of each capture: begun within half the box's grid, and as long as its grid allows."""
    for capture in captures:
        there = [w for w in heard.windows if w[0] == capture.port and w[1] == point]
        if not there:
            _fault(cell, f"{capture.port}: nothing is recorded at point {point}")
            continue
        _, _, start, length, grid = min(there, key=lambda w: abs(w[2] - capture.start))
        error = abs(start - capture.start)
        cell.worst(time_s=float(error))
        if error > grid / 2 + Fraction(heard.reported_s) or abs(length - capture.length) > max(
            4 * grid, 1 / Fraction(10**8)
        ):
            _fault(cell, f"{capture.port}: a window begins {float(error):.3g} s off and lasts {float(length):.6g} s")
