"""Types of the Clifford kernel."""

from numpy.typing import NDArray

def classify(
    rows: NDArray, constants: NDArray, kinds: NDArray, units: NDArray, tolerance_rad: float, codes: NDArray
) -> int: ...
def write(
    rows: NDArray,
    kinds: NDArray,
    begin: NDArray,
    steps: NDArray,
    words: NDArray,
    word_begin: NDArray,
    out: NDArray,
) -> int: ...
