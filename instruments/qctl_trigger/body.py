"""The body of a trigger controller's DeviceProgram: shots, period and lines, as msgpack."""

from __future__ import annotations

import msgspec

__all__ = ["Line", "TriggerBody"]


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One pulse on one line, each shot or once a block.

    Attributes
    ----------
    delay_ticks : int
        To the rising edge, in ticks of the controller: from the start of the shot, or from the end of the last one.
    width_ticks : int
        Length of the pulse.
    once : bool
        Whether there is one pulse a block, after its last shot, and none each shot.
    """

    delay_ticks: int
    width_ticks: int
    once: bool = False


class TriggerBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the trigger controller fires.

    Attributes
    ----------
    n_shots : int
        Shots of one block.
    period_ticks : int
        From shot to shot, in ticks of the controller.
    lines : dict of int to Line
        Lines that are used, from 1; the others stay low.
    tick_hz : float
        The tick that the numbers are counted in; the driver refuses a controller with another.
    """

    n_shots: int
    period_ticks: int
    lines: dict[int, Line]
    tick_hz: float = 1e8

    def to_bytes(self) -> bytes:
        """Return the msgpack form that a DeviceProgram carries."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> TriggerBody:
        """Return the body that `to_bytes` wrote; raise msgspec.ValidationError if it is none."""
        return msgspec.msgpack.decode(data, type=cls)
