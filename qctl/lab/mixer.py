"""The correction of an IQ mixer in front of a port."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from qctl.lab.quantities import AngleRad, VoltsV

__all__ = ["Mixer"]

Gain = Annotated[float, Meta(ge=0.1, le=10, extra={"hint": "it is the ratio of Q to I amplitude, near 1"})]


class Mixer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Correction of an IQ mixer.

    Attributes
    ----------
    offset_v : pair of float
        Added to I and Q against LO leakage.
    gain : float
        Amplitude of Q relative to I.
    phase_rad : float
        Added to the phase of Q against the other sideband.
    """

    offset_v: tuple[VoltsV, VoltsV] = (0.0, 0.0)
    gain: Gain = 1.0
    phase_rad: AngleRad = 0.0
