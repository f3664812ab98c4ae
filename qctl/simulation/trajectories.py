"""The trajectories method: shots of a noisy program as state vectors that jump.

Source: Dalibard, Castin, Mølmer, Phys. Rev. Lett. 68, 580 (1992).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError
from qctl.program.body import Body
from qctl.simulation.noise import NoiseModel
from qctl.simulation.observables import PauliSum
from qctl.simulation.pace import Pace
from qctl.simulation.result import Estimate, Simulated, Wish
from qctl.simulation.shots import KEPT_BYTES, is_straight, play_shots
from qctl.simulation.work import gates_played

__all__ = ["ShotsOutcome", "count_rows", "estimate", "play", "refusal"]

SECONDS_PER_AMPLITUDE = {"double": 1.5e-10, "single": 0.8e-10}
"""Of a gate with its noise in a shot; measured on an AVX-512 machine of 2023."""
SECONDS_PER_GATE = 5e-5
SECONDS_PER_DRAW = 4e-9
MOST_QUBITS = 40

Means = Callable[[NDArray[np.int64]], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class ShotsOutcome(Simulated):
    """What shots found.

    Attributes
    ----------
    n_qubits : int
    bits : (n_shots, n_bits) uint8
        What was read in each shot.
    means_of : callable
        Masks of Pauli strings (n, 2) to their mean in each shot's last state (n_shots, n); the shots are played again.
    """

    n_qubits: int = 0
    bits: NDArray[np.uint8] = field(default_factory=lambda: np.empty((0, 0), np.uint8), repr=False)
    means_of: Means | None = field(default=None, repr=False)

    def expectation(self, observable: PauliSum) -> float:
        """Return the mean over the shots of an observable in their last states; the shots are played again.

        Raises
        ------
        RequestError
            If the program branches, or lacks a qubit of the observable.
        """
        return self.mean_and_error(observable)[0]

    def mean_and_error(self, observable: PauliSum) -> tuple[float, float]:
        """Return the mean over the shots of an observable and its standard error, as `expectation` does."""
        observable.refuse_beyond(self.n_qubits)
        if self.means_of is None:
            raise RequestError("these shots can't be played again")
        means = self.means_of(np.array(observable.masks, np.int64).reshape(-1, 2))
        values = means @ np.array(list(observable.terms.values()))
        error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("inf")
        return float(values.mean()), error


def refusal(body: Body, wish: Wish) -> str:
    """Return why this method can't play a program, or nothing."""
    if not wish.shots:
        return "without shots there is nothing to play"
    return f"{body.n_qubits} qubits are more than {MOST_QUBITS}" if body.n_qubits > MOST_QUBITS else ""


def estimate(body: Body, wish: Wish) -> Estimate:
    """Return what the method takes: two groups of states for each thread, or those that are kept at branches."""
    size = 2.0 ** max(body.n_qubits, 1)
    memory = 256 * size * wish.threads if is_straight(body) else max(KEPT_BYTES, 128 * size)
    n_gates = gates_played(body)
    a_shot = n_gates * (SECONDS_PER_DRAW + SECONDS_PER_AMPLITUDE[wish.precision] * size)
    time_s = n_gates * SECONDS_PER_GATE + max(wish.shots or 1, 8) * a_shot / wish.threads
    return Estimate("trajectories", int(memory) + (wish.shots or 0) * (len(body.bits) + 32), time_s)


def play(body: Body, wish: Wish) -> Simulated:
    """Play a program shot by shot; the same seed gives the same shots with any number of threads.

    Raises
    ------
    RequestError
        Without shots, or if the program has pulses or a loop that doesn't end.
    """
    reason = refusal(body, wish)
    if reason or not wish.shots:
        raise RequestError(f"method 'trajectories' can't play this program: {reason}")
    n_shots = wish.shots
    noise = wish.noise or NoiseModel()
    seed = int(np.random.default_rng(wish.seed).integers(2**62))
    dtype = np.dtype(np.float64 if wish.precision == "double" else np.float32)

    def means_of(masks: NDArray[np.int64]) -> NDArray[np.float64]:
        return play_shots(body, noise, n_shots, seed, dtype, wish.threads, masks).means

    pace = Pace(wish.progress)
    bits = play_shots(body, noise, n_shots, seed, dtype, wish.threads, pace=pace).bits
    pace.tell(1.0)
    expected = estimate(body, wish)
    return ShotsOutcome(count_rows(bits), estimate=expected, n_qubits=body.n_qubits, bits=bits, means_of=means_of)


def count_rows(bits: NDArray[np.uint8]) -> dict[str, int]:
    """Return how often each row of bits stands, as text with bit 0 rightmost."""
    if not bits.shape[1]:
        return {}
    packed = np.packbits(bits, axis=1)
    _, first, hits = np.unique(packed, axis=0, return_index=True, return_counts=True)
    letters, width = (bits[first, ::-1] + np.uint8(48)).tobytes().decode("ascii"), bits.shape[1]
    texts = [letters[k : k + width] for k in range(0, len(letters), width)]
    return dict(zip(texts, hits.tolist(), strict=True))
