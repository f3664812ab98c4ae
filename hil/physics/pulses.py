"""What drives do to an exchange-coupled pair beyond driving each transmon by itself.

Between flux windows each transmon is driven as if its dressed levels were its own. But the exchange dresses the drive,
too: it acts on both transmons, and by the other's level; (g / detuning)**2 is 1e-5 in the populations, and the first
order counts where a line plays near the other transmon's frequency. The excess of a pulse is the unitary that comes
after U_apart = U_low x U_high and makes U_coupled of it, both from the same samples; relaxation during it is left out,
for the excess is small.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from qctl.cext import lindblad
from qctl.hil.physics.cluster import resting_basis

__all__ = ["Excess"]

_KEPT = 2048
_GRAIN = 1e9
"""Samples that agree to this part of the largest are equal: a carrier that began elsewhere is rounded elsewhere."""
SLOW_HZ = 1e6
_QUANTA = np.add.outer(np.arange(3), np.arange(3)).ravel()
_ALONE = np.zeros((1, 1))


class Excess:
    """Excesses of pulses on one pair at rest, at one rate and in one frame, kept by samples but for a common phase.

    Parameters
    ----------
    bare, dressed : (2, 2) float64, rad/s
        Energies of levels 1 and 2 of both transmons in the frame, without and with the coupling.
    exchange, kerr : (2, 2) float64, rad/s
        Coupling of the pair.
    rates : (2, 3) float64, 1/s
        Down, up and pure dephasing of both, as `collapse_rates` gives them.
    dt_s : float
        Length of a sample.
    """

    def __init__(
        self,
        bare: NDArray[np.float64],
        dressed: NDArray[np.float64],
        exchange: NDArray[np.float64],
        kerr: NDArray[np.float64],
        rates: NDArray[np.float64],
        dt_s: float,
    ) -> None:
        self._bare, self._dressed = bare, dressed
        self._exchange, self._kerr, self._dt_s = exchange, kerr, dt_s
        self._basis = resting_basis(bare, exchange, kerr)
        self._relaxes = _dressed_relaxation(self._basis, rates, dressed)
        self._seen: OrderedDict[bytes, NDArray[np.complex128]] = OrderedDict()
        self._known: OrderedDict[tuple[int, bytes], NDArray[np.complex128]] = OrderedDict()

    def of(self, drives: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """Return the (9, 9) unitary in the dressed basis, ZZ included, that follows `drives` (2, n), Omega in rad/s."""
        samples = drives.tobytes()
        found = self._seen.get(samples)
        if found is None:
            found = self._seen[samples] = self._turned(drives)
            if len(self._seen) > _KEPT:
                self._seen.popitem(last=False)
        return found

    def relax(self, rho: NDArray[np.complex128], n_samples: float) -> None:
        """Add to a (9, 9) state, in place, what relaxes because each excitation is partly in the other transmon."""
        parts = np.ascontiguousarray(rho).reshape(81, 1).view(float)
        rho += (self._relaxes @ parts).view(complex).reshape(9, 9) * (n_samples * self._dt_s)

    def _turned(self, drives: NDArray[np.complex128]) -> NDArray[np.complex128]:
        size = np.abs(drives).ravel()
        most = float(size.max())
        top = complex(drives.flat[int(np.argmax(size > 0.999 * most))])
        phase = top / abs(top)
        # all quanta turn alike under a common phase; 0.0 is added since -0.0 has other bytes
        drives = drives * phase.conjugate()
        key = (round(most), (np.rint(drives * (_GRAIN / most)) + 0.0).tobytes())
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._find(drives)
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        turn = phase**_QUANTA
        return np.asarray(turn[:, None] * known * turn.conj())

    def _find(self, drives: NDArray[np.complex128]) -> NDArray[np.complex128]:
        coupled = self._basis.T @ self._unitary(self._bare, drives, self._exchange, self._kerr) @ self._basis
        low, high = (self._unitary(self._dressed[k : k + 1], drives[k : k + 1], _ALONE, _ALONE) for k in (0, 1))
        return np.asarray(coupled @ np.kron(low, high).conj().T)

    def _unitary(
        self,
        levels: NDArray[np.float64],
        drives: NDArray[np.complex128],
        exchange: NDArray[np.float64],
        kerr: NDArray[np.float64],
    ) -> NDArray[np.complex128]:
        n, n_samples = drives.shape
        order, out = np.empty(1, np.int64), np.empty((1, 3**n, 3**n), complex)
        held = np.tile(levels, (n_samples, 1, 1))
        lindblad.unitaries(held, np.ascontiguousarray(drives.T), exchange, kerr, self._dt_s, n_samples, order, out)
        return np.asarray(out[0])


def _dressed_relaxation(
    basis: NDArray[np.float64], rates: NDArray[np.float64], levels: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (81, 81) 1/s: relaxation of bare transmons in the dressed basis, less that of dressed ones.

    What turns faster than SLOW_HZ between two elements of the state averages out.
    """
    one, lower = np.eye(9), np.diag(np.sqrt([1.0, 2.0]), 1)
    ladders = (np.kron(lower, np.eye(3)), np.kron(np.eye(3), lower))

    def generator(turn: NDArray[np.float64]) -> NDArray[np.float64]:
        total = np.zeros((81, 81))
        for ladder, (down, up, pure) in zip(ladders, rates.tolist(), strict=True):
            for rate, jump in ((down, ladder), (up, ladder.T), (2 * pure, ladder.T @ ladder)):
                c = turn.T @ jump @ turn
                loss = c.T @ c
                total += rate * (np.kron(c, c) - (np.kron(loss, one) + np.kron(one, loss)) / 2)
        return total

    energies = np.add.outer(*np.pad(levels, ((0, 0), (1, 0)))).ravel()
    turns = np.subtract.outer(energies, energies).ravel()
    slow = np.abs(np.subtract.outer(turns, turns)) < 2 * np.pi * SLOW_HZ
    return np.asarray(np.where(slow, generator(basis) - generator(one), 0.0))
