"""Design and calibrated values of neutral-atom processors: positions, Rydberg level and beams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from qctl.errors import RequestError
from qctl.lab.beams import Beam
from qctl.lab.ion import Fluorescence
from qctl.lab.quantities import (
    AmplitudeV,
    AngleRad,
    FrequencyHz,
    LengthM,
    LengthS,
    LifetimeS,
    NonNegative,
    OffsetHz,
    PeriodS,
    RateHz,
)

__all__ = ["AtomCoupler", "AtomProcessor", "AtomPulse", "AtomQubit", "RydbergCz", "RydbergLevel"]


class AtomPulse(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The calibrated pi/2 pulse between the qubit states.

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


class AtomQubit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="atom"):
    """One atom in its trap.

    Attributes
    ----------
    name : str
        Its key in lab.toml.
    position_m : triple of float
        x, y and z of the trap.
    frequency_hz : float
        Qubit frequency.
    t1_s, t2_s : float
        Relaxation (loss included) and coherence times.
    readout : Fluorescence
        The camera image; an atom that is not seen, in the Rydberg level or pushed out, is 1.
    drive : AtomPulse, optional
        The pi/2 pulse; analog processors have none.
    """

    name: str
    position_m: tuple[LengthM, LengthM, LengthM]
    frequency_hz: FrequencyHz
    t1_s: LifetimeS
    t2_s: LifetimeS
    readout: Fluorescence
    drive: AtomPulse | None = None


class RydbergLevel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The Rydberg state that makes atoms interact.

    Attributes
    ----------
    n : int
        Principal quantum number.
    c6_rad_m6_per_s : float
        Van der Waals coefficient over hbar; 5.42e-24 at n = 70 of rubidium.
    lifetime_s : float
        Of the Rydberg state.
    max_rabi_hz : float
        Largest Rabi frequency / 2 pi.
    min_distance_m : float
        Atoms may not be closer.
    """

    n: Annotated[int, Meta(ge=10, le=300, extra={"hint": "it is a principal quantum number"})]
    c6_rad_m6_per_s: NonNegative
    lifetime_s: LifetimeS
    max_rabi_hz: RateHz
    min_distance_m: LengthM


class RydbergCz(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The controlled-Z by Rydberg blockade.

    Attributes
    ----------
    beam : str
        Beam that drives it.
    length_s : float
        Length of the gate.
    amplitude_v : float
        Peak at the output that modulates the beam.
    detuning_hz : float
        From the Rydberg level.
    phase_rad : mapping of str to float
        Virtual Z on each of the two qubits afterwards.
    """

    beam: str
    length_s: LengthS
    amplitude_v: AmplitudeV
    detuning_hz: OffsetHz = 0.0
    phase_rad: dict[str, AngleRad] = {}


class AtomCoupler(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="atom"):
    """Two atoms inside the blockade radius; its key is both names joined by a hyphen.

    Attributes
    ----------
    name : str
        Its key in lab.toml.
    cz : RydbergCz
        The controlled-Z.
    """

    name: str
    cz: RydbergCz

    @property
    def qubits(self) -> tuple[str, str]:
        """Return the names of the two qubits."""
        first, _, second = self.name.partition("-")
        return first, second


class AtomProcessor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="platform", tag="atom"):
    """An array of neutral atoms.

    Attributes
    ----------
    name : str
        Its key in lab.toml.
    qubits : tuple of str
        Names, in the order of the processor's own indices.
    native_gates : tuple of str
        What the compiler may emit.
    shot_period_s : float
        Time from one trigger to the next, loading and rearranging included.
    trigger : str
        Instrument that fires the shots.
    qubit : mapping of str to AtomQubit
        Positions and design values.
    rydberg : RydbergLevel
        The interaction.
    beam : mapping of str to Beam
        Lasers and microwaves.
    coupler : mapping of str to AtomCoupler
        Design values of pairs.
    """

    name: str
    qubits: tuple[str, ...]
    native_gates: tuple[str, ...]
    shot_period_s: PeriodS
    trigger: str
    qubit: dict[str, AtomQubit]
    rydberg: RydbergLevel
    beam: dict[str, Beam]
    coupler: dict[str, AtomCoupler] = {}

    @property
    def platform(self) -> str:
        """Return the platform's name in lab.toml."""
        return "atom"

    def rabi_hz_per_v(self, beam: str, qubits: Sequence[str] = ()) -> float:
        """Return what a volt on a beam's port is in Rabi frequency / 2 pi, for these qubits.

        The design values of the pulses of a qubit (pi/2) and of a pair (CZ, in all 4 pi at one Rabi frequency) tell it
        where the beam's own key does not.

        Raises
        ------
        RequestError
            If nothing tells it.
        """
        given = self.beam[beam].rabi_hz_per_v
        if given:
            return given
        for name in qubits or self.qubits:
            drive = self.qubit[name].drive
            if drive is not None and drive.beam == beam and drive.amplitude_v:
                return 0.25 / drive.length_s / drive.amplitude_v
        for coupler in self.coupler.values():
            cz = coupler.cz
            if cz.beam == beam and cz.amplitude_v and (not qubits or set(qubits) & set(coupler.qubits)):
                return 2.0 / cz.length_s / cz.amplitude_v
        raise RequestError(
            f"processors.{self.name}.beam.{beam} has no rabi_hz_per_v, and no pulse of "
            f"{', '.join(qubits) or 'any atom'} tells it"
        )
