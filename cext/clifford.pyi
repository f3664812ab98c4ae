"""Types of the Clifford kernel."""

from numpy.typing import NDArray

def classify(
    rows: NDArray, constants: NDArray, kinds: NDArray, units: NDArray, tolerance_rad: float, codes: NDArray
) -> int: ...
