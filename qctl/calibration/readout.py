"""Turns single-shot IQ clouds of prepared states into an axis, a threshold and an assignment matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError

__all__ = ["Discriminator", "discriminate"]

Complex = NDArray[np.complex128]


@dataclass(frozen=True, slots=True)
class Discriminator:
    """How integrated IQ becomes a bit: rotate by `-angle_rad`, compare the real part with the threshold.

    Attributes
    ----------
    angle_rad : float
        Direction from the |0> cloud to the |1> cloud.
    threshold_v : float
        Real part above which a rotated point is a 1.
    center0_v, center1_v : complex
        Middle of the two clouds.
    assignment : (2, 2) float64
        ``assignment[measured, prepared]``; columns sum to 1.
    separation : float
        Distance of the clouds over the sum of their widths along the axis.
    """

    angle_rad: float
    threshold_v: float
    center0_v: complex
    center1_v: complex
    assignment: NDArray[np.float64]
    separation: float

    @property
    def fidelity(self) -> float:
        """Return the mean of the two diagonal elements."""
        return float(np.trace(self.assignment) / 2)


def _clouds(iq0: Complex, iq1: Complex) -> tuple[Complex, Complex]:
    zero, one = np.asarray(iq0, complex).ravel(), np.asarray(iq1, complex).ravel()
    for name, cloud in (("iq0", zero), ("iq1", one)):
        if len(cloud) < 20:
            raise RequestError(f"{name} has {len(cloud)} shots; at least 20 are needed")
        if not np.all(np.isfinite(cloud)):
            raise RequestError(f"{name} has values that are not finite")
    return zero, one


def discriminate(iq0: Complex, iq1: Complex) -> Discriminator:
    """Find the axis and threshold that tell two prepared states apart.

    The centres are medians along both axes, which relaxation during the record hardly moves; the
    threshold is the one of least total error on the shots themselves.

    Parameters
    ----------
    iq0, iq1 : (n_shots,) complex128, volts
        Integrated records with the qubit prepared in |0> and in |1>.

    Raises
    ------
    RequestError
        If there are fewer than 20 shots, or values that are not finite.
    """
    zero, one = _clouds(iq0, iq1)
    c0 = complex(np.median(zero.real), np.median(zero.imag))
    c1 = complex(np.median(one.real), np.median(one.imag))
    angle = float(np.angle(c1 - c0))
    turn = np.exp(-1j * angle)
    x0, x1 = np.sort((zero * turn).real), np.sort((one * turn).real)
    cuts = np.sort(np.concatenate([x0, x1]))
    wrong0 = 1 - np.searchsorted(x0, cuts, side="right") / len(x0)
    wrong1 = np.searchsorted(x1, cuts, side="right") / len(x1)
    least = wrong0 + wrong1
    ties = cuts[least <= least.min() + 1e-12]
    threshold = float(np.median(ties))
    p10 = float(np.mean(x0 > threshold))
    p01 = float(np.mean(x1 <= threshold))
    spread = float(np.subtract(*np.percentile(x0, [84, 16])) + np.subtract(*np.percentile(x1, [84, 16]))) / 2
    return Discriminator(
        angle,
        threshold,
        c0,
        c1,
        np.array([[1 - p10, p01], [p10, 1 - p01]]),
        abs(c1 - c0) / spread if spread > 0 else float("inf"),
    )
