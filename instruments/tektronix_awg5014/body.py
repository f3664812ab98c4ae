"""The body of an AWG5014C DeviceProgram: clock, outputs and sequence elements, as msgpack."""

from __future__ import annotations

from qctl.instruments.steps import Channel, Step, StepsBody

__all__ = ["AwgBody", "Channel", "Step"]


class AwgBody(StepsBody, frozen=True, forbid_unknown_fields=True):
    """What an AWG5014C plays.

    Attributes
    ----------
    trigger_level_v : float
        Threshold of the trigger input, and of the event input.
    event : bool
        Whether a pulse at the event input leads from each point to the next one, and from the last to the first.
    """

    trigger_level_v: float = 0.5
    event: bool = False
