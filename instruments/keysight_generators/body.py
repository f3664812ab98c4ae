"""The body of a DeviceProgram for Keysight generators: clock, outputs and steps of each point, as msgpack."""

from __future__ import annotations

from qctl.instruments.steps import StepsBody

__all__ = ["ArbBody", "SegmentBody"]


class ArbBody(StepsBody, frozen=True, forbid_unknown_fields=True):
    """What a 33500B or 33600A plays; words are int16, -32767 … 32767.

    Attributes
    ----------
    idle_samples : int
        Silence at the head of each point's sequence, after which the box waits for a trigger.
    filter : str
        ``STEP``, ``NORM`` or ``OFF``: what follows the converter.
    """

    idle_samples: int = 8
    filter: str = "STEP"


class SegmentBody(StepsBody, frozen=True, forbid_unknown_fields=True):
    """What an M8190A plays; words are int16 with the code in the upper bits and markers below.

    Attributes
    ----------
    bits : int
        12 or 14, of the code.
    """

    bits: int = 14
