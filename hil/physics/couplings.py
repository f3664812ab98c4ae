"""What couplers do at rest and when a transmon moves: shifts, ZZ, resonances and the dressed basis.

The joint state is kept in the dressed basis of the processor at rest, in which idling is diagonal.
A coupler that stays far from its resonances only shifts levels; the shifts are of second order in
g / detuning (fourth order is below 100 Hz for g = 4.5 MHz and 300 MHz of detuning).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from qctl.cext import detuning
from qctl.hil.physics.parameters import Coupler, Processor, tuned_frequency_hz

__all__ = ["Rest", "dressed_basis", "meet_hz", "rest_of"]

_EXCHANGE = [((na, nb), (na + 1, nb - 1), float((na + 1) * nb)) for na in range(2) for nb in range(1, 3)]


def meet_hz(
    coupler: Coupler,
    low_hz: NDArray[np.float64],
    high_hz: NDArray[np.float64],
    anharmonicity_hz: tuple[float, float],
) -> tuple[float, NDArray[np.float64]]:
    """Return how near a coupler's transmons come to 10-01, 11-20 or 11-02 resonance, and the shift of their levels.

    Parameters
    ----------
    coupler : Coupler
        Exchange and cross-Kerr.
    low_hz, high_hz : (n,) or (1,) float64
        Bare frequencies of its two transmons, sample by sample or for all samples.
    anharmonicity_hz : (float, float)
        Of the low and the high one.

    Returns
    -------
    float, (3, 3) float64
        In hertz; the shift of each pair of levels, low transmon first, is the mean over the samples of that by a
        coupler that is far from resonance.
    """
    shifts = np.empty((3, 3))
    numbers = coupler.coupling_hz, coupler.cross_kerr_hz, *anharmonicity_hz
    return detuning.meet(low_hz, high_hz, *numbers, shifts), shifts


@dataclass(frozen=True, slots=True)
class Rest:
    """The processor at rest at given static fluxes.

    Attributes
    ----------
    bare_hz : (n,) float64
        Bare frequencies.
    levels_hz : (n, 2) float64
        Dressed energies of level 1 and 2 with all neighbours in level 0.
    zz_hz : (n_couplers, 3, 3) float64
        What remains of each coupler's shift when both transmons are excited.
    shifts_hz : (n_couplers, 3, 3) float64
        The whole shift of each coupler.
    """

    bare_hz: NDArray[np.float64]
    levels_hz: NDArray[np.float64]
    zz_hz: NDArray[np.float64]
    shifts_hz: NDArray[np.float64]


def split_shifts(shifts: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Split (…, 3, 3) shifts into those of the low transmon, of the high one, and the ZZ that remains."""
    low, high = shifts[..., :, 0], shifts[..., 0, :]
    return low, high, shifts - low[..., :, None] - high[..., None, :]


def resting_shifts_hz(
    coupler: Coupler, low_hz: float, high_hz: float, anharmonicity_hz: tuple[float, float]
) -> NDArray[np.float64]:
    """Return the (3, 3) shifts of two transmons at rest, exactly: idling lasts long enough to show the fourth order."""
    n = np.arange(3)
    energies = [n * f + n * (n - 1) / 2 * curve for f, curve in zip((low_hz, high_hz), anharmonicity_hz, strict=True)]
    alone = np.add.outer(*energies)
    total = np.diag((alone + coupler.cross_kerr_hz * np.outer(n, n)).ravel())
    for (na, nb), (ma, mb), factor in _EXCHANGE:
        here, there = 3 * na + nb, 3 * ma + mb
        total[here, there] = total[there, here] = coupler.coupling_hz * np.sqrt(factor)
    basis = dressed_basis(total)
    return np.asarray((basis.T @ total @ basis).diagonal().reshape(3, 3) - alone)


@lru_cache(maxsize=256)
def rest_of(processor: Processor, static_v: tuple[float, ...]) -> Rest:
    """Return the processor at rest, with static flux voltages applied."""
    transmons = processor.transmons
    bare = np.array([float(tuned_frequency_hz(t, 0.0, v)) for t, v in zip(transmons, static_v, strict=True)])
    levels = np.array([[f, 2 * f + t.anharmonicity_hz] for f, t in zip(bare, transmons, strict=True)])
    shifts = np.zeros((len(processor.couplers), 3, 3))
    zz = np.zeros_like(shifts)
    for k, coupler in enumerate(processor.couplers):
        curves = (transmons[coupler.low].anharmonicity_hz, transmons[coupler.high].anharmonicity_hz)
        shifts[k] = resting_shifts_hz(coupler, bare[coupler.low], bare[coupler.high], curves)
        low, high, zz[k] = split_shifts(shifts[k])
        levels[coupler.low] += low[1:]
        levels[coupler.high] += high[1:]
    return Rest(bare, levels, zz, shifts)


def dressed_basis(hamiltonian: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the eigenvectors of a real Hamiltonian as columns, each named after the state it is nearest to."""
    _, vectors = np.linalg.eigh(hamiltonian)
    size = np.abs(vectors)
    order = np.full(size.shape[1], -1)
    for _ in range(size.shape[0]):
        row, column = np.unravel_index(np.argmax(size), size.shape)
        order[row] = column
        size[row, :] = -1
        size[:, column] = -1
    named = vectors[:, order]
    return np.ascontiguousarray(named * np.sign(np.diag(named)))
