"""Types of the superoperator kernel."""

from numpy.typing import NDArray

def play(
    state: NDArray,
    n_qubits: int,
    qubits: NDArray,
    offsets: NDArray,
    matrices: NDArray,
    n_threads: int,
    most: int = 2,
    watch: NDArray | None = None,
) -> None: ...
