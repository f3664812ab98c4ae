"""The body of a DeviceProgram for a Tabor Proteus: clock, outputs and steps of each point, as msgpack."""

from __future__ import annotations

from qctl.instruments.steps import StepsBody

__all__ = ["TaskBody"]


class TaskBody(StepsBody, frozen=True, forbid_unknown_fields=True):
    """What a Proteus plays as tasks; words are uint16, 32768 at 0 V."""
