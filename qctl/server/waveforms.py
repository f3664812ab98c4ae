"""Waveform words in shared memory, one file for each device program: written by the pool, mapped by the hosts.

A file's name is made from the digests of its waveforms. It begins with the length of its table in eight bytes, then
comes the table in msgpack, (dtype, numbers of samples) of each run of waveforms of one dtype, then the words, one
waveform after the other, each run from a multiple of eight bytes on. Words come back flat, whatever shape they had.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from itertools import accumulate, groupby
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from qctl.errors import InternalError

__all__ = ["WaveformFiles"]

_SUFFIX = ".words"
_HEAD_BYTES = 8
_GRID_BYTES = 8


class _Lazy(Mapping[str, NDArray[Any]]):
    """The waveforms of one program; their file is mapped when any words are asked for."""

    def __init__(self, path: Path, digests: tuple[str, ...]) -> None:
        self._path = path
        self._digests = dict.fromkeys(digests)
        self._words: dict[str, NDArray[Any]] | None = None

    def __getitem__(self, digest: str) -> NDArray[Any]:
        if self._words is None:
            self._words = self._map()
        return self._words[digest]

    def _map(self) -> dict[str, NDArray[Any]]:
        try:
            with self._path.open("rb") as file:
                memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError:
            some = next(iter(self._digests), "")
            raise InternalError(f"waveform {some} is not in shared memory any more") from None
        start = _HEAD_BYTES + int.from_bytes(memory[:_HEAD_BYTES], "little")
        rows: list[NDArray[Any]] = []
        for dtype, sizes in msgspec.msgpack.decode(memory[_HEAD_BYTES:start]):
            start = _aligned(start)
            run: NDArray[Any] = np.frombuffer(memory, dtype, sum(sizes), start)
            start += run.nbytes
            ends = list(accumulate(sizes))
            rows += [run[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]
        return dict(zip(self._digests, rows, strict=True))

    def __iter__(self) -> Iterator[str]:
        return iter(self._digests)

    def __len__(self) -> int:
        return len(self._digests)


def _aligned(place: int) -> int:
    return -(-place // _GRID_BYTES) * _GRID_BYTES


class WaveformFiles:
    """A folder of waveform words by the digests of each program."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, digests: tuple[str, ...]) -> Path:
        """Return the file that holds these waveforms."""
        name = hashlib.blake2b("/".join(digests).encode(), digest_size=20).hexdigest()
        return self.folder / (name + _SUFFIX)

    def put(self, blobs: Mapping[str, NDArray[Any]]) -> tuple[str, ...]:
        """Write the waveforms of one program if they are not there yet, and return their digests."""
        digests = tuple(blobs)
        if not digests:
            return digests
        path = self.path(digests)
        try:
            os.utime(path)
            return digests
        except FileNotFoundError:
            pass
        runs = [(dtype.str, list(run)) for dtype, run in groupby(blobs.values(), lambda words: words.dtype)]
        table = msgspec.msgpack.encode([(dtype, [words.size for words in run]) for dtype, run in runs])
        pieces: list[Any] = [len(table).to_bytes(_HEAD_BYTES, "little"), table]
        end = _HEAD_BYTES + len(table)
        for _, run in runs:
            words = np.concatenate([one.reshape(-1) for one in run])
            gap = _aligned(end) - end
            pieces += [bytes(gap), words.data]
            end += gap + words.nbytes
        handle, part = tempfile.mkstemp(dir=self.folder, suffix=".part")
        with os.fdopen(handle, "wb", buffering=1 << 18) as file:
            file.writelines(pieces)
        os.rename(part, path)
        return digests

    def of(self, digests: tuple[str, ...]) -> Mapping[str, NDArray[Any]]:
        """Return the waveforms of one program."""
        return _Lazy(self.path(digests), digests)

    def size(self, digests: tuple[str, ...]) -> int:
        """Return how many bytes the file of one program has, 0 if there is none."""
        try:
            return self.path(digests).stat().st_size
        except FileNotFoundError:
            return 0

    def hold_under(self, n_bytes: int, keep: Collection[tuple[str, ...]]) -> None:
        """Remove the files that were used longest ago, until all together are under a size.

        Parameters
        ----------
        n_bytes : int
            The size.
        keep : collection of tuple of str
            Digests of the programs whose files stay.
        """
        found = []
        for entry in os.scandir(self.folder):
            # Another lane, or the end of the server, may remove files at the same time.
            with suppress(FileNotFoundError):
                if entry.name.endswith(_SUFFIX):
                    found.append((entry.stat(), entry.name))
        total = sum(stat.st_size for stat, _ in found)
        if total <= n_bytes:
            return
        stay = {self.path(digests).name for digests in keep}
        for stat, name in sorted(found, key=lambda item: item[0].st_mtime_ns):
            if total <= n_bytes:
                return
            if name not in stay:
                total -= stat.st_size
                (self.folder / name).unlink(missing_ok=True)
