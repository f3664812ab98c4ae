"""The body of a Pulser DeviceProgram, as msgpack: sequences in the abstract representation, and their variables."""

from __future__ import annotations

import msgspec

__all__ = ["PulserBody", "PulserSequence"]


class PulserSequence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One sequence with variables, for all points that differ in nothing else.

    Attributes
    ----------
    text : str
        JSON of the abstract representation, version 1.
    points : tuple of int
        Points that it is for.
    variables : dict of str to list of float
        Value of each variable at each of these points.
    """

    text: str
    points: tuple[int, ...]
    variables: dict[str, list[float]]


class PulserBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a device plays.

    Attributes
    ----------
    sequences : tuple of PulserSequence
    n_points, n_shots : int
    """

    sequences: tuple[PulserSequence, ...]
    n_points: int
    n_shots: int

    def to_bytes(self) -> bytes:
        """Return the msgpack form that a DeviceProgram carries."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> PulserBody:
        """Return the body that `to_bytes` wrote; raise msgspec.ValidationError if it is none."""
        return msgspec.msgpack.decode(data, type=cls)
