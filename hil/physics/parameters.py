"""True parameters of a virtual processor, and how flux moves a transmon; hidden from server and calibration."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from qctl.cext import detuning

__all__ = ["Coupler", "Processor", "Resonator", "Transmon", "load_processor", "tuned_frequency_hz"]


@dataclass(frozen=True, slots=True)
class Resonator:
    """Dispersive readout resonator.

    Attributes
    ----------
    frequency_hz : tuple of 3 float
        Resonance with the transmon in level 0, 1 and 2.
    kappa_hz : float
        Full line width, kappa / 2 pi.
    gain, phase_rad : float
        Volts at the digitizer per volt at the generator on resonance, and the phase of the way.
    """

    frequency_hz: tuple[float, float, float]
    kappa_hz: float
    gain: float
    phase_rad: float


@dataclass(frozen=True, slots=True)
class Transmon:
    """One transmon and its lines.

    Attributes
    ----------
    name : str
        As in lab.toml.
    frequency_hz, anharmonicity_hz : float
        Bare values at zero volts on the flux line.
    t1_s, t2_s : float
        Relaxation and coherence time of levels 0 and 1.
    thermal : float
        Ratio of the populations of level 1 and 0 at rest.
    drive_hz_per_v : float
        Rabi frequency per volt at the generator.
    flux_per_v, dc_flux_per_v, flux_offset : float
        Flux quanta per volt of the fast and of the static line, and at zero volts.
    asymmetry : float
        Of the two junctions of the SQUID, 0 (equal) to 1.
    resonator : Resonator
        Its readout.
    """

    name: str
    frequency_hz: float
    anharmonicity_hz: float
    t1_s: float
    t2_s: float
    thermal: float
    drive_hz_per_v: float
    flux_per_v: float
    dc_flux_per_v: float
    flux_offset: float
    asymmetry: float
    resonator: Resonator


@dataclass(frozen=True, slots=True)
class Coupler:
    """Two-path coupling of two transmons: exchange, and a static cross-Kerr shift of the second path.

    Attributes
    ----------
    low, high : int
        Indices of the transmons; flux moves `high`.
    coupling_hz, cross_kerr_hz : float
        g of g (a†b + h.c.) and the shift per pair of quanta.
    """

    low: int
    high: int
    coupling_hz: float
    cross_kerr_hz: float


@dataclass(frozen=True, slots=True)
class Processor:
    """All that is true of one processor.

    Attributes
    ----------
    transmons, couplers : tuple
        Its parts.
    crosstalk : tuple of tuples of complex
        Row q, column j: what part of the drive line of j arrives at q; 1 on the diagonal.
    noise_v : float
        Standard deviation of each digitizer sample.
    """

    transmons: tuple[Transmon, ...]
    couplers: tuple[Coupler, ...]
    crosstalk: tuple[tuple[tuple[float, float], ...], ...]
    noise_v: float

    def crosstalk_matrix(self) -> NDArray[np.complex128]:
        """Return the crosstalk as (n, n) complex128."""
        n = len(self.transmons)
        pairs = np.asarray(self.crosstalk, float).reshape(n, n, 2)
        return pairs[..., 0] + 1j * pairs[..., 1]


def tuned_frequency_hz(
    transmon: Transmon, fast_v: NDArray[np.float64] | float, static_v: float = 0.0
) -> NDArray[np.float64]:
    """Return the bare frequency at flux voltages.

    Source: J. Koch et al., Phys. Rev. A 76, 042319 (2007), eq. 2.18 with E_C = -anharmonicity.
    """
    volts = np.asarray(fast_v, np.float64, order="C")
    found = np.empty(volts.shape)
    detuning.tune(
        volts.reshape(-1), transmon.flux_offset, transmon.flux_per_v, transmon.dc_flux_per_v * static_v,
        transmon.asymmetry, transmon.frequency_hz, transmon.anharmonicity_hz, found.reshape(-1),
    )  # fmt: skip
    return found


def load_processor(body: bytes) -> Processor:
    """Return the processor that a plant file (JSON) describes."""
    return msgspec.json.decode(body, type=Processor)
