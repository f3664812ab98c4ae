"""True parameters of a chain of trapped ions: qubits, shared modes, beams and what they do."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Beam", "Chain", "Ion", "Mode"]


@dataclass(frozen=True, slots=True)
class Ion:
    """One ion.

    Attributes
    ----------
    name : str
    frequency_hz : float
        Of its qubit.
    bright_hz, dark_hz : float
        Photons a second of state 1 under detection light at full strength, and without any light from the ion.
    """

    name: str
    frequency_hz: float
    bright_hz: float
    dark_hz: float


@dataclass(frozen=True, slots=True)
class Mode:
    """One normal mode.

    Attributes
    ----------
    name : str
    frequency_hz : float
    lamb_dicke : tuple of float
        Signed, one for each ion.
    hot_n_bar : float
        Mean phonon number at the start of a shot.
    heating_per_s : float
        Phonons gained per second.
    """

    name: str
    frequency_hz: float
    lamb_dicke: tuple[float, ...]
    hot_n_bar: float
    heating_per_s: float


@dataclass(frozen=True, slots=True)
class Beam:
    """One beam.

    Attributes
    ----------
    name : str
    kind : str
        ``drive`` of qubits, ``doppler`` or ``eit`` cooling, ``pump`` to state 0, or ``detect``.
    ions : tuple of int
        Ions that it reaches.
    centre_hz : float
        A drive's light is at this plus the modulator's frequency; of others, the modulator's frequency at which they
        work best.
    strength_per_v : float
        A drive's Rabi frequency / 2 pi in hertz; of others, 1/s at low power.
    width_hz : float
        Half of the full width of what is no drive.
    n_bar : float
        Mean phonon number that a cooling beam leads to.
    """

    name: str
    kind: str
    ions: tuple[int, ...]
    centre_hz: float
    strength_per_v: float
    width_hz: float = 1e7
    n_bar: float = 0.0


@dataclass(frozen=True, slots=True)
class Chain:
    """All of it.

    Attributes
    ----------
    ions : tuple of Ion
    modes : tuple of Mode
    beams : tuple of Beam
    pump_error : float
        What optical pumping leaves in state 1.
    """

    ions: tuple[Ion, ...]
    modes: tuple[Mode, ...]
    beams: tuple[Beam, ...]
    pump_error: float = 0.002
