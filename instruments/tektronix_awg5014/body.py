"""The body of an AWG5014C DeviceProgram: clock, outputs and sequence elements, as msgpack."""

from __future__ import annotations

import msgspec

__all__ = ["AwgBody", "Channel"]


class Channel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The analog settings of one output.

    Attributes
    ----------
    amplitude_vpp : float
        Peak to peak, in volts into 50 ohm, of the full 14-bit range.
    offset_v : float
        In volts into 50 ohm.
    """

    amplitude_vpp: float
    offset_v: float = 0.0


class AwgBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an AWG5014C plays; the waveform words are the program's blobs, by digest.

    Attributes
    ----------
    clock_hz : float
        Sample rate of all outputs.
    channels : dict of int to Channel
        Outputs that are used, from 1; the others are switched off.
    elements : tuple of dict of int to str
        One for each sweep point: output → digest of its waveform. Every output of `channels` is in every element, and
        all waveforms of an element have the same length. Silence is a waveform too.
    trigger_level_v : float
        Threshold of the trigger input.
    """

    clock_hz: float
    channels: dict[int, Channel]
    elements: tuple[dict[int, str], ...]
    trigger_level_v: float = 0.5

    def to_bytes(self) -> bytes:
        """Return the msgpack form that a DeviceProgram carries."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> AwgBody:
        """Return the body that `to_bytes` wrote; raise msgspec.ValidationError if it is none."""
        return msgspec.msgpack.decode(data, type=cls)
