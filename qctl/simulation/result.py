"""What every simulation method is asked for, and what it returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qctl.errors import RequestError
from qctl.simulation.noise import NoiseModel
from qctl.simulation.observables import PauliSum

__all__ = ["Estimate", "Simulated", "Wish"]


@dataclass(frozen=True, slots=True)
class Wish:
    """How a program is to be simulated.

    Attributes
    ----------
    shots : int or None
        How often it is measured; None asks for the state alone.
    seed : int or None
        Of the sampled outcomes.
    precision : str
        ``double`` or ``single``.
    noise : NoiseModel or None
    threads : int
        The result is the same for any number, to the bit.
    progress : callable or None
        Called with the part that is done, 0 to 1, a few times a second once a run has taken a second.
    """

    shots: int | None = None
    seed: int | None = None
    precision: str = "double"
    noise: NoiseModel | None = None
    threads: int = 1
    progress: Callable[[float], object] | None = None

    @property
    def dtype(self) -> np.dtype:
        """Return the dtype of an amplitude."""
        return np.dtype(np.complex128 if self.precision == "double" else np.complex64)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a simulation will take.

    Attributes
    ----------
    method : str
    memory_bytes : int
        Of the state and what stands beside it.
    time_s : float
        Within a factor of about three on a processor of the year 2023.
    """

    method: str
    memory_bytes: int
    time_s: float


@dataclass(frozen=True, slots=True)
class Simulated:
    """The outcome of a simulation.

    Attributes
    ----------
    counts : dict of str to int
        Outcomes of the bits, bit 0 rightmost as in Qiskit; empty without shots or bits.
    state : (2**n_qubits,) complex, or None
        State vector at the end; None where the method has none.
    method, reason : str
        Which method played it, and why that one.
    estimate : Estimate or None
        What it was expected to take.
    """

    counts: dict[str, int]
    state: NDArray[np.complexfloating] | None = field(default=None, repr=False)
    method: str = ""
    reason: str = ""
    estimate: Estimate | None = field(default=None, repr=False)

    @property
    def statevector(self) -> NDArray[np.complexfloating]:
        """Return the state at the end, (2**n_qubits,), qubit 0 the least significant bit of the index.

        Where the program measures before its end it is the state of the last shot.

        Raises
        ------
        RequestError
            If the method has no state vector.
        """
        if self.state is None:
            raise RequestError(f"method {self.method!r} has no state vector; ask for method='statevector'")
        return self.state

    def expectation(self, observable: PauliSum) -> float:
        """Return the expectation value of an observable in the state at the end.

        Raises
        ------
        RequestError
            If the method has no state vector, or the observable names a qubit that the program lacks.
        """
        return observable.expectation(self.statevector)
