"""The body of a Qblox cluster's DeviceProgram, as msgpack: how long the modules play by themselves."""

from __future__ import annotations

import msgspec

__all__ = ["ClusterBody"]


class ClusterBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is started.

    Attributes
    ----------
    n_points, n_shots : int
        Points of a shot, and shots.
    period_s : float
        Of a point.
    trigger_address : int
        Where the trigger input goes on the trigger network, for sequencers that wait for it; 0 if none does.
    """

    n_points: int
    n_shots: int
    period_s: float
    trigger_address: int = 0

    def to_bytes(self) -> bytes:
        """Return the msgpack form that a DeviceProgram carries."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> ClusterBody:
        """Return the body that `to_bytes` wrote; raise msgspec.ValidationError if it is none."""
        return msgspec.msgpack.decode(data, type=cls)
