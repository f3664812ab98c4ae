"""The body of an Infiniium DeviceProgram: rate, window, inputs and record count, as msgpack."""

from __future__ import annotations

import msgspec

__all__ = ["DigitizerBody"]


class DigitizerBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an Infiniium records.

    Attributes
    ----------
    rate_hz : float
        Sample rate.
    n_samples : int
        Samples of one record.
    delay_s : float
        From the trigger to the first sample.
    inputs : tuple of int
        Inputs from 1, in the order of the record's second axis.
    range_v : tuple of float
        Full scale (peak to peak) of each of `inputs`, in volts.
    n_records : int
        Triggers of one arm-to-read cycle: shots averaged into one record, or single-shot records.
    averaged : bool
        Average in the box and return one record.
    trigger_level_v : float
        Threshold of the auxiliary trigger input.
    """

    rate_hz: float
    n_samples: int
    delay_s: float
    inputs: tuple[int, ...]
    range_v: tuple[float, ...]
    n_records: int
    averaged: bool
    trigger_level_v: float = 0.5

    def to_bytes(self) -> bytes:
        """Return the msgpack form that a DeviceProgram carries."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> DigitizerBody:
        """Return the body that `to_bytes` wrote; raise msgspec.ValidationError if it is none."""
        return msgspec.msgpack.decode(data, type=cls)
