"""The body of a DeviceProgram for an AWG5200 or AWG70000A: clock, outputs and steps of each point, as msgpack."""

from __future__ import annotations

from qctl.instruments.steps import StepsBody

__all__ = ["FileBody"]


class FileBody(StepsBody, frozen=True, forbid_unknown_fields=True):
    """What an AWG5200 or AWG70000A plays; waveforms are float32, -1 … 1 of half the range, as `.wfmx` files.

    Attributes
    ----------
    bits : int
        Of the converter; all of them, so without markers.
    """

    bits: int = 10
