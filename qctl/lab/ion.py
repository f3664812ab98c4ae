"""Design and calibrated values of trapped-ion processors: ions, beams and motional modes."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from qctl.lab.beams import Beam
from qctl.lab.quantities import (
    AmplitudeV,
    AngleRad,
    Count,
    FrequencyHz,
    LengthS,
    LifetimeS,
    NonNegative,
    OffsetHz,
    PeriodS,
    RateHz,
)

__all__ = [
    "DetectionLight",
    "Fluorescence",
    "IonCoupler",
    "IonProcessor",
    "IonPulse",
    "IonQubit",
    "MotionalMode",
    "MsPulse",
    "Preparation",
]


class IonPulse(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The calibrated pi/2 pulse on the carrier.

    Attributes
    ----------
    beam : str
        Beam that drives it.
    length_s : float
        Length of the pulse.
    amplitude_v : float
        Peak at the output that modulates the beam.
    """

    beam: str
    length_s: LengthS
    amplitude_v: AmplitudeV


class Fluorescence(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """State detection by counting photons.

    Attributes
    ----------
    length_s : float
        Counting time.
    threshold_counts : int
        More counts than this is bright: state 1 of an ion, 0 of an atom.
    bright_counts, dark_counts : float, optional
        Mean counts of the two states.
    """

    length_s: LengthS
    threshold_counts: Count
    bright_counts: NonNegative | None = None
    dark_counts: NonNegative | None = None


class IonQubit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="ion"):
    """One ion.

    Attributes
    ----------
    name : str
        Its key in lab.toml.
    frequency_hz : float
        Qubit frequency (hyperfine, Zeeman or optical).
    t1_s, t2_s : float
        Relaxation and coherence times.
    drive : IonPulse
        The pi/2 pulse.
    readout : Fluorescence
        The measurement.
    """

    name: str
    frequency_hz: FrequencyHz
    t1_s: LifetimeS
    t2_s: LifetimeS
    drive: IonPulse
    readout: Fluorescence


class MotionalMode(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One normal mode of the crystal.

    Attributes
    ----------
    name : str
        Its key in lab.toml.
    axis : str
        x and y are radial, z is along the trap.
    frequency_hz : float
        Mode frequency.
    lamb_dicke : mapping of str to float
        Signed Lamb-Dicke parameter of each ion that takes part.
    n_bar : float
        Mean phonon number after cooling.
    heating_per_s : float
        Phonons gained per second.
    """

    name: str
    axis: Literal["x", "y", "z"]
    frequency_hz: RateHz
    lamb_dicke: dict[str, float]
    n_bar: NonNegative = 0.0
    heating_per_s: NonNegative = 0.0


class MsPulse(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The Moelmer-Soerensen gate XX(pi/2) on a pair.

    Attributes
    ----------
    mode : str
        Motional mode that mediates.
    length_s : float
        Length of the gate.
    amplitude_v : float
        Peak of each of the two tones at the output that modulates the beam.
    detuning_hz : float
        Of the sidebands from the mode, away from the carrier if above 0.
    beam : str
        Beam that carries both sidebands to both ions; without it each ion's own drive beam does.
    amplitudes_v : mapping of str to float
        Peak of each tone on an ion's own beam, where it is not `amplitude_v`.
    phase_rad : mapping of str to float
        Virtual Z on each of the two qubits afterwards.
    """

    mode: str
    length_s: LengthS
    amplitude_v: AmplitudeV
    detuning_hz: OffsetHz
    beam: str = ""
    amplitudes_v: dict[str, AmplitudeV] = {}
    phase_rad: dict[str, AngleRad] = {}


class IonCoupler(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="ion"):
    """Two ions with a calibrated entangling gate; its key is both names joined by a hyphen.

    Attributes
    ----------
    name : str
        Its key in lab.toml.
    ms : MsPulse
        The entangling gate.
    """

    name: str
    ms: MsPulse

    @property
    def qubits(self) -> tuple[str, str]:
        """Return the names of the two qubits."""
        first, _, second = self.name.partition("-")
        return first, second


class Preparation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One pulse that every shot begins with: cooling, optical pumping.

    Attributes
    ----------
    beam : str
        Beam that is on.
    length_s : float
        How long.
    amplitude_v : float
        Peak at the output that modulates it.
    detuning_hz : float
        Added to the frequency of the beam's modulator.
    """

    beam: str
    length_s: LengthS
    amplitude_v: AmplitudeV
    detuning_hz: OffsetHz = 0.0


class DetectionLight(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The light under which ions are measured; it is on while photons are counted.

    Attributes
    ----------
    beam : str
        Beam that is on.
    amplitude_v : float
        Peak at the output that modulates it.
    """

    beam: str
    amplitude_v: AmplitudeV


class IonProcessor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="platform", tag="ion"):
    """A chain of trapped ions.

    Attributes
    ----------
    name : str
        Its key in lab.toml.
    qubits : tuple of str
        Names, in the order of the chain.
    native_gates : tuple of str
        What the compiler may emit.
    shot_period_s : float
        Time from one trigger to the next, cooling and preparation included.
    trigger : str
        Instrument that fires the shots.
    qubit : mapping of str to IonQubit
        Design values.
    coupler : mapping of str to IonCoupler
        Design values of pairs.
    preparation : tuple of Preparation
        What every shot begins with, in order.
    detection : DetectionLight, optional
        Light of measurements; without it programs switch it on themselves.
    mode : mapping of str to MotionalMode
        Normal modes.
    beam : mapping of str to Beam
        Lasers and microwaves.
    """

    name: str
    qubits: tuple[str, ...]
    native_gates: tuple[str, ...]
    shot_period_s: PeriodS
    trigger: str
    qubit: dict[str, IonQubit]
    mode: dict[str, MotionalMode]
    beam: dict[str, Beam]
    coupler: dict[str, IonCoupler] = {}
    preparation: tuple[Preparation, ...] = ()
    detection: DetectionLight | None = None

    @property
    def platform(self) -> str:
        """Return the platform's name in lab.toml."""
        return "ion"
