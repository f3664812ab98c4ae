"""The body of a PQSC's DeviceProgram, as msgpack: how long it listens, and what it sends each box."""

from __future__ import annotations

import msgspec

__all__ = ["Link", "PqscBody"]


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """What a box at a ZSync port is sent.

    Attributes
    ----------
    port : int
        From 1, as the lines of lab.toml.
    device : str
        Such as dev1234: what has to be connected there.
    pairs : tuple of (int, int)
        Of each pair of bits of a message, the lowest first: the register, and the pair in it.
    """

    port: int
    device: str
    pairs: tuple[tuple[int, int], ...]


class PqscBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is started.

    Attributes
    ----------
    links : tuple of Link
        Boxes that take part.
    holdoff_s : float
        How long results are taken after the trigger.
    """

    links: tuple[Link, ...]
    holdoff_s: float

    def to_bytes(self) -> bytes:
        """Return the msgpack form that a DeviceProgram carries."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> PqscBody:
        """Return the body that `to_bytes` wrote; raise msgspec.ValidationError if it is none."""
        return msgspec.msgpack.decode(data, type=cls)
