"""Beams of light or microwaves that act on ions and atoms, one by one or all at once."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from qctl.lab.quantities import AmplitudeV, HzPerM, IntervalS, LengthM, NonNegative, OffsetHz, RateHz

__all__ = ["Aod", "Aom", "Beam"]


class Aom(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The acousto-optic modulator that a generator drives for a beam.

    Attributes
    ----------
    center_hz : float
        Its drive where the beam is on resonance.
    full_v : float
        Peak drive at which all light is diffracted.
    full_rabi_hz : float
        Rabi frequency / 2 pi that the beam has then.
    rise_s : float
        From 10 to 90 % of the light; no pulse may be shorter.
    order : int
        Of the diffraction that is used, 1 or -1.
    """

    center_hz: RateHz
    full_v: AmplitudeV
    full_rabi_hz: RateHz
    rise_s: IntervalS = 0.0
    order: Literal[1, -1] = 1


class Aod(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The acousto-optic deflector that a generator drives for one axis of the tweezers.

    Attributes
    ----------
    axis : str
        Which coordinate its frequency is.
    center_hz : float
        Frequency of the origin of positions.
    hz_per_m : float
        Frequency for each metre from there.
    band_hz : pair of float
        Lowest and highest frequency.
    tone_v : float
        Peak of one tone at the output.
    """

    axis: Literal["x", "y"]
    center_hz: RateHz
    hz_per_m: HzPerM
    band_hz: tuple[RateHz, RateHz]
    tone_v: AmplitudeV

    def hz(self, place_m: float) -> float:
        """Return the frequency of a place."""
        return self.center_hz + self.hz_per_m * place_m


class Beam(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One beam; a port named ``<beam>.drive`` modulates it.

    Attributes
    ----------
    name : str
        Its key in lab.toml.
    purpose : str
        What it is for.
    wavelength_m : float
        Vacuum wavelength.
    detuning_hz : float
        From the transition that the purpose names.
    qubits : tuple of str
        Qubits that it reaches; empty means all.
    addressing : str
        ``global`` acts on all of them at once, ``local`` on one at a time.
    retarget_s : float
        How long a local beam takes from one qubit to another, and stays at least.
    rabi_hz_per_v : float, optional
        Rabi frequency / 2 pi for a volt at the output; without it that of the calibrated pulses counts.
    bandwidth_hz : float, optional
        Of its modulator, at half the amplitude.
    modulator_hz : float, optional
        Frequency of its modulator at `detuning_hz`, for beams of ions that drive no qubit; a qubit beam's is the
        qubit's frequency less `lo_hz` of its output.
    settle_s : float
        Shortest pause between two pulses of an ion beam, in which its synthesiser is set.
    speed_m_per_s : float, optional
        Fastest that tweezers (``purpose = "trap"``) may move an atom.
    aom : Aom, optional
        The modulator that a generator drives with its radio frequency.
    aod : Aod, optional
        The deflector of one axis of tweezers.
    """

    name: str
    purpose: Literal["raman", "optical", "microwave", "cooling", "repump", "detection", "rydberg", "trap"]
    wavelength_m: LengthM
    detuning_hz: OffsetHz = 0.0
    qubits: tuple[str, ...] = ()
    addressing: Literal["global", "local"] = "global"
    retarget_s: IntervalS = 0.0
    rabi_hz_per_v: RateHz | None = None
    bandwidth_hz: RateHz | None = None
    modulator_hz: RateHz | None = None
    settle_s: IntervalS = 0.0
    speed_m_per_s: NonNegative | None = None
    aom: Aom | None = None
    aod: Aod | None = None
