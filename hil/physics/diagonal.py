"""ZZ between clusters: exact within a group, by the neighbour's populations between groups.

Between groups a transmon's coherences turn by each level of its neighbour, weighted by population. That
is exact for the transmon's own state; the correlation it leaves out is bounded by JOIN_RAD, above
which the groups merge.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from qctl.hil.physics.parameters import Processor
from qctl.hil.physics.state import State

__all__ = ["JOIN_RAD", "apply_zz"]

JOIN_RAD = 1e-3


def apply_zz(
    processor: Processor, state: State, couplers: list[int], zz: NDArray[np.float64], time_s: float, left_s: float
) -> None:
    """Let couplers turn the joint state in place for a time.

    Parameters
    ----------
    processor : Processor
        Whose couplers.
    state : State
        Changed in place; groups may merge.
    couplers : list of int
        Which couplers act.
    zz : (n_couplers, 3, 3) float64, rad/s
        Energy of each pair of levels.
    time_s : float
        How long.
    left_s : float
        Time until the last measurement, which decides whether groups merge; 0 never merges.
    """
    phases: dict[int, NDArray[np.float64]] = {}
    for k in couplers:
        coupler = processor.couplers[k]
        index_low, place_low = state.place(coupler.low)
        index_high, place_high = state.place(coupler.high)
        if index_low != index_high:
            strength = abs(zz[k, 1, 1]) * left_s
            if strength > JOIN_RAD and strength * _correlation(state, coupler.low, coupler.high) > JOIN_RAD:
                for key in list(phases):
                    _turn(state, key, phases.pop(key) * time_s)
                state.merge((coupler.low, coupler.high))
                index_low, place_low = state.place(coupler.low)
                index_high, place_high = state.place(coupler.high)
        if index_low == index_high:
            n = len(state.groups[index_low][0])
            table = zz[k] if place_low < place_high else zz[k].T
            shape = [3 if place in (place_low, place_high) else 1 for place in range(n)]
            phases[index_low] = phases.get(index_low, np.zeros((3,) * n)) + table.reshape(shape)
        else:
            _turn_apart(state, coupler.low, zz[k], state.marginal(coupler.high), time_s)
            _turn_apart(state, coupler.high, zz[k].T, state.marginal(coupler.low), time_s)
    for index, table in phases.items():
        _turn(state, index, table * time_s)


def _correlation(state: State, low: int, high: int) -> float:
    """Return at most what part of a ZZ phase can show as correlation: coherence times spread."""
    spread = [np.sqrt(max(0.0, 1.0 - state.marginal(q).max())) for q in (low, high)]
    coherent = [state.coherent(q) for q in (low, high)]
    return float(max(coherent[0] * spread[1], coherent[1] * spread[0]))


def _turn(state: State, index: int, phase: NDArray[np.float64]) -> None:
    turn = np.exp(-1j * phase.ravel())
    rho = state.groups[index][1]
    rho *= turn[:, None]
    rho *= turn.conj()[None, :]


def _turn_apart(
    state: State, qubit: int, zz: NDArray[np.float64], neighbour: NDArray[np.float64], time_s: float
) -> None:
    """Turn one transmon's coherences by its neighbour's populations."""
    if neighbour[1] + neighbour[2] < 1e-9:
        return
    factor = _turns(zz.tobytes(), time_s) @ (neighbour / neighbour.sum())
    factor.flat[::4] = 1.0
    index, place = state.place(qubit)
    qubits, rho = state.groups[index]
    left, right = 3**place, 3 ** (len(qubits) - 1 - place)
    cube = rho.reshape(left, 3, right, left, 3, right)
    cube *= factor[None, :, None, None, :, None]


@lru_cache(maxsize=4096)
def _turns(zz: bytes, time_s: float) -> NDArray[np.complex128]:
    """Return (3, 3, 3): how each coherence turns in a time, by the neighbour's level."""
    table = np.frombuffer(zz).reshape(3, 3)
    return np.asarray(np.exp(-1j * time_s * (table[:, None, :] - table[None, :, :])))
