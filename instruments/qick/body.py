"""What a QICK board is programmed with: assembly of its tProcessor, its memories, envelopes and readout windows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

__all__ = ["FIELDS", "Generator", "QickBody", "Readout", "settings_of"]

FIELDS = ("freq", "phase", "env", "gain", "length", "conf")
"""Columns of wave memory, as qick names them."""


class Generator(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One generator.

    Attributes
    ----------
    number : int
        Index in the board's `gens`.
    nyquist_zone : int
        1, or 2 where its carrier is above half of the sample rate.
    mixer_hz : float or None
        Of its mixer, where it has one.
    envelopes : str
        Digest of its envelope memory: (n, 2) int16, I and Q; empty where it plays none.
    length_error_s : float
        Largest difference of a constant pulse's length from what was asked for, either way.
    """

    number: int
    nyquist_zone: int
    mixer_hz: float | None
    envelopes: str
    length_error_s: float


class Readout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One readout, which adds up its input over a window at each trigger.

    Attributes
    ----------
    number : int
        Index in the board's `readouts`.
    port : str
        Port of lab.toml.
    length : int
        Window, in cycles of the readout.
    frequency_hz : float
        Of its down-conversion, on the grid that it has in common with its generator.
    generator : int
        Index in `gens` that its frequency is matched to, or -1.
    slots : tuple of str
        Result of each trigger of one shot, point by point.
    length_error_s : float
        Window less what was asked for.
    angle_rad : float
        By how much its pulse is turned, so that I tells states apart.
    """

    number: int
    port: str
    length: int
    frequency_hz: float
    generator: int
    slots: tuple[str, ...]
    length_error_s: float
    angle_rad: float = 0.0


class QickBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a board plays and reads.

    Attributes
    ----------
    program : str
        Assembly.
    waves : str
        Digest of the wave memory of a tProcessor v2: (n_waves, 6) int64, columns `FIELDS`; v1 has none.
    generators, readouts : tuple
        Those that take part.
    n_points, n_shots : int
        Points of one shot, and shots.
    averaged : bool
        Whether the shots are to be averaged; the board itself keeps each.
    period_ticks : int
        From point to point, in ticks of the timing clock.
    start_error_s : float
        Largest rounding of a start to the timing clock, either way.
    data : str
        Digest of what a tProcessor v1 has in data memory, from address 2 on: (n,) int32; empty for v2.
    """

    program: str
    waves: str
    generators: tuple[Generator, ...]
    readouts: tuple[Readout, ...]
    n_points: int
    n_shots: int
    averaged: bool
    period_ticks: int
    start_error_s: float
    data: str = ""

    def to_bytes(self) -> bytes:
        """Return the msgpack form that a DeviceProgram carries."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> QickBody:
        """Return the body that `to_bytes` wrote; raise msgspec.ValidationError if it is none."""
        return msgspec.msgpack.decode(data, type=cls)


def settings_of(body: QickBody, blobs: Mapping[str, NDArray[np.generic]]) -> dict[str, Any]:
    """Return all but the assembly, ready for JSON."""
    found: dict[str, Any] = msgspec.to_builtins(body)
    del found["program"]
    found["waves"] = [dict(zip(FIELDS, row, strict=True)) for row in blobs[body.waves].tolist()]
    del found["data"]
    if body.data:
        found["dmem"] = {"address": 2, "words": blobs[body.data].tolist()}
    for one in found["generators"]:
        one["envelopes"] = blobs[one["envelopes"]].tolist() if one["envelopes"] else []
    return found
