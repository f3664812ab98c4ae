"""Types of the state-vector kernels."""

from typing import Any

from numpy.typing import NDArray

SETS: tuple[str, ...]

def best_set(most: str = "avx512") -> str: ...

class Evolution:
    def advance(self, budget_s: float = 0.0, threads: int = 1) -> float: ...
    @property
    def finished(self) -> bool: ...
    @property
    def figures(self) -> dict[str, int]: ...

def evolution(
    instructions: NDArray[Any],
    operands: NDArray[Any],
    constants: NDArray[Any],
    expressions: NDArray[Any],
    first: int,
    end: int,
    state: NDArray[Any],
    set: str = "avx512",
    most_chunk_qubits: int = 0,
) -> Evolution: ...
def adjoint(
    instructions: NDArray[Any],
    operands: NDArray[Any],
    constants: NDArray[Any],
    expressions: NDArray[Any],
    first: int,
    end: int,
    state: NDArray[Any],
    partner: NDArray[Any],
    derivatives: NDArray[Any],
    set: str = "avx512",
    most_chunk_qubits: int = 0,
) -> Evolution: ...
