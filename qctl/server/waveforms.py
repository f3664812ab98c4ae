"""Waveform words in shared memory, one file for each content: written by the pool, mapped by the hosts."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qctl.errors import InternalError

__all__ = ["WaveformFiles"]


class _Lazy(Mapping[str, NDArray[Any]]):
    """The waveforms of one program; a file is mapped when its words are asked for."""

    def __init__(self, folder: Path, digests: tuple[str, ...]) -> None:
        self._folder = folder
        self._digests = dict.fromkeys(digests)

    def __getitem__(self, digest: str) -> NDArray[Any]:
        if digest not in self._digests:
            raise KeyError(digest)
        try:
            words: NDArray[Any] = np.load(self._folder / f"{digest}.npy", mmap_mode="r", allow_pickle=False)
        except FileNotFoundError:
            raise InternalError(f"waveform {digest} is not in shared memory any more") from None
        return words

    def __iter__(self) -> Iterator[str]:
        return iter(self._digests)

    def __len__(self) -> int:
        return len(self._digests)


class WaveformFiles:
    """A folder of waveform words by digest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, blobs: Mapping[str, NDArray[Any]]) -> tuple[str, ...]:
        """Write the waveforms that are not there yet, and return all digests."""
        for digest, words in blobs.items():
            path = self.folder / f"{digest}.npy"
            if not path.exists():
                handle, part = tempfile.mkstemp(dir=self.folder, suffix=".part")
                with os.fdopen(handle, "wb") as file:
                    np.save(file, np.ascontiguousarray(words), allow_pickle=False)
                os.rename(part, path)
        return tuple(blobs)

    def of(self, digests: tuple[str, ...]) -> Mapping[str, NDArray[Any]]:
        """Return the waveforms of one program."""
        return _Lazy(self.folder, digests)

    def hold_under(self, n_bytes: int, keep: frozenset[str]) -> None:
        """Remove the files that were used longest ago, until all together are under a size."""
        files = sorted(self.folder.glob("*.npy"), key=lambda path: path.stat().st_mtime)
        total = sum(path.stat().st_size for path in files)
        for path in files:
            if total <= n_bytes:
                return
            if path.stem not in keep:
                total -= path.stat().st_size
                path.unlink()
