"""Lower what one readout channel plays and acquires: generators or waveforms, integrators, and startQA in SeqC."""

from __future__ import annotations

from hashlib import blake2b
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.errors import CompileError
from qctl.instruments.rows import Rows
from qctl.instruments.zurich import sequencers as can
from qctl.instruments.zurich.body import Integrator, Readout, Waveform
from qctl.instruments.zurich.events import CaughtWindow, Events, PlayedTone, events_of
from qctl.instruments.zurich.feedback import Conditions, answers_of
from qctl.instruments.zurich.program import repeated, silence
from qctl.instruments.zurich.waveforms import Grid
from qctl.lab import Instrument, OutputRef, Port
from qctl.program.sampling import envelope_samples
from qctl.program.timeline import CaptureSpec, Shots
from qctl.units import rational_s, to_ticks

__all__ = ["ReadSize", "readout_of"]

_WAVE_COST = 5
"""Instructions that fetch one waveform of a UHFQA, at most."""


class ReadSize(NamedTuple):
    """What one readout channel uses."""

    n_instructions: int
    n_generators: int
    n_integrators: int
    n_results: int
    n_averages: int
    n_samples: int


def readout_of(
    number: int,
    ports: list[Port],
    outputs: tuple[OutputRef, ...],
    lo_hz: float,
    instrument: Instrument,
    reader: can.Readout,
    rows: Rows,
    shots: Shots,
    grid: Grid,
    given: Conditions,
) -> tuple[Readout, dict[str, NDArray[np.generic]], ReadSize]:
    """Return a channel's program, the samples of its waveforms and weights, and what it uses.

    Waveforms count their phases from the start of their event, as they begin anew with each startQA, and weights from
    that of the event in which their port was played last: what is integrated has the phase of PLAY's convention.

    Raises
    ------
    CompileError
        If a pulse or an integration is longer than the channel can, or goes over its range.
    """
    work = _Work(instrument, reader, rows, grid, given.deciding())
    if given.plan is not None:
        work.registers = given.plan.registers.get((instrument.name, number), [])
    lengths = [to_ticks(rational_s(spec.length_s), grid.rate_hz).ticks for spec in rows.specs]
    inputs = tuple(dict.fromkeys(ref.input for p in ports for ref in p.inputs if ref.instrument == instrument.name))
    playing = [rows.ports[p.name] for p in ports if any(ref in outputs for ref in p.outputs)]
    capturing = [rows.ports[p.name] for p in ports if any(ref.instrument == instrument.name for ref in p.inputs)]
    events = events_of(rows, playing, capturing, grid, lengths)
    waves = work.waves(events)
    integrators, delay, length = work.weights(events, lengths)
    if given.of_point:
        ends = delay + length
        given.take(number, answers_of(rows, events, capturing, work.kinds, grid.zero, ends), events, ends, grid.zero)
    n_results = events.n_captured
    averaged = shots.averaged and not grid.each and reader.averages(shots.n_shots)
    if len(integrators) * reader.each > reader.n_slots or (reader.generates and len(waves) > reader.n_slots):
        text, n_instructions = "", 0
    else:
        text, n_instructions = work.text(events, waves, shots, len(integrators))
    size = ReadSize(
        n_instructions, len(waves), len(integrators) * reader.each, n_results * (1 if averaged else shots.n_shots),
        shots.n_shots if averaged else 1, sum(w.n_samples for w in waves),
    )  # fmt: skip
    connectors = tuple(ref.output for ref in outputs)
    readout = Readout(
        number, tuple(port.name for port in ports), connectors, inputs,
        lo_hz,
        tuple(instrument.output[n].amplitude_vpp or 0.0 for n in connectors),
        tuple(instrument.input[n].range_v for n in inputs), text, tuple(waves), tuple(integrators), delay, length,
        size.n_results, size.n_averages, tuple(_point_results(events).tolist()),
    )  # fmt: skip
    return readout, work.blobs, size


def _captured(events: Events) -> NDArray[np.bool_]:
    """Return which events give a result."""
    return np.array([bool(members) for members in events.captures], bool)[np.array(events.kinds, np.intp)]


def _point_results(events: Events) -> NDArray[np.int64]:
    """Return how many results each point gives in one shot."""
    n = np.concatenate([[0], np.cumsum(_captured(events))])[events.bounds]
    return np.asarray(np.diff(n))


def _meant(events: Events, kinds: dict[CaughtWindow, int]) -> list[tuple[tuple[int, int, int], ...]]:
    """Return which results of one shot are meant for each integrator, as runs of (first, step, how many)."""
    has = np.zeros((len(kinds), len(events.captures)), bool)
    for place, members in enumerate(events.captures):
        has[[kinds[member] for member in members], place] = True
    number = np.cumsum(_captured(events)) - 1
    of_event = np.array(events.kinds, np.intp)
    return [_runs(number[row[of_event]]) for row in has]


def _runs(numbers: NDArray[np.int64]) -> tuple[tuple[int, int, int], ...]:
    """Return rising numbers as runs of (first, step, how many)."""
    runs: list[tuple[int, int, int]] = []
    steps = np.diff(numbers)
    begin = 0
    # A run ends where the next step is another one; the number behind it begins the next run.
    for end in [*(np.flatnonzero(np.diff(steps)) + 1).tolist(), len(numbers) - 1]:
        if begin <= end:
            step = int(steps[begin]) if begin < end else 1
            runs.append((int(numbers[begin]), step, end - begin + 1))
            begin = end + 1
    return tuple(runs)


class _Text(NamedTuple):
    """What a kind of event is written as: what plays a waveform, its samples, startQA, and instructions of both."""

    play: str
    n_samples: int
    start: str
    n_instructions: int


class _Work:
    """The state while one channel is lowered."""

    def __init__(
        self, instrument: Instrument, reader: can.Readout, rows: Rows, grid: Grid, deciding: frozenset[int]
    ) -> None:
        self.instrument = instrument
        self.reader = reader
        self.rows = rows
        self.grid = grid
        self.rate_hz = float(grid.rate_hz)
        self.blobs: dict[str, NDArray[np.generic]] = {}
        self.played: list[tuple[int, ...]] = []
        self.deciding = deciding
        self.kinds: dict[CaughtWindow, int] = {}
        self.registers: list[int] = []

    # --- waveforms ----------------------------------------------------------------------------------

    def waves(self, events: Events) -> list[Waveform]:
        """Render what each kind of event plays, and note its waveforms."""
        full_scale_v = min(((one.amplitude_vpp or 0.0) / 2 for one in self.instrument.output.values()), default=0.0)
        index: dict[tuple[PlayedTone, ...], int] = {}
        waves: list[Waveform] = []
        for parts in events.plays:
            self._check(parts, full_scale_v)
            groups = [(part,) for part in parts] if self.reader.generates else [parts] if parts else []
            numbers = []
            for group in groups:
                found = index.setdefault(group, len(index))
                if found == len(waves):
                    waves.append(self._wave(found, group, full_scale_v))
                numbers.append(found)
            self.played.append(tuple(numbers))
        return waves

    def _check(self, parts: tuple[PlayedTone, ...], full_scale_v: float) -> None:
        total_v = sum(abs(part[2]) for part in parts)
        if total_v > full_scale_v * (1 + 1e-9) or total_v != total_v:
            raise CompileError(
                f"readout pulses that play together reach {total_v:.4g} V on {self.instrument.name}, over its "
                f"{full_scale_v:.4g} V: make them weaker, or amplitude_vpp larger",
                volts=total_v,
            )

    def _wave(self, number: int, group: tuple[PlayedTone, ...], full_scale_v: float) -> Waveform:
        rendered = []
        for waveform, offset, amplitude, frequency_hz, phase_rad in group:
            unit = np.conj(envelope_samples(self.rows.waveforms[waveform], self.grid.rate_hz))
            turns = (offset + 0.5 + np.arange(len(unit))) * (frequency_hz / self.rate_hz)
            rendered.append((offset, amplitude / full_scale_v * unit * np.exp(2j * np.pi * turns - 1j * phase_rad)))
        n = max(offset + len(part) for offset, part in rendered)
        if n > can.READOUT_SAMPLES:
            late = min((offset for offset, part in rendered if offset + len(part) > can.READOUT_SAMPLES), default=0)
            remedy = "shorten the pulse"
            if late >= self.grid.grid:
                remedy = (
                    f"it begins {late} samples into a readout that is not over; begin it with that one, or at a "
                    f"multiple of {self.grid.grid} samples behind its end"
                )
            raise CompileError(
                f"a readout pulse of {self.instrument.name} needs {n} samples, {n / self.rate_hz:.4g} s with what "
                f"is in front of it; a waveform has {can.READOUT_SAMPLES}: {remedy}"
            )
        n_padded = max(-(-n // self.grid.grid) * self.grid.grid, self.grid.least)
        samples = np.zeros(n_padded, np.complex128)
        for offset, part in rendered:
            samples[offset : offset + len(part)] += part
        words = np.rint(np.stack([samples.real, samples.imag], axis=1) * can.FULL_SCALE).astype(np.int16)
        words.setflags(write=False)
        digest = blake2b(words.data, digest_size=20).hexdigest()
        self.blobs[digest] = words
        return Waveform(number, n_padded, digest)

    # --- integration --------------------------------------------------------------------------------

    def weights(self, events: Events, lengths: list[int]) -> tuple[list[Integrator], int, int]:
        """Return the integrators, the delay of the integration, and its length in samples."""
        kinds = self.kinds
        for members in events.captures:
            for member in members:
                kinds.setdefault(member, len(kinds))
        if not kinds:
            return [], 0, int(can.INTEGRATION.low)
        first = min(offset for _, offset, _ in kinds)
        first = min(first, self.reader.most_delay or first)
        delay = first - first % can.READOUT_GRID
        made, meant = [], _meant(events, kinds)
        for (spec, offset, since), index in kinds.items():
            weights = self._weights(self.rows.specs[spec], lengths[spec], offset, since, delay, spec in self.deciding)
            digest = blake2b(b"weights" + weights.tobytes(), digest_size=20).hexdigest()
            self.blobs[digest] = weights
            one = self.rows.specs[spec]
            angle_rad, threshold_v = (one.angle_rad, one.threshold) if spec in self.deciding else (0.0, None)
            made.append(
                Integrator(index, one.port, one.slot, meant[index], len(weights), digest, angle_rad, threshold_v)
            )
        return made, delay, max(one.n_samples for one in made)

    def _weights(
        self, spec: CaptureSpec, length: int, offset: int, since: int, delay: int, decides: bool
    ) -> NDArray[np.float64]:
        name = self.instrument.name
        if spec.mode == "raw":
            raise CompileError(f"the capture into {spec.slot!r} is raw: {name} is compiled for integrated ones only")
        if spec.ifs_hz is not None:
            raise CompileError(f"the capture into {spec.slot!r} has a swept frequency: not compiled for {name}")
        front = offset - delay
        n = -(-(front + length) // can.READOUT_GRID) * can.READOUT_GRID
        if n > can.READOUT_SAMPLES:
            raise CompileError(
                f"the capture into {spec.slot!r} needs {n} samples of {name}, {n / self.rate_hz:.4g} s; its weights "
                f"have {can.READOUT_SAMPLES}: shorten it"
            )
        given = np.ones(length, np.complex128)
        if spec.weights is not None:
            given = spec.weights[((2 * np.arange(length) + 1) * len(spec.weights)) // (2 * length)]
        turns = (since + offset + 0.5 + np.arange(length)) * (spec.if_hz / self.rate_hz)
        weights = np.zeros(n, np.complex128)
        # What decides is the real part, so that these weights are turned to where the states differ.
        weights[front : front + length] = given * np.exp(-2j * np.pi * turns - 1j * spec.angle_rad * decides)
        return weights.view(np.float64).reshape(-1, 2)

    # --- text ---------------------------------------------------------------------------------------

    def text(self, events: Events, waves: list[Waveform], shots: Shots, n_integrators: int) -> tuple[str, int]:
        """Return the SeqC and its number of instructions; no text if there are too many."""
        reader = self.reader
        made = [self._kind(events, waves, kind, n_integrators) for kind in range(len(events.plays))]
        known: dict[tuple[int, ...], tuple[str, int]] = {}  # most points of a set are read out alike
        points = []
        for begin, end in pairwise(events.bounds):
            key = (*events.starts[begin:end], *events.kinds[begin:end], *self.registers[begin:end])
            found = known.get(key)
            if found is None:
                found = known[key] = self._point(events, made, begin, end)
            points.append(found)
        parts, n_instructions = [], reader.base
        for w in waves if not reader.generates else ():
            parts.append(
                f"wave w{w.index}_i = placeholder({w.n_samples});\nwave w{w.index}_q = placeholder({w.n_samples});\n"
            )
            parts.append(f"assignWaveIndex(1,w{w.index}_i,2,w{w.index}_q,{w.index});\n")
            n_instructions += _WAVE_COST
        start, end_of_loop, n_around = repeated(shots.n_shots)
        if self.grid.each:
            for text, cost in points:
                parts += [start, reader.trigger, text, end_of_loop]
                n_instructions += n_around + cost + reader.base
            return ("".join(parts) if n_instructions <= reader.max_instructions else ""), n_instructions
        parts += [reader.trigger, start]
        n_instructions += n_around
        for (text, cost), group in groupby(points):
            begin_of, end_of, n = repeated(sum(1 for _ in group))
            parts += [begin_of, text, end_of]
            n_instructions += n + cost
        parts.append(end_of_loop)
        return ("".join(parts) if n_instructions <= reader.max_instructions else ""), n_instructions

    def _kind(self, events: Events, waves: list[Waveform], kind: int, n_integrators: int) -> _Text:
        """Return the text of a kind of event."""
        reader, numbers = self.reader, self.played[kind]
        weighted = n_integrators * reader.each if events.captures[kind] else 0
        integrators = "|".join(f"QA_INT_{k}" for k in range(weighted)) or "0"
        if reader.generates:
            generators = "|".join(f"QA_GEN_{k}" for k in numbers) or "0"
            return _Text("", 0, f"startQA({generators},{integrators},0,{{}},0);\n", reader.start - (not weighted))
        start = f"startQA({integrators},0,0,0);\n" if weighted else ""
        cost = reader.start * bool(weighted)
        if not numbers:
            return _Text("", 0, start, cost)
        (k,) = numbers
        return _Text(f"playWave(1,w{k}_i,2,w{k}_q);\n", waves[k].n_samples, start, cost + reader.silence)

    def _point(self, events: Events, made: list[_Text], begin: int, end: int) -> tuple[str, int]:
        """Return the text of one point: silence up to each event, which startQA then begins with what is played."""
        reader = self.reader
        starts = [*events.starts[begin:end], self.grid.period]
        lines, cost = silence(starts[0], reader.longest_zero, reader.least, reader.silence)
        for k in range(begin, end):
            kind = made[events.kinds[k]]
            at, until = starts[k - begin], starts[k - begin + 1]
            gap = until - at - kind.n_samples
            if gap < 0 or 0 < gap < reader.least:
                raise CompileError(
                    f"readouts of {self.instrument.name} at samples {at} and {until} of a point are too close to each "
                    f"other: leave {reader.least} samples between them"
                )
            more, n = silence(gap, reader.longest_zero, reader.least, reader.silence)
            start = kind.start.format(self.registers[k] if self.registers else 0)
            # startQA begins with what stands before it.
            lines += [kind.play, start, *more] if kind.play else [more[0], start, *more[1:]]
            cost += n + kind.n_instructions
        return "".join(lines), cost
