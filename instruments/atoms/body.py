"""The body of an atom device's DeviceProgram, as msgpack: sequences, their variables and moves, and pictures."""

from __future__ import annotations

import msgspec

__all__ = ["AtomMove", "Picture", "PulserBody", "PulserSequence"]


class AtomMove(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """One atom goes elsewhere; times are ns after the start of the shot, positions um."""

    atom: int
    start_ns: int
    end_ns: int
    x_um: float
    y_um: float


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
    moves : tuple of tuple of AtomMove
        Of each of these points; empty where no atom moves at any.
    """

    text: str
    points: tuple[int, ...]
    variables: dict[str, list[float]]
    moves: tuple[tuple[AtomMove, ...], ...] = ()


class Picture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A result: which atom it is of at which points.

    Attributes
    ----------
    port, slot : str
        Port of lab.toml, and name of the result.
    columns : tuple of (int, int)
        Point of the batch and atom, in the order of the result's columns.
    """

    port: str
    slot: str
    columns: tuple[tuple[int, int], ...]


class PulserBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a device plays.

    Attributes
    ----------
    sequences : tuple of PulserSequence
    n_points, n_shots : int
    period_s : float
        From shot to shot.
    pictures : tuple of Picture
        What is measured.
    """

    sequences: tuple[PulserSequence, ...]
    n_points: int
    n_shots: int
    period_s: float = 0.4
    pictures: tuple[Picture, ...] = ()

    def to_bytes(self) -> bytes:
        """Return the msgpack form that a DeviceProgram carries."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> PulserBody:
        """Return the body that `to_bytes` wrote; raise msgspec.ValidationError if it is none."""
        return msgspec.msgpack.decode(data, type=cls)
