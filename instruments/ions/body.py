"""The body of an ARTIQ core device's DeviceProgram, as msgpack: an experiment as text, and how it was rounded."""

from __future__ import annotations

import msgspec

__all__ = ["ArtiqBody"]


class ArtiqBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a core device plays.

    Attributes
    ----------
    text : str
        An experiment file with one class.
    n_points, n_shots : int
    devices : tuple of str
        Names that device_db.py must have.
    rounding : str
        Largest errors of all words, in words.
    """

    text: str
    n_points: int
    n_shots: int
    devices: tuple[str, ...]
    rounding: str

    def to_bytes(self) -> bytes:
        """Return the msgpack form that a DeviceProgram carries."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> ArtiqBody:
        """Return the body that `to_bytes` wrote; raise msgspec.ValidationError if it is none."""
        return msgspec.msgpack.decode(data, type=cls)
