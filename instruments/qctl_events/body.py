"""The body of an event controller's DeviceProgram, as msgpack: sequences, shots, and whose photons are counted when."""

from __future__ import annotations

import msgspec

__all__ = ["EventsBody", "Photons"]


class Photons(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One result of a port.

    Attributes
    ----------
    port, slot : str
    columns : tuple of int
        Which of the counts of a shot of all sequences are its, in order of points and time.
    """

    port: str
    slot: str
    columns: tuple[int, ...]


class EventsBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the controller plays.

    Attributes
    ----------
    n_shots : int
        Shots of each sequence.
    averaged : bool
        Whether counts are averaged over the shots.
    period_ns : int
        From the start of one sequence to that of the next.
    bounds : tuple of int
        Where the events of each sequence begin, and where the last ones end.
    events : str
        Name of the blob with all events: (2 n,) uint64; an event is ``tick | channel << 32 | tone << 40 |
        operation << 48`` and its value.
    n_counts : int
        Counts of one shot of all sequences.
    photons : tuple of Photons
        Whose they are.
    """

    n_shots: int
    averaged: bool
    period_ns: int
    bounds: tuple[int, ...]
    events: str
    n_counts: int
    photons: tuple[Photons, ...]

    def to_bytes(self) -> bytes:
        """Return the msgpack form that a DeviceProgram carries."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> EventsBody:
        """Return the body that `to_bytes` wrote; raise msgspec.ValidationError if it is none."""
        return msgspec.msgpack.decode(data, type=cls)
