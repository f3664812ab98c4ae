"""Types of the kernel that counts depths."""

from numpy.typing import NDArray

def advance(
    rows: NDArray, first: int, end: int, operands: NDArray, kinds: NDArray, n_bits: int, levels: NDArray
) -> None: ...
