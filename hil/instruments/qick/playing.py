"""A run of an emulated board: a program to shots, samples to the plant, and what readouts add up, to their buffers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from hashlib import blake2b
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError
from qctl.hil.instruments.plant_link import Integration, Kind, Output, Plant, Runs
from qctl.hil.instruments.qick.memory import Memory
from qctl.hil.instruments.qick.processor import Done, execute
from qctl.hil.instruments.qick.processor_v1 import execute_v1
from qctl.hil.instruments.qick.rendering import RATE_HZ, Play, carrier_hz, rendered, tone_hz
from qctl.hil.instruments.qick.shots import READ, Clocks, Deeds, Shots, clocks_of, cut, deeds_of
from qctl.hil.physics.lines import find_runs

__all__ = ["FULL_SCALE_VPP", "Run", "prepared"]

FULL_SCALE_VPP = 2.0
"""Of each generator into 50 ohm, at all frequencies: converters' roll-off is not emulated."""
_FULL_SCALE_COUNTS, _INPUT_VPP = 32_767, 1.0
_LONGEST_S = 20e-3
_TONE_DBM = 10.0
_SILENT = 64
_PER_OUTPUT = 2
"""Samples of the integration for each one that a readout gives."""
_ALIKE_HZ = 1e3


class Window(NamedTuple):
    """A window of a shot: readout, first decimated sample, frequency of down-conversion, and where its sums stand.

    An input is real, so that a carrier is there at its negative frequency, too: what comes of that is mirrored.
    """

    readout: int
    first: int
    length: int
    hertz: float
    turned_by: int
    mirrored: bool
    column: int


@dataclass(slots=True)
class Run:
    """One run of a program.

    Attributes
    ----------
    sums : dict of int to (n, 2) int64
        Of each readout: what was added up at each trigger, in order.
    traces : dict of int to (n, 2) int64
        Of each readout whose decimated buffer is on.
    heard : dict of int to int
        Frequency that each generator is heard with where a part of a shot does not say so.
    """

    name: str
    memory: Memory
    joined: Mapping[int, int]
    clocks: Clocks
    done: Done
    deeds: Deeds
    shots: Shots
    sums: dict[int, NDArray[np.int64]] = field(default_factory=dict)
    traces: dict[int, NDArray[np.int64]] = field(default_factory=dict)
    heard: dict[int, int] = field(default_factory=dict)
    stopped: bool = False
    _before: dict[int, NDArray[np.int64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for k, readout in enumerate(self.memory.readouts):
            self._before[k] = np.concatenate([[0], np.cumsum(self.deeds.channel == READ + k)])
            n = int(self._before[k][-1])
            if readout.sums_on or readout.traces_on:
                self.sums[k] = np.zeros((n, 2), np.int64)
            if readout.traces_on:
                self.traces[k] = np.zeros((n * readout.trace_length, 2), np.int64)

    async def play(self, plant: Plant) -> None:
        """Play all shots, all of a kind at once."""
        shots = self.shots
        n_shots = len(shots.starts)
        if not n_shots:
            return
        period_s = (shots.stops[-1] - shots.starts[0]) / float(self.clocks.timing_hz) / n_shots
        order = np.argsort(shots.kinds, kind="stable")
        bounds = np.searchsorted(shots.kinds[order], np.arange(len(shots.models) + 1))
        for number, model in enumerate(shots.models.tolist()):
            alike = order[bounds[number] : bounds[number + 1]]
            kind, tones, fresh, windows = await asyncio.to_thread(self.kind_of, model)
            await plant.waveforms(fresh)
            if self.stopped:
                return
            rates_hz = {self.name: RATE_HZ}
            n, found = await plant.play(
                kind.outputs, kind.integrations, RATE_HZ, len(alike), float(period_s), rates_hz, tones
            )
            if n < len(alike):
                self.stopped = True
                return
            await asyncio.to_thread(self.take, windows, alike, found)

    # what a shot plays ------------------------------------------------------------------------------

    def kind_of(
        self, model: int, begin: int = 0, stop: int | None = None, columns: tuple[int, int] | None = None
    ) -> tuple[Kind, dict[str, tuple[float, float, bool]], dict[str, tuple[int, Runs]], list[Window]]:
        """Return what is played and integrated in a shot, tones, the samples of it, and its windows.

        Parameters
        ----------
        begin, stop : int
            Ticks after the shot's start from which on, and until when; `columns` are the windows then.

        Raises
        ------
        RequestError
            If the shot is too long, or has a wave that is not emulated.
        """
        shots, deeds = self.shots, self.deeds
        start = int(shots.starts[model])
        last = int(shots.stops[model]) - start if stop is None else stop
        length_s = float(last) / float(self.clocks.timing_hz)
        if length_s > _LONGEST_S:
            raise RequestError(f"a shot of {length_s:g} s is not rendered")
        part = slice(int(shots.low[model]), int(shots.high[model]))
        played: dict[int, list[Play]] = {}
        for tick, channel, wave, since in zip(
            deeds.tick[part], deeds.channel[part], deeds.wave[part], deeds.since[part], strict=True
        ):
            if channel < READ and int(tick) - start < last:
                number = int(channel)
                first = self._sample(number, int(tick) - start)
                reset = 0 if since < 0 else self._sample(number, int(tick - since) - start)
                played.setdefault(number, []).append(Play(self.done.waves[wave], first, reset))
        n = ceil(length_s * RATE_HZ) + 64
        lines, tones = self._lines(played, n)
        silent = int(begin / float(self.clocks.timing_hz) * RATE_HZ)
        element: dict[int, Output] = {}
        fresh: dict[str, tuple[int, Runs]] = {}
        for number, samples in lines.items():
            for k, values in enumerate((samples.real, samples.imag)):
                part_v = np.clip(values, -1, 1).astype(np.float32)
                part_v[:silent] = 0.0
                digest = None
                if part_v.any():
                    digest = blake2b(part_v.tobytes(), digest_size=16).hexdigest()
                    fresh[digest] = (n, tuple((a, part_v[a:b]) for a, b in find_runs(part_v != 0, _SILENT)))
                element[2 * number + 1 + k] = Output(digest, FULL_SCALE_VPP, 0.0, digest is not None)
        windows = self._windows(model, start, part, played)
        if columns is not None:
            chosen = windows[columns[0] : columns[1]]
            windows = [w._replace(column=w.column - chosen[0].column) for w in chosen]
        integrations = self._integrations(windows, tones)
        return Kind({self.name: element}, integrations), tones, fresh, windows

    def _sample(self, number: int, ticks: int) -> int:
        """Return the sample that a generator begins with after so many ticks: the next cycle of its fabric."""
        cycles = -(-ticks * self.clocks.generators[number].numerator // self.clocks.generators[number].denominator)
        return cycles * int(self.memory.config["gens"][number]["samps_per_clk"])

    def _carrier(self, number: int, word: int) -> tuple[float, bool]:
        memory = self.memory
        return carrier_hz(memory.config["gens"][number], memory.zones[number], memory.mixers_hz[number], word)

    def _lines(
        self, played: Mapping[int, list[Play]], n: int
    ) -> tuple[dict[int, NDArray[np.complex128]], dict[str, tuple[float, float, bool]]]:
        """Return what each line carries, by the generator that it is named after, and its tone."""
        lines: dict[int, NDArray[np.complex128]] = {}
        tones: dict[str, tuple[float, float, bool]] = {}
        none = np.zeros((0, 2), np.int16)
        for number, plays in sorted(played.items()):
            line = self.joined.get(number, number)
            name = f"{self.name}.g{line + 1}"
            first = next((one for one in plays if one.words[3]), None)
            word = self.heard.get(number, int(plays[0].words[0])) if first is None else int(first.words[0])
            at_hz = tones[name][0] if name in tones else tone_hz(self._carrier(number, word)[0])
            samples = rendered(
                self.memory.config["gens"][number], self.memory.zones[number], self.memory.mixers_hz[number],
                self.memory.envelopes.get(number, none), plays, at_hz, n,
            )  # fmt: skip
            lines[line] = lines[line] + samples if line in lines else samples
            tones[name] = (at_hz, _TONE_DBM, True)
        return lines, tones

    # what a shot reads ------------------------------------------------------------------------------

    def _windows(self, model: int, start: int, part: slice, played: Mapping[int, list[Play]]) -> list[Window]:
        """Return the windows of a shot; each is turned by the generator that has its frequency."""
        found: list[Window] = []
        column = 0
        for tick, channel in zip(self.deeds.tick[part].tolist(), self.deeds.channel[part].tolist(), strict=True):
            if channel < READ:
                continue
            number = channel - READ
            readout, settings = self.memory.config["readouts"][number], self.memory.readouts[number]
            ratio = self.clocks.readouts[number]
            first = -(-(tick - start) * ratio.numerator // ratio.denominator)
            rate_hz = float(readout["fs"]) * 1e6
            digital_hz = -settings.f_int / 2 ** int(readout["b_dds"]) * rate_hz
            made = {k: self._carrier(k, int(plays[0].words[0]))[0] for k, plays in played.items()}
            # An input sees all frequencies that differ by whole sample rates alike.
            off = {
                (k, side): abs((hz - side * digital_hz + rate_hz / 2) % rate_hz - rate_hz / 2)
                for k, hz in made.items()
                for side in (1, -1)
            }
            nearest, side = min(off, key=lambda key: off[key], default=(-1, 1))
            hertz = side * digital_hz
            if nearest >= 0:
                hertz += round((made[nearest] - hertz) / rate_hz) * rate_hz
            turned_by = nearest if nearest >= 0 and off[nearest, side] < _ALIKE_HZ else -1
            length = settings.sums_length
            found.append(Window(number, first, length, hertz, turned_by, side < 0, column))
            column += 2 * (1 + (settings.trace_length if settings.traces_on else 0))
        return found

    def _integrations(
        self, windows: list[Window], tones: Mapping[str, tuple[float, float, bool]]
    ) -> tuple[Integration, ...]:
        if not windows:
            return ()
        outputs_hz = {float(self.memory.config["readouts"][w.readout]["f_output"]) * 1e6 for w in windows}
        if len(outputs_hz) > 1:
            raise RequestError("readouts with different rates in one shot are not emulated")
        rate_hz = outputs_hz.pop() * _PER_OUTPUT
        first = min(w.first for w in windows) * _PER_OUTPUT
        last = max((w.first + max(w.length, self._trace(w))) * _PER_OUTPUT for w in windows)
        n_sums = windows[-1].column + 2 * (1 + self._trace(windows[-1]))
        table = np.zeros((n_sums, 2, last - first))
        counts = _FULL_SCALE_COUNTS / (_INPUT_VPP / 2) / _PER_OUTPUT
        for w in windows:
            at_hz = min((hz for hz, _, _ in tones.values()), key=lambda hz: abs(hz - w.hertz), default=0.0)
            begin = w.first * _PER_OUTPUT
            n = max(w.length, self._trace(w)) * _PER_OUTPUT
            time_s = (np.arange(begin, begin + n) + 0.5) / rate_hz
            angle = 2 * np.pi * ((w.hertz - at_hz) * time_s)
            cosine, sine = np.cos(angle) * counts, np.sin(angle) * counts
            spans = [(0, w.length * _PER_OUTPUT)]
            spans += [(k * _PER_OUTPUT, (k + 1) * _PER_OUTPUT) for k in range(self._trace(w))]
            for k, (a, b) in enumerate(spans):
                row, place = w.column + 2 * k, slice(begin - first + a, begin - first + b)
                table[row, 0, place], table[row, 1, place] = cosine[a:b], sine[a:b]
                table[row + 1, 0, place], table[row + 1, 1, place] = -sine[a:b], cosine[a:b]
        return (Integration(self.name, (1, 2), rate_hz, first / rate_hz, table),)

    def _trace(self, window: Window) -> int:
        settings = self.memory.readouts[window.readout]
        return settings.trace_length if settings.traces_on else 0

    def take(
        self,
        windows: list[Window],
        shots: NDArray[np.int64],
        found: list[NDArray[np.float64]],
        columns: tuple[int, int] = (0, 0),
    ) -> None:
        """Put what was integrated in shots of one kind where it belongs; `columns` are those of the shot's windows."""
        part = slice(int(self.shots.low[shots[0]]), int(self.shots.high[shots[0]]))
        before_them = (self.deeds.channel[part][self.deeds.channel[part] >= READ] - READ)[: columns[0]]
        nth: dict[int, int] = dict(zip(*np.unique(before_them, return_counts=True), strict=True))
        for w in windows:
            before = self._before[w.readout][self.shots.low[shots]] + nth.get(w.readout, 0)
            nth[w.readout] = nth.get(w.readout, 0) + 1
            turn = np.exp(2j * np.pi * self._turns(w, self.shots.starts[shots]))
            for k in range(1 + self._trace(w)):
                column = w.column + 2 * k
                sums = found[0][:, column] + 1j * found[0][:, column + 1]
                values = (np.conj(sums) if w.mirrored else sums) * turn
                pairs = np.rint(np.stack([values.real, values.imag], axis=1)).astype(np.int64)
                if k == 0:
                    self.sums[w.readout][before] = pairs
                else:
                    self.traces[w.readout][before * self._trace(w) + k - 1] = pairs

    def _turns(self, window: Window, starts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return by how much a generator's carrier is ahead of a readout's down-conversion at the start of shots."""
        readout, settings = self.memory.config["readouts"][window.readout], self.memory.readouts[window.readout]
        ratio = self.clocks.readouts[window.readout] * round(float(readout["fs"]) / float(readout["f_output"]))
        found = _turned(starts, ratio, settings.f_int) + settings.phase_int / 2 ** int(readout["b_dds"])
        if window.turned_by >= 0:
            number = window.turned_by
            word = self._free_word(number)
            ratio = self.clocks.generators[number] * int(self.memory.config["gens"][number]["samps_per_clk"])
            found += _turned(starts, ratio, word) * (-1.0 if self._carrier(number, word)[1] != window.mirrored else 1.0)
        return np.asarray(found)

    def _free_word(self, number: int) -> int:
        """Return the frequency of a carrier that was never started anew, 0 if it was."""
        mine = (self.deeds.channel == number) & (self.deeds.since < 0)
        return int(self.done.waves[self.deeds.wave[np.argmax(mine)], 0]) if mine.any() else 0


def _turned(starts: NDArray[np.int64], ratio: Fraction, word: int) -> NDArray[np.float64]:
    """Return the turns of a carrier at ticks that are whole samples; only what is left of a whole turn counts."""
    samples = (starts * ratio.numerator // ratio.denominator).astype(np.uint64)
    turns = (samples * np.uint64(word % 2**32)) & np.uint64(0xFFFFFFFF)
    return np.asarray(turns.astype(np.float64) / 2**32)


def prepared(name: str, memory: Memory, joined: Mapping[int, int], inputs: NDArray[np.int64] | None = None) -> Run:
    """Execute the program that a board holds, and cut what it does into shots.

    `inputs` are what reads of data ports give, in order.

    Raises
    ------
    RequestError
        If the program can't be executed.
    """
    clocks = clocks_of(memory.config)
    if memory.version == 1:
        channels = {int(one["tproc_ch"]) for one in memory.config["gens"]}
        done = execute_v1(memory.program, memory.values.copy(), channels, inputs)
    else:
        pace = clocks.timing_hz / Fraction(memory.processor["f_core"]).limit_denominator(10_000) / 10**6
        done = execute(memory.program, memory.waves, memory.values, pace, memory.processor, inputs)
    windows = {k: one.sums_length for k, one in enumerate(memory.readouts) if one.sums_on or one.traces_on}
    deeds = deeds_of(done, memory.config, clocks, windows)
    return Run(name, memory, joined, clocks, done, deeds, cut(deeds, clocks))
