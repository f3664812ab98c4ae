"""What generators play as steps: outputs, and sequence elements for each sweep point, as msgpack."""

from __future__ import annotations

from typing import Self

import msgspec

__all__ = ["Channel", "Step", "StepsBody"]


class Channel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The analog settings of one output.

    Attributes
    ----------
    amplitude_vpp : float
        Peak to peak, in volts into 50 ohm, of the full range of codes.
    offset_v : float
        In volts into 50 ohm.
    """

    amplitude_vpp: float
    offset_v: float = 0.0


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One sequence element.

    Attributes
    ----------
    waveforms : dict of int to str
        Output → digest of its waveform; all of one length. Silence is a waveform too.
    n_loops : int
        How often it is played, without a gap.
    """

    waveforms: dict[int, str]
    n_loops: int = 1


class StepsBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a generator plays; the waveform words are the program's blobs, by digest.

    Attributes
    ----------
    clock_hz : float
        Sample rate of all outputs.
    channels : dict of int to Channel
        Outputs that are used, from 1; the others are switched off.
    points : tuple of tuple of Step
        One for each sweep point: what a trigger plays, one step after the other. Every output of `channels` is in
        every step.
    """

    clock_hz: float
    channels: dict[int, Channel]
    points: tuple[tuple[Step, ...], ...]

    def to_bytes(self) -> bytes:
        """Return the msgpack form that a DeviceProgram carries."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return the body that `to_bytes` wrote; raise msgspec.ValidationError if it is none."""
        return msgspec.msgpack.decode(data, type=cls)
