"""True parameters of a virtual array of neutral atoms; hidden from server and compiler."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["AtomArray", "Light"]


@dataclass(frozen=True, slots=True)
class Light:
    """What one channel of light really does.

    Attributes
    ----------
    rabi_scale : float
        True over asked Rabi frequency at the middle of the beam.
    detuning_hz : float
        True less asked detuning.
    waist_m : float
        1/e radius of the field across the beam; 0 for a beam that is even everywhere, or reaches its target alone.
    center_m : pair of float
        Where a global beam is strongest.
    bandwidth_hz : float
        Of the modulator, at half the amplitude; 0 for one without bound.
    """

    rabi_scale: float = 1.0
    detuning_hz: float = 0.0
    waist_m: float = 0.0
    center_m: tuple[float, float] = (0.0, 0.0)
    bandwidth_hz: float = 0.0


@dataclass(frozen=True, slots=True)
class AtomArray:
    """All that is true of one array.

    Attributes
    ----------
    c6_rad_m6_per_s : float
        Van der Waals coefficient over hbar.
    lifetime_s : float
        Of the Rydberg level, after which an atom is in its ground level; 0 for one without end.
    light : dict of str to Light
        By channel; a channel that has none does what it is asked.
    offset_m : tuple of pairs of float
        True less asked position of each trap; of those behind the end 0.
    bright_counts, dark_counts : float
        Mean photons that the camera counts of an atom and of an empty trap.
    lost : float
        Probability that an atom in the ground level is lost before the picture: seen as Rydberg (false positive).
    recaptured : float
        Probability that an atom in the Rydberg level is seen (false negative).
    """

    c6_rad_m6_per_s: float
    lifetime_s: float = 0.0
    light: dict[str, Light] = field(default_factory=dict)
    offset_m: tuple[tuple[float, float], ...] = ()
    bright_counts: float = 600.0
    dark_counts: float = 60.0
    lost: float = 0.0
    recaptured: float = 0.0
