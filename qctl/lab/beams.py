"""Beams of light or microwaves that act on ions and atoms, one by one or all at once."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from qctl.lab.quantities import LengthM, OffsetHz

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
    """

    name: str
    purpose: Literal["raman", "optical", "microwave", "cooling", "repump", "detection", "rydberg", "trap"]
    wavelength_m: LengthM
    detuning_hz: OffsetHz = 0.0
    qubits: tuple[str, ...] = ()
