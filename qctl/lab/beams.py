"""Beams of light or microwaves that act on ions and atoms, one by one or all at once."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from qctl.lab.quantities import IntervalS, LengthM, OffsetHz, RateHz

__all__ = ["Beam"]


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
