"""Messages between the plant and what attaches to it: four bytes of little-endian length, then msgpack.

This file is bytes and state only; it opens no socket. Small arrays travel inside the message, large
ones as files in the lab's folder of shared memory, which the reader removes.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from qctl.errors import WireError

__all__ = [
    "INLINE_BYTES",
    "MAX_BYTES",
    "Decoder",
    "Levels",
    "Points",
    "Runs",
    "array_from_wire",
    "array_to_wire",
    "elements_of",
    "encode",
    "fill_runs",
]

Runs = tuple[tuple[int, NDArray[np.float32]], ...]
"""The stretches of a waveform that are not silent: first sample, and samples in -1…1."""

Points = dict[int, tuple[tuple[tuple[dict[int, str], int], ...], int]]
"""By sequence element that waits: what a trigger plays (each output's waveform, how often), where an event leads."""

Levels = dict[int, tuple[float, float, bool]]
"""By output: amplitude_vpp, offset_v, and whether it is on."""

MAX_BYTES = 1 << 26
INLINE_BYTES = 1 << 16
_serial = itertools.count()
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(dict[str, Any])


def encode(message: dict[str, Any]) -> bytes:
    """Return the bytes of one message.

    Raises
    ------
    WireError
        If it is over MAX_BYTES; large arrays belong in files.
    """
    body = _encoder.encode(message)
    if len(body) > MAX_BYTES:
        raise WireError(f"message of {len(body)} bytes is over {MAX_BYTES}")
    return len(body).to_bytes(4, "little") + body


class Decoder:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, received: bytes) -> list[dict[str, Any]]:
        """Take bytes as they arrive; return the messages that are complete.

        Raises
        ------
        WireError
            If a length is over MAX_BYTES or a body is not a msgpack map.
        """
        if not self._pending and int.from_bytes(received[:4], "little") == len(received) - 4 <= MAX_BYTES:
            return [_decoded(memoryview(received)[4:])]
        self._pending += received
        messages = []
        while len(self._pending) >= 4:
            length = int.from_bytes(self._pending[:4], "little")
            if length > MAX_BYTES:
                raise WireError(f"message of {length} bytes is over {MAX_BYTES}")
            if len(self._pending) < 4 + length:
                break
            body = bytes(self._pending[4 : 4 + length])
            del self._pending[: 4 + length]
            messages.append(_decoded(body))
        return messages


def _decoded(body: bytes | memoryview) -> dict[str, Any]:
    """Return the message that a body holds."""
    try:
        return _decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise WireError(f"message is not a msgpack map: {error}") from error


def array_to_wire(array: NDArray[Any], folder: str) -> dict[str, Any]:
    """Return what stands for an array in a message; above INLINE_BYTES it is written to a file in `folder`."""
    head: dict[str, Any] = {"shape": array.shape, "dtype": array.dtype.str}
    if array.nbytes <= INLINE_BYTES:
        head["bytes"] = array.tobytes()
        return head
    path = Path(folder) / f"array-{os.getpid()}-{next(_serial)}"
    np.ascontiguousarray(array).tofile(path)
    head["file"] = path.name
    return head


def array_from_wire(entry: dict[str, Any], folder: str) -> NDArray[Any]:
    """Return the array that `array_to_wire` described, and remove its file.

    Raises
    ------
    WireError
        If the bytes don't fill the shape, or the file lies outside the folder.
    """
    dtype = _dtype(entry["dtype"])
    if "bytes" in entry:
        flat = np.frombuffer(entry["bytes"], dtype)
    else:
        if "/" in entry["file"]:
            raise WireError(f"array file {entry['file']!r} lies outside the lab's folder")
        path = Path(folder) / entry["file"]
        flat = np.fromfile(path, dtype)
        path.unlink(missing_ok=True)
    shape = tuple(int(n) for n in entry["shape"])
    if prod(shape) != flat.size:
        raise WireError(f"array of {flat.size} values does not fill {shape}")
    return flat.reshape(shape)


@lru_cache(maxsize=64)
def _dtype(name: str) -> np.dtype[Any]:
    return np.dtype(name)


def fill_runs(n_samples: int, runs: Runs) -> NDArray[np.float32]:
    """Return all samples of a waveform, its silence included."""
    samples = np.zeros(n_samples, np.float32)
    for start, part in runs:
        samples[start : start + part.size] = part
    return samples


def elements_of(outputs: Mapping[str, Mapping[int, Any]]) -> dict[str, dict[str, list[Any]]]:
    """Return what each output of each box plays, as messages have it."""
    return {
        box: {str(n): [o.digest, o.amplitude_vpp, o.offset_v, o.on] for n, o in element.items()}
        for box, element in outputs.items()
    }
