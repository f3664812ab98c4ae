"""What a sequencer's memory holds by name: waveforms or weights with their index, and acquisitions with their bins."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qctl.hil.instruments.scpi.errors import refusal

__all__ = ["Acquisition", "AcquisitionList", "WaveList", "packed"]

SCOPE_SAMPLES = 16_384


def packed(data: bytes) -> bytes:
    """Return a definite block."""
    digits = str(len(data))
    return f"#{len(digits)}{digits}".encode() + data


def _free(taken: set[int]) -> int:
    return next(index for index in range(len(taken) + 1) if index not in taken)


@dataclass(slots=True)
class _Wave:
    index: int
    size: int
    encoding: int
    samples: NDArray[np.float32]


class WaveList:
    """Waveforms or weights.

    Parameters
    ----------
    kind : str
        ``Waveform`` or ``Weight``, for errors.
    max_samples, max_index : int
        What the memory takes.
    """

    def __init__(self, kind: str, max_samples: int, max_index: int) -> None:
        self._kind, self._max_samples, self._max_index = kind, max_samples, max_index
        self._waves: dict[str, _Wave] = {}

    def __len__(self) -> int:
        return len(self._waves)

    def new(self, name: str, size: int, encoding: int = 0) -> None:
        """Add one without samples, at the first index that is free."""
        if name in self._waves:
            raise refusal(-300, f"{self._kind} {name} already in {self._kind.lower()} list.")
        if name.lower() == "all":
            raise refusal(-224, f"{self._kind} can't be called {name}")
        if size + sum(wave.size for wave in self._waves.values()) > self._max_samples:
            raise refusal(-225, f"{self._kind} memory of {self._max_samples} samples is full")
        index = _free({wave.index for wave in self._waves.values()})
        self._waves[name] = _Wave(index, size, encoding, np.empty(0, np.float32))

    def delete(self, name: str) -> None:
        """Remove one, or all."""
        if name.lower() == "all":
            self._waves.clear()
        else:
            del self._waves[self._known(name)]

    def put(self, name: str, data: bytes | bytearray) -> None:
        """Take the samples of one that is there: 32-bit floats, or the words that were announced."""
        wave = self._waves[self._known(name)]
        kinds = {0: ("<f4", 1.0), 1: ("<i4", 2.0**31), 2: ("<i2", 2.0**15)}
        dtype, scale = kinds.get(wave.encoding, kinds[0])
        if len(data) != wave.size * np.dtype(dtype).itemsize:
            raise refusal(-300, f"{self._kind} {name} of {wave.size} samples got {len(data)} bytes")
        samples = (np.frombuffer(bytes(data), dtype) / scale).astype(np.float32)
        if not np.all(np.abs(samples) <= 1.0):
            raise refusal(-222, f"{self._kind} {name} has samples outside [-1, 1]")
        wave.samples = samples

    def get(self, name: str, start: int, size: int) -> bytes:
        """Return samples as 32-bit floats."""
        return self._waves[self._known(name)].samples[start : start + size].tobytes()

    def length(self, name: str) -> int:
        """Return the number of samples of one."""
        return self._waves[self._known(name)].size

    def index(self, name: str) -> int:
        """Return the index of one."""
        return self._waves[self._known(name)].index

    def set_index(self, name: str, index: int) -> None:
        """Move one to an index that is free."""
        wave = self._waves[self._known(name)]
        if not 0 <= index <= self._max_index:
            raise refusal(-222, f"{self._kind} index {index} is outside [0, {self._max_index}]")
        for other, held in self._waves.items():
            if held.index == index and other != name:
                raise refusal(-300, f"{self._kind} index {index} already in use by {other}.")
        wave.index = index

    def name(self, index: int) -> str:
        """Return the name at an index."""
        for name, wave in self._waves.items():
            if wave.index == index:
                return name
        raise refusal(-300, f"{self._kind} {index} does not exist in {self._kind.lower()} list.")

    def by_index(self) -> dict[int, NDArray[np.float32]]:
        """Return all samples."""
        return {wave.index: wave.samples for wave in self._waves.values()}

    def whole(self) -> bytes:
        """Return all of the list in its binary form: a count, then name, index and samples, each a block."""
        parts = [packed(struct.pack("<I", len(self._waves)))]
        for name, wave in self._waves.items():
            parts += [packed(name.encode()), packed(struct.pack("<I", wave.index)), packed(wave.samples.tobytes())]
        return b"".join(parts)

    def _known(self, name: str) -> str:
        if name not in self._waves:
            raise refusal(-300, f"{self._kind} {name} does not exist in {self._kind.lower()} list.")
        return name


_BIN = np.dtype([("valid", "<u8"), ("path0", "<i8"), ("path1", "<i8"), ("threshold", "<u4"), ("count", "<u4")])
_SCALE = 2048.0**2


@dataclass(slots=True)
class Acquisition:
    """The bins of one acquisition.

    Attributes
    ----------
    index : int
        As the program calls it.
    sums : (n_bins, 2) float64
        Of both paths, the input's range being -1 to 1, added up over what was averaged.
    ones, counts : (n_bins,) int64
        How often the threshold was reached, and how often the bin was filled.
    scope : (n_paths, n) float32
        The last record, if it was stored.
    unit : float
        What one of the sums that are sent is worth, in 1/2048 squared of the range.
    """

    index: int
    sums: NDArray[np.float64]
    ones: NDArray[np.int64]
    counts: NDArray[np.int64]
    scope: NDArray[np.float32]
    unit: float
    n_scopes: int = 0

    @classmethod
    def empty(cls, index: int, n_bins: int, n_paths: int = 2, unit: float = 1.0) -> Acquisition:
        """Return one without anything in its bins."""
        ones, counts = np.zeros((2, n_bins), np.int64)
        return cls(index, np.zeros((n_bins, 2)), ones, counts, np.zeros((n_paths, 0), np.float32), unit)

    def fill(self, bins: NDArray[np.int64], sums: NDArray[np.float64], ones: NDArray[np.bool_]) -> bool:
        """Add shots to their bins; return False if any bin isn't there."""
        inside = (bins >= 0) & (bins < len(self.counts))
        np.add.at(self.sums, bins[inside], sums[inside])
        np.add.at(self.ones, bins[inside], ones[inside])
        np.add.at(self.counts, bins[inside], 1)
        return bool(inside.all())

    def clear(self) -> None:
        """Empty all bins."""
        self.sums[:], self.ones[:], self.counts[:] = 0.0, 0, 0
        self.scope, self.n_scopes = self.scope[:, :0], 0

    def _scope(self) -> list[bytes]:
        parts = []
        for path in range(len(self.scope)):
            codes = np.rint(self.scope[path] * 2048 * max(1, self.n_scopes)).astype("<i4")
            over = bool((np.abs(self.scope[path]) >= 1).any())
            parts += [
                packed(codes.tobytes()),
                packed(struct.pack("<?", over)),
                packed(struct.pack("<I", self.n_scopes)),
            ]
        return parts

    def _raw(self) -> NDArray[np.int64]:
        return np.rint(self.sums * (_SCALE / self.unit)).astype("<i8")

    def whole(self) -> bytes:
        """Return scope and bins in their binary form."""
        bins = np.zeros(len(self.counts), _BIN)
        bins["valid"] = self.counts > 0
        raw = self._raw()
        bins["path0"], bins["path1"] = raw[:, 0], raw[:, 1]
        bins["threshold"], bins["count"] = self.ones, self.counts
        return b"".join([*self._scope(), packed(bins.tobytes())])

    def encoded(self, flags: int) -> bytes:
        """Return scope, and those columns of the bins that the flags ask for, each as wide as it can be."""
        wants_iq, wants_count, wants_threshold = flags & 7, flags >> 3 & 3, flags >> 7 & 7
        used = (4 if wants_iq else 0) | (3 if wants_count else 0) << 3 | (3 if wants_threshold else 0) << 7
        parts = [*self._scope(), packed(struct.pack("<I", used)), packed(struct.pack("<I", len(self.counts)))]
        parts.append(packed(np.packbits(self.counts > 0, bitorder="little").tobytes()))
        if wants_iq:
            raw = self._raw()
            parts += [packed(np.ascontiguousarray(raw[:, path]).tobytes()) for path in range(2)]
        if wants_threshold:
            parts.append(packed(self.ones.astype("<u4").tobytes()))
        if wants_count:
            parts.append(packed(self.counts.astype("<u4").tobytes()))
        return b"".join(parts)


class AcquisitionList:
    """The acquisitions of a sequencer.

    Parameters
    ----------
    max_bins : int
        Of all of them.
    n_paths, unit
        As `Acquisition` has them.
    """

    def __init__(self, max_bins: int, n_paths: int = 2, unit: float = 1.0) -> None:
        self._max_bins, self._n_paths, self._unit = max_bins, n_paths, unit
        self.all: dict[str, Acquisition] = {}

    def new(self, name: str, n_bins: int) -> None:
        """Add one at the first index that is free."""
        if name in self.all:
            raise refusal(-300, f"Acquisition {name} already in acquisition list.")
        if n_bins + sum(len(one.counts) for one in self.all.values()) > self._max_bins:
            raise refusal(-225, f"{n_bins} bins of {name} are over {self._max_bins} in all")
        self.all[name] = Acquisition.empty(
            _free({one.index for one in self.all.values()}), n_bins, self._n_paths, self._unit
        )

    def delete(self, name: str) -> None:
        """Remove one, or all."""
        if name.lower() == "all":
            self.all.clear()
        else:
            del self.all[self._known(name)]

    def clear(self, name: str) -> None:
        """Empty the bins of one, or all."""
        for one in list(self.all.values()) if name.lower() == "all" else [self.get(name)]:
            one.clear()

    def get(self, name: str) -> Acquisition:
        """Return one."""
        return self.all[self._known(name)]

    def set_index(self, name: str, index: int) -> None:
        """Move one to an index that is free."""
        one = self.get(name)
        if not 0 <= index <= 31:
            raise refusal(-222, f"Acquisition index {index} is outside [0, 31]")
        for other, held in self.all.items():
            if held.index == index and other != name:
                raise refusal(-300, f"Acquisition index {index} already in use by {other}.")
        one.index = index

    def name(self, index: int) -> str:
        """Return the name at an index."""
        for name, one in self.all.items():
            if one.index == index:
                return name
        raise refusal(-300, f"Acquisition {index} does not exist in acquisition list.")

    def whole(self, flags: int | None = None) -> bytes:
        """Return all of the list in its binary form, encoded if flags are given."""
        parts = [packed(struct.pack("<I", len(self.all)))]
        for name, one in self.all.items():
            parts += [packed(name.encode()), packed(struct.pack("<I", one.index))]
            parts.append(one.whole() if flags is None else one.encoded(flags))
        return b"".join(parts)

    def _known(self, name: str) -> str:
        if name not in self.all:
            raise refusal(-300, f"Acquisition {name} does not exist in acquisition list.")
        return name
