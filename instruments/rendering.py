"""Render what the outputs of a generator play in one shot: volts, then words, kept by content for the next time."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from qctl.cext import envelopes
from qctl.errors import CompileError
from qctl.lab import Lab, Mixer
from qctl.program.sampling import envelope_samples
from qctl.program.tables import Waveform
from qctl.program.timeline import Straight

__all__ = ["Feed", "Overshoot", "Renderer", "feeds_of"]

MAX_KEPT_BYTES = 256_000_000
"""Words that a process keeps, so that what did not change is not rendered again."""


_SILENCE = np.uint16(8191)
"""What `quantise_14bit` makes of 0 V."""
_SCRATCH_SAMPLES = 1 << 21


@dataclass(frozen=True, slots=True)
class Feed:
    """One output, or the pair of outputs of an IQ mixer, and the ports that they feed.

    Attributes
    ----------
    outputs : tuple of int
        I and Q, or one output.
    ports : tuple of str
        Names in lab.toml.
    mixer : Mixer
        Correction of the pair.
    """

    outputs: tuple[int, ...]
    ports: tuple[str, ...]
    mixer: Mixer


@dataclass(frozen=True, slots=True)
class Overshoot:
    """A sample that is out of an output's range.

    Attributes
    ----------
    output : int
        Where.
    sample : int
        When.
    volts : float
        What was asked for.
    """

    output: int
    sample: int
    volts: float


def feeds_of(lab: Lab, instrument: str) -> tuple[Feed, ...]:
    """Return the feeds of a generator; ports of one feedline share one."""
    found: dict[tuple[int, ...], Feed] = {}
    for port in lab.ports.values():
        refs = port.outputs
        if not refs or refs[0].instrument != instrument:
            continue
        if any(ref.instrument != instrument for ref in refs):
            raise CompileError(f"port {port.name}: I and Q are outputs of two instruments")
        key = tuple(ref.output for ref in refs)
        old = found.get(key)
        found[key] = Feed(key, (*(old.ports if old else ()), port.name), port.mixer)
    return tuple(found.values())


class _Kept:
    """Words by what they were made of and by content; the oldest go first."""

    def __init__(self) -> None:
        self.numbers: dict[Waveform, int] = {}
        self.digests: OrderedDict[tuple[object, ...], tuple[tuple[str, ...], Overshoot | None]] = OrderedDict()
        self.words: OrderedDict[str, NDArray[np.uint16]] = OrderedDict()
        self.n_bytes = 0

    def number(self, waveform: Waveform) -> int:
        """Return a number that stands for a waveform in this process."""
        return self.numbers.setdefault(waveform, len(self.numbers))

    def put(self, words: NDArray[np.uint16], spans: Sequence[tuple[int, int]]) -> str:
        """Keep words that are silent outside `spans`; return the hash of their length and all that is not silent."""
        found = hashlib.blake2b(len(words).to_bytes(8, "little"), digest_size=20)
        for start, stop in spans:
            heard = np.flatnonzero(words[start:stop] != _SILENCE)
            found.update((heard + start).data)
            found.update(words[start:stop][heard].data)
        digest = found.hexdigest()
        if digest in self.words:
            self.words.move_to_end(digest)
        else:
            words.setflags(write=False)
            self.words[digest] = words
            self.n_bytes += words.nbytes
        return digest

    def trim(self) -> None:
        """Forget the oldest words when there are too many."""
        while self.n_bytes > MAX_KEPT_BYTES and len(self.words) > 1:
            _, words = self.words.popitem(last=False)
            self.n_bytes -= words.nbytes
        while len(self.digests) > 200_000:
            self.digests.popitem(last=False)
        if len(self.numbers) > 100_000:
            self.numbers.clear()
            self.digests.clear()


class _Scratch:
    """Volts that are 0 whenever nobody works on them."""

    def __init__(self) -> None:
        self._volts = np.zeros((2, 0))

    def of(self, n_samples: int) -> NDArray[np.float64]:
        """Return (2, n_samples) float64; who writes them sets them back to 0."""
        if self._volts.shape[1] < n_samples or self._volts.shape[1] > _SCRATCH_SAMPLES:
            self._volts = np.zeros((2, max(n_samples, 1 << 16)))
        return self._volts[:, :n_samples]


_kept = _Kept()
_scratch = _Scratch()


def _spans(starts: NDArray[np.int64], stops: NDArray[np.int64], n_samples: int) -> list[tuple[int, int]]:
    """Return where plays are, without overlap and in order."""
    spans: list[tuple[int, int]] = []
    for start, stop in sorted(zip(starts.tolist(), stops.tolist(), strict=True)):
        start, stop = max(start, 0), min(stop, n_samples)
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], stop))
        elif start < stop:
            spans.append((start, stop))
    return spans


class Renderer:
    """Renders the straights of one generator.

    Parameters
    ----------
    feeds : sequence of Feed
        What it plays.
    rate_hz : Fraction
        Its clock.
    half_v : mapping of int to float
        Half of each output's peak-to-peak range.
    lead_ticks : int
        Added to all starts.
    """

    def __init__(self, feeds: Sequence[Feed], rate_hz: Fraction, half_v: dict[int, float], lead_ticks: int = 0) -> None:
        self.feeds = feeds
        self.rate_hz = rate_hz
        self.half_v = half_v
        self.lead_ticks = lead_ticks
        self._of: Straight | None = None
        self._columns: list[NDArray[np.intp]] = []

    def attend(self, straight: Straight) -> None:
        """Learn the tables of a straight; those of one timeline share them."""
        old = self._of
        if old is not None and old.waveforms is straight.waveforms and old.labels is straight.labels:
            return
        self._of = straight
        names = [port.name for port in straight.ports]
        owner = np.full(len(names), -1)
        for k, feed in enumerate(self.feeds):
            owner[[names.index(name) for name in feed.ports if name in names]] = k
        of_play = owner[straight.plays["port"]] if len(straight.plays) else np.empty(0, int)
        self._columns = [np.flatnonzero(of_play == k) for k in range(len(self.feeds))]
        samples = [envelope_samples(w, self.rate_hz) for w in straight.waveforms]
        self._lengths = np.array([len(s) for s in samples], np.int64)
        self._offsets = np.concatenate([[0], np.cumsum(self._lengths)]).astype(np.int64)
        joined = np.concatenate(samples) if samples else np.empty(0, complex)
        self._env_i = np.ascontiguousarray(joined.real)
        # The lines carry the complex conjugate of what turns the qubit (see PLAY).
        self._env_q = np.ascontiguousarray(-joined.imag)
        self._numbers = np.array([_kept.number(w) for w in straight.waveforms], np.uint32)

    def plays_of(self, straight: Straight, feed: int) -> NDArray:
        """Return a feed's plays at this generator's ticks."""
        plays = straight.plays[self._columns[feed]]
        plays["port"] = 0
        plays["start"] += self.lead_ticks
        return plays

    def end_of(self, straight: Straight) -> tuple[int, str]:
        """Return the first tick after all plays, and the label of the last one; 0 without plays."""
        last, label = 0, ""
        for columns in self._columns:
            if len(columns):
                plays = straight.plays[columns]
                ends = plays["start"] + self._lengths[plays["waveform"]] + self.lead_ticks
                k = int(np.argmax(ends))
                if ends[k] > last:
                    last, label = int(ends[k]), straight.labels[columns[k]]
        return last, label

    def uses(self, feed: int) -> bool:
        """Say whether a feed has any play."""
        return len(self._columns[feed]) > 0

    def words(self, straight: Straight, feed: int, n_samples: int) -> tuple[str, ...]:
        """Return the digests of one feed's words, one for each output.

        Raises
        ------
        CompileError
            If a pulse goes over an output's range; it is named with value and bound.
        """
        plays = self.plays_of(straight, feed)
        line = self.feeds[feed]
        numbered = plays.copy()
        numbered["waveform"] = self._numbers[plays["waveform"]]
        half_v = tuple(self.half_v[n] for n in line.outputs)
        mixer = line.mixer
        key = (numbered.tobytes(), n_samples, half_v, mixer.gain, mixer.phase_rad, self.rate_hz)
        found = _kept.digests.get(key)
        if found is None or any(digest not in _kept.words for digest in found[0]):
            found = self._render(plays, line, n_samples, half_v)
            _kept.digests[key] = found
        digests, over = found
        if over is not None:
            self._refuse(straight, feed, plays, line.outputs[over.output], over)
        return digests

    def blob(self, digest: str) -> NDArray[np.uint16]:
        """Return the words of a digest."""
        return _kept.words[digest]

    def trim(self) -> None:
        """Forget what is oldest when too much is kept."""
        _kept.trim()

    def _render(
        self, plays: NDArray, line: Feed, n_samples: int, half_v: tuple[float, ...]
    ) -> tuple[tuple[str, ...], Overshoot | None]:
        spans = _spans(plays["start"], plays["start"] + self._lengths[plays["waveform"]], n_samples)
        volts = _scratch.of(n_samples)
        try:
            plays["phase_rad"] *= -1
            envelopes.mix(plays, self._env_i, self._env_q, self._offsets, float(self.rate_hz), volts[0], volts[1])
            if len(line.outputs) == 2 and (line.mixer.gain != 1.0 or line.mixer.phase_rad != 0.0):
                for start, stop in spans:
                    pair = volts[0, start:stop], volts[1, start:stop]
                    envelopes.correct_mixer(line.mixer.gain, line.mixer.phase_rad, *pair)
            digests = []
            over = None
            for k in range(len(line.outputs)):
                words = np.full(n_samples, _SILENCE, np.uint16)
                for start, stop in spans:
                    sample = envelopes.quantise_14bit(volts[k, start:stop], half_v[k], words[start:stop])
                    if sample >= 0 and over is None:
                        over = Overshoot(k, start + sample, float(volts[k, start + sample]))
                digests.append(_kept.put(words, spans))
        finally:
            for start, stop in spans:
                volts[:, start:stop] = 0.0
        return tuple(digests), over

    def _refuse(self, straight: Straight, feed: int, plays: NDArray, output: int, over: Overshoot) -> None:
        """Name the pulse that asks for too much: of those at that sample the one with the largest amplitude."""
        ends = plays["start"] + self._lengths[plays["waveform"]]
        there = np.flatnonzero((plays["start"] <= over.sample) & (over.sample < ends))
        worst = there[int(np.argmax(np.abs(plays["amplitude"][there])))]
        label = straight.labels[int(self._columns[feed][worst])]
        raise CompileError(
            f"{label}: {over.volts:.4g} V at {over.sample / float(self.rate_hz) * 1e9:.4g} ns is outside "
            f"±{self.half_v[output]:.4g} V of output {output}",
            pulse=label,
            volts=over.volts,
            bound_v=self.half_v[output],
            output=output,
        )
