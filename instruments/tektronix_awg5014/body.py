"""The body of an AWG5014C DeviceProgram: clock, outputs and the steps of each sweep point, as msgpack."""

from __future__ import annotations

import msgspec

__all__ = ["AwgBody", "Channel", "Step"]


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


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One sequence element: a waveform on every output, played back to back some times.

    Attributes
    ----------
    waveforms : dict of int to str
        Output → digest of its waveform, for every output that is used; all of one length. Silence is a waveform too.
    n_loops : int
        Times that it is played, 1 to 65,536.
    """

    waveforms: dict[int, str]
    n_loops: int = 1


class AwgBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an AWG5014C plays; the waveform words are the program's blobs, by digest.

    Attributes
    ----------
    clock_hz : float
        Sample rate of all outputs.
    channels : dict of int to Channel
        Outputs that are used, from 1; the others are switched off.
    points : tuple of tuple of Step
        For each sweep point the steps that one trigger plays, one after the other.
    trigger_level_v : float
        Threshold of the trigger and event inputs.
    event : bool
        Whether the event input moves the box to the next point, and from the last one to the first.
    """

    clock_hz: float
    channels: dict[int, Channel]
    points: tuple[tuple[Step, ...], ...]
    trigger_level_v: float = 0.5
    event: bool = False

    def to_bytes(self) -> bytes:
        """Return the msgpack form that a DeviceProgram carries."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> AwgBody:
        """Return the body that `to_bytes` wrote; raise msgspec.ValidationError if it is none."""
        return msgspec.msgpack.decode(data, type=cls)
