"""What a Quantum Machines OPX is given: a configuration as JSON, and a QUA program as text."""

from __future__ import annotations

import msgspec

__all__ = ["QuaBody", "Stream"]


class Stream(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the result of one slot comes out.

    Attributes
    ----------
    slot, port : str
        Result of the program, and its port.
    i, q : str
        Names of the saved streams.
    n_each : int
        Results of one shot, point by point.
    """

    slot: str
    port: str
    i: str
    q: str
    n_each: int


class QuaBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a controller plays and acquires.

    Attributes
    ----------
    config : str
        The configuration, JSON: keys of numbered ports are texts, as JSON has no other.
    program : str
        Python that defines ``prog``.
    streams : tuple of Stream
    n_points, n_shots : int
        Points of one shot, and shots.
    averaged : bool
        Whether the shots are averaged.
    period_ns : int
        From point to point.
    zero_ns : int
        Time zero of a point after its start.
    """

    config: str
    program: str
    streams: tuple[Stream, ...]
    n_points: int
    n_shots: int
    averaged: bool
    period_ns: int
    zero_ns: int

    def to_bytes(self) -> bytes:
        """Return the msgpack form that a DeviceProgram carries."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> QuaBody:
        """Return the body that `to_bytes` wrote; raise msgspec.ValidationError if it is none."""
        return msgspec.msgpack.decode(data, type=cls)
