"""Two or three transmons that interact during a flux window: steps by the kernel, from dressed to bare and back."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qctl.cext import lindblad
from qctl.hil.physics.couplings import dressed_basis
from qctl.hil.physics.parameters import Processor, Transmon
from qctl.hil.physics.relaxation import idle_step

__all__ = ["ClusterWindow", "StepCache", "cluster_couplings", "propagate_cluster", "resting_basis"]

TWO_PI = 2 * np.pi
_KEPT_BYTES = 1 << 28
_LARGE, _LARGE_STEP = 81, 16
"""Dimension from which on a joint state is large, and samples between its relaxations."""


class Steps(NamedTuple):
    """The steps of a window: (m, d, d) unitaries in the dressed basis at both ends, and which of them each step is."""

    unitaries: NDArray[np.complex128]
    order: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ClusterWindow:
    """One cluster during one window of time.

    Attributes
    ----------
    transmons : tuple of Transmon
        Its 2 or 3 members.
    levels : (n_samples, n, 2) float64, rad/s
        Bare energies of level 1 and 2 in the rotating frame, shifts by couplers outside included.
    rest : (n, 2) float64, rad/s
        The same at rest.
    drives : (n_samples, n) complex128, rad/s
        Omega of each.
    exchange, kerr : (n, n) float64, rad/s
        Couplings inside the cluster.
    dt_s : float
        Length of a sample.
    """

    transmons: tuple[Transmon, ...]
    levels: NDArray[np.float64]
    rest: NDArray[np.float64]
    drives: NDArray[np.complex128]
    exchange: NDArray[np.float64]
    kerr: NDArray[np.float64]
    dt_s: float

    def key(self, per_step: int) -> bytes:
        """Return a hash of all that decides the steps."""
        found = hashlib.blake2b(digest_size=16)
        for array in (self.levels, self.rest, self.drives, self.exchange, self.kerr):
            found.update(np.ascontiguousarray(array).data)
        found.update(f"{self.dt_s}/{per_step}".encode())
        return found.digest()


class StepCache:
    """Keeps the steps of windows by hash of samples and true parameters."""

    def __init__(self) -> None:
        self._steps: OrderedDict[bytes, Steps] = OrderedDict()
        self._bytes = 0

    def steps(self, window: ClusterWindow, per_step: int) -> Steps:
        """Return the steps of a window, of so many samples each."""
        key = window.key(per_step)
        known = self._steps.get(key)
        if known is not None:
            self._steps.move_to_end(key)
            return known
        steps = _make_steps(window, per_step)
        self._steps[key] = steps
        self._bytes += steps.unitaries.nbytes
        while self._bytes > _KEPT_BYTES:
            self._bytes -= self._steps.popitem(last=False)[1].unitaries.nbytes
        return steps


def _make_steps(window: ClusterWindow, per_step: int) -> Steps:
    n_samples, n = window.drives.shape
    d = 3**n
    order = np.empty(-(-n_samples // per_step), np.int64)
    room = np.empty((len(order), d, d), complex)
    drives = np.ascontiguousarray(window.drives)
    levels = np.ascontiguousarray(window.levels)
    found = lindblad.unitaries(levels, drives, window.exchange, window.kerr, window.dt_s, per_step, order, room)
    steps = room[:found].copy()
    basis = resting_basis(window.rest, window.exchange, window.kerr)
    steps[0] = steps[0] @ basis
    steps[-1] = basis.T @ steps[-1]
    return Steps(steps, order)


def resting_basis(
    rest: NDArray[np.float64], exchange: NDArray[np.float64], kerr: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the dressed basis of a cluster at rest as columns; arrays as in `ClusterWindow`."""
    return _basis(rest.tobytes(), exchange.tobytes(), kerr.tobytes(), len(rest))


@lru_cache(maxsize=256)
def _basis(rest: bytes, exchange: bytes, kerr: bytes, n: int) -> NDArray[np.float64]:
    """Return the dressed basis of a cluster at rest as columns; arrays as in `ClusterWindow`, in bytes."""
    hops = np.frombuffer(exchange).reshape(n, n)
    pairs = np.frombuffer(kerr).reshape(n, n)
    levels = np.frombuffer(rest).reshape(n, 2)
    lower = np.diag(np.sqrt([1.0, 2.0]), 1)
    number = np.diag([0.0, 1.0, 2.0])

    def embed(local: dict[int, NDArray[np.float64]]) -> NDArray[np.float64]:
        out: NDArray[np.float64] = np.eye(1)
        for k in range(n):
            out = np.asarray(np.kron(out, local.get(k, np.eye(3))), float)
        return out

    total = np.zeros((3**n, 3**n))
    for a in range(n):
        total += embed({a: np.diag([0.0, *levels[a]])})
        for b in range(a):
            hop = embed({a: lower.T, b: lower})
            total += hops[a, b] * (hop + hop.T)
            total += pairs[a, b] * embed({a: number, b: number})
    return dressed_basis(total)


def propagate_cluster(cache: StepCache, window: ClusterWindow, rho: NDArray[np.complex128]) -> None:
    """Propagate a joint state in place; the cluster's members are its first transmons, in order.

    Relaxation acts once per sample when the state is small, and less often when a step costs more
    (its error stays below 1e-6 and 1e-4, see tests).
    """
    n = len(window.transmons)
    rest = rho.shape[0] // 3**n
    driven = bool(window.drives.any())
    if driven and rho.shape[0] <= 27:
        window = _halved(window)
    per_step = _LARGE_STEP if rho.shape[0] >= _LARGE else 1 if n == 2 and rest == 1 else 4
    steps = cache.steps(window, per_step)
    n_samples = window.drives.shape[0]
    whole_steps, left = divmod(n_samples, per_step)
    work = np.empty_like(rho)
    if whole_steps:
        _propagate(window, steps.unitaries, steps.order[:whole_steps], per_step * window.dt_s, rho, work)
    if left:
        _propagate(window, steps.unitaries, steps.order[whole_steps:], left * window.dt_s, rho, work)


def _halved(window: ClusterWindow) -> ClusterWindow:
    return ClusterWindow(
        window.transmons,
        np.repeat(window.levels, 2, axis=0),
        window.rest,
        np.repeat(window.drives, 2, axis=0),
        window.exchange,
        window.kerr,
        window.dt_s / 2,
    )


def _propagate(
    window: ClusterWindow,
    unitaries: NDArray[np.complex128],
    order: NDArray[np.int64],
    step_s: float,
    rho: NDArray[np.complex128],
    work: NDArray[np.complex128],
) -> None:
    lives = tuple((t.t1_s, t.t2_s, t.thermal) for t in window.transmons)
    half, whole = _relaxation(lives, step_s / 2), _relaxation(lives, step_s)
    lindblad.propagate(unitaries, order, half, whole, rho, work)


@lru_cache(maxsize=1024)
def _relaxation(lives: tuple[tuple[float, float, float], ...], time_s: float) -> NDArray[np.float64]:
    """Return the (n, 14) relaxation of transmons of given T1, T2 and thermal ratio, as the kernel takes it."""
    return np.stack([idle_step(*life, 0.0, 0.0, time_s).real for life in lives])


def cluster_couplings(
    processor: Processor, members: tuple[int, ...], couplers: list[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return exchange and cross-Kerr in rad/s among `members` of the named couplers."""
    exchange = np.zeros((len(members), len(members)))
    kerr = np.zeros_like(exchange)
    for k in couplers:
        coupler = processor.couplers[k]
        a, b = members.index(coupler.low), members.index(coupler.high)
        exchange[a, b] = exchange[b, a] = TWO_PI * coupler.coupling_hz
        kerr[a, b] = kerr[b, a] = TWO_PI * coupler.cross_kerr_hz
    return exchange, kerr
