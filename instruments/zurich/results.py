"""From the vectors of a result logger to volts by port and result."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from qctl.errors import DeviceError
from qctl.instruments.point_by_point import by_shot
from qctl.instruments.zurich.body import Integrator, Readout

__all__ = ["gathered", "norm_of", "thresholds_of"]


def norm_of(weights: NDArray[np.generic]) -> float:
    """Return the sum of the magnitudes of weights, I and Q in turn: a constant voltage gives itself."""
    pairs = np.asarray(weights, np.float64).reshape(-1, 2)
    return float(np.hypot(pairs[:, 0], pairs[:, 1]).sum())


def thresholds_of(readout: Readout, norms: Mapping[tuple[int, int], float]) -> list[tuple[str, float]]:
    """Return the settings of a channel's discriminators: nodes, and what the real part of a sum is compared with."""
    place = f"qachannels/{readout.number}/readout/discriminators"
    return [
        (f"{place}/{one.index}/threshold", one.threshold_v * norms[readout.number, one.index])
        for one in readout.integrators
        if one.threshold_v is not None
    ]


def gathered(
    readout: Readout,
    n_shots: int,
    averaged: bool,
    each_trigger: bool,
    vectors: Mapping[int, NDArray[np.complex128]],
    norms: Mapping[int, float],
) -> dict[tuple[str, str], NDArray[np.complex128]]:
    """Return what was measured in volts by port and result: (n_records, n_columns), columns in order of time.

    Parameters
    ----------
    readout : Readout
        The channel's part of the program.
    n_shots : int
        Shots of each point.
    averaged : bool
        Whether the mean of all shots is wanted.
    each_trigger : bool
        Whether all shots of a point come before those of the next.
    vectors : mapping of int to (n_results,) complex128
        What the logger has of each integrator.
    norms : mapping of int to float
        Sums of the magnitudes of each integrator's weights.

    Raises
    ------
    DeviceError
        If there are not as many results as the program gives.
    """
    parts: dict[tuple[str, str], list[tuple[NDArray[np.int64], NDArray[np.complex128]]]] = {}
    for one in readout.integrators:
        if not one.results:
            continue
        found = vectors.get(one.index, np.empty(0, np.complex128))
        if len(found) != readout.n_results:
            raise DeviceError(f"{len(found)} results of {', '.join(readout.ports)} came, not {readout.n_results}")
        meant = _meant(one)
        table = _by_shot(readout, n_shots, each_trigger, found)[:, meant] / norms[one.index]
        if one.angle_rad:
            table = table * np.exp(1j * one.angle_rad)
        parts.setdefault((one.port, one.slot), []).append((meant, table))
    gathered_: dict[tuple[str, str], NDArray[np.complex128]] = {}
    for key, members in parts.items():
        order = np.argsort(np.concatenate([numbers for numbers, _ in members]), kind="stable")
        values = np.concatenate([table for _, table in members], axis=1)[:, order]
        gathered_[key] = values.mean(axis=0, keepdims=True) if averaged else np.ascontiguousarray(values)
    return gathered_


def _meant(one: Integrator) -> NDArray[np.int64]:
    return np.concatenate([first + step * np.arange(n) for first, step, n in one.results])


def _by_shot(
    readout: Readout, n_shots: int, each_trigger: bool, found: NDArray[np.complex128]
) -> NDArray[np.complex128]:
    """Return results as (n_records, results of one shot)."""
    if each_trigger:
        return by_shot(found, n_shots, readout.point_results)
    n = sum(readout.point_results)
    return found.reshape(1 if n == len(found) else n_shots, n)
