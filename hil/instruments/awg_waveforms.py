"""The waveform list of the emulated AWG5014C: 14-bit samples with two markers, as blocks.

Source: Tektronix AWG5000 and AWG7000 Series Programmer Manual (077-0061), WLISt group and the section on waveform data
formats: integer waveforms have little-endian words, bits 0-13 data and 14-15 markers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.hil.instruments.plant_link import Runs
from qctl.hil.instruments.scpi import arguments as arg
from qctl.hil.instruments.scpi.errors import refusal
from qctl.hil.instruments.scpi.session import Buffers
from qctl.hil.instruments.stretches import stretches

__all__ = ["MAX_POINTS", "Waveform", "WaveformList", "describe"]

MAX_POINTS = 16_200_000
_MAX_WAVEFORMS = 32_000
_MIDDLE = 8191
_CODE = np.uint16(0x3FFF)
_WORD = np.dtype("<u2")
_SHORT_POINTS = 1 << 14
_KINDS = arg.spellings("INTeger|REAL")
_BYTES = {"INT": 2, "REAL": 5}


class Waveform:
    """One waveform of the list.

    Parameters
    ----------
    n_points : int
        Its length in samples.
    kind : str
        INT or REAL, as in WLISt:WAVeform:NEW.

    Attributes
    ----------
    is_whole : bool
        Whether its samples were last written in one piece.
    """

    def __init__(self, n_points: int, kind: str) -> None:
        self.kind = kind
        self.n_points = n_points
        self._words: NDArray[np.uint16] | None = None
        self._digest = ""
        self._runs: Runs | None = None
        self.is_whole = False

    @property
    def words(self) -> NDArray[np.uint16]:
        """Its samples; those that were never written are the middle."""
        if self._words is None:
            self._words = np.full(self.n_points, _MIDDLE, dtype="<u2")
        return self._words

    @property
    def digest(self) -> str:
        """Content name of the analog samples; markers don't count."""
        if not self._digest:
            self._digest = blake2b(np.bitwise_and(self.words, _CODE).data, digest_size=16).hexdigest()
        return self._digest

    def write(self, start: int, words: NDArray[np.uint16]) -> None:
        """Put samples at `start`; what is written whole is kept and not copied."""
        self.is_whole = len(words) == self.n_points
        if self.is_whole:
            self._words = words
        else:
            self.words[start : start + len(words)] = words
        self._digest = ""
        self._runs = None

    @property
    def is_described(self) -> bool:
        """Say whether digest and runs are known."""
        return bool(self._digest) and self._runs is not None

    def note(self, digest: str, runs: Runs) -> None:
        """Take digest and runs as `describe` has worked them out."""
        self._digest, self._runs = digest, runs

    @property
    def runs(self) -> Runs:
        """Where it is not silent: the samples as float32, -1 to 1 of half the amplitude (code 8191 is 0)."""
        if self._runs is None:
            codes = np.bitwise_and(self.words, _CODE)
            heard = (codes != _MIDDLE).nonzero()[0]
            self._runs = tuple((first, _relative(codes[first : last + 1])) for first, last in stretches(heard))
        return self._runs


def describe(waveforms: Iterable[Waveform]) -> dict[str, tuple[int, Runs]]:
    """Return waveforms as the plant takes them, by digest; many short ones are looked at together."""
    found = list(waveforms)
    fresh = [one for one in found if not one.is_described and one.n_points <= _SHORT_POINTS]
    if fresh:
        _describe(fresh)
    return {one.digest: (one.n_points, one.runs) for one in found}


def _describe(waveforms: Sequence[Waveform]) -> None:
    """Work out digest and runs of several waveforms."""
    codes = np.bitwise_and(np.concatenate([one.words for one in waveforms]), _CODE)
    samples, content = _relative(codes), memoryview(codes)
    ends = np.cumsum([one.n_points for one in waveforms])
    heard = (codes != _MIDDLE).nonzero()[0]
    bounds = stretches(heard, np.searchsorted(ends, heard, "right"))
    begin = place = 0
    for one, end in zip(waveforms, ends.tolist(), strict=True):
        runs = []
        while place < len(bounds) and bounds[place][0] < end:
            first, last = bounds[place]
            runs.append((first - begin, samples[first : last + 1]))
            place += 1
        one.note(blake2b(content[begin:end], digest_size=16).hexdigest(), tuple(runs))
        begin = end


def _relative(codes: NDArray[np.uint16]) -> NDArray[np.float32]:
    samples = codes.astype(np.float32)
    samples -= np.float32(_MIDDLE)
    samples *= np.float32(1 / _MIDDLE)
    return samples


class WaveformList:
    """All waveforms by name, and how many bytes came in."""

    def __init__(self) -> None:
        self._waveforms: dict[str, Waveform] = {}
        self.counters = {"waveform_bytes": 0, "waveforms": 0}

    def __len__(self) -> int:
        return len(self._waveforms)

    def name(self, index: int) -> str:
        """Return the name at an index from 0."""
        if index >= len(self._waveforms):
            raise refusal(-222, f"waveform {index} of {len(self._waveforms)}")
        return list(self._waveforms)[index]

    def get(self, name: str) -> Waveform:
        """Return a waveform."""
        found = self._waveforms.get(name)
        if found is None:
            raise refusal(-224, f"no waveform {name[:60]}")
        return found

    def known(self, name: str) -> Waveform | None:
        """Return a waveform, None if it is not in the list."""
        return self._waveforms.get(name)

    def clear(self) -> None:
        """Delete all."""
        self._waveforms.clear()

    def new(self, name: str, n_points: int, kind: arg.Argument) -> None:
        """Make an empty waveform."""
        short = arg.choice(kind, _KINDS)
        if not name or len(name) > 64 or name in self._waveforms:
            raise refusal(-224, f"waveform name {name[:60]}")
        if len(self._waveforms) >= _MAX_WAVEFORMS:
            raise refusal(-225, f"{_MAX_WAVEFORMS} waveforms")
        self._waveforms[name] = Waveform(n_points, short)

    def delete(self, argument: arg.Argument) -> set[str]:
        """Delete one waveform or ALL, and return the names; one that is not there is no error."""
        if isinstance(argument, str) and argument.upper() == "ALL":
            gone = set(self._waveforms)
            self._waveforms.clear()
            return gone
        name = arg.string(argument)
        return {name} if self._waveforms.pop(name, None) is not None else set()

    def take(self, args: list[Any]) -> str:
        """Take ``"name"[,start[,size]],block`` and return the name."""
        name = arg.string(args[0])
        waveform = self.get(name)
        data = arg.block(args[-1])
        width = _BYTES[waveform.kind]
        start = arg.integer(args[1], 0, waveform.n_points - 1) if len(args) > 2 else 0
        size = arg.integer(args[2], 1, waveform.n_points) if len(args) > 3 else len(data) // width
        self.counters["waveform_bytes"] += len(data)
        self.counters["waveforms"] += 1
        if len(data) % width:
            raise refusal(-161, f"{len(data)} bytes are not whole points")
        if len(data) != size * width:
            raise refusal(-161, f"{len(data)} bytes for {size} points")
        if start + size > waveform.n_points:
            raise refusal(-223, f"{start + size} points for {waveform.n_points}")
        if waveform.kind == "INT":
            waveform.write(start, np.frombuffer(data, _WORD))
        else:
            points = np.frombuffer(data, dtype=[("level", "<f4"), ("markers", "u1")])
            codes = np.clip(np.nan_to_num(points["level"]) * _MIDDLE + _MIDDLE, 0, 0x3FFF).round().astype("<u2")
            waveform.write(start, codes | (points["markers"].astype("<u2") >> 6 << 14).astype("<u2"))
        return name

    def samples(self, args: list[Any]) -> Buffers:
        """Return ``"name"[,start[,size]]`` as an integer block."""
        waveform = self.get(arg.string(args[0]))
        start = arg.integer(args[1], 0, waveform.n_points - 1) if len(args) > 1 else 0
        size = arg.integer(args[2], 1, waveform.n_points - start) if len(args) > 2 else waveform.n_points - start
        length = str(2 * size)
        return [f"#{len(length)}{length}".encode(), memoryview(waveform.words[start : start + size]).cast("B")]
