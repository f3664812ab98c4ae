"""Normal modes of ions in a line: where they stand, and how they move across the trap's axis together.

Source: D. F. V. James, Appl. Phys. B 66, 181 (1998), for the places; the transverse modes are those of C. Marquet,
F. Schmidt-Kaler and D. F. V. James, Appl. Phys. B 76, 199 (2003).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["places_of", "transverse_modes"]


def places_of(n: int) -> NDArray[np.float64]:
    """Return (n,) places along the axis, in units of (e^2 / (4 pi eps0 m omega_z^2))^(1/3)."""
    places = np.linspace(-1.0, 1.0, n) * (0.6 * n**0.9 if n > 1 else 0.0)
    for _ in range(100):
        apart = places[:, None] - places
        np.fill_diagonal(apart, np.inf)
        force = places - (np.sign(apart) / apart**2).sum(axis=1)
        stiff = 2 / np.abs(apart) ** 3
        slope = np.diag(1 + stiff.sum(axis=1)) - stiff
        step = np.linalg.solve(slope, force)
        places = places - step
        if np.abs(step).max(initial=0.0) < 1e-13:
            break
    return places


def transverse_modes(n: int, axial_hz: float, radial_hz: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the frequencies of the modes across the axis, highest (all together) first, and their shapes.

    Returns
    -------
    ((n,) float64, (n, n) float64)
        Hertz; each ion's part (row) in each mode (column), columns of length 1 whose largest entry is positive.
    """
    places = places_of(n)
    apart = np.abs(places[:, None] - places)
    np.fill_diagonal(apart, np.inf)
    pull = 1 / apart**3
    squares = np.diag((radial_hz / axial_hz) ** 2 - pull.sum(axis=1)) + pull
    levels, shapes = np.linalg.eigh(squares)
    levels, shapes = levels[::-1], shapes[:, ::-1]
    shapes = shapes * np.sign(shapes[np.abs(shapes).argmax(axis=0), np.arange(n)])
    return axial_hz * np.sqrt(levels), shapes
