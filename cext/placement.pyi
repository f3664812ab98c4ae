"""Types of the search for the cheapest place of a routed program."""

import numpy as np
from numpy.typing import NDArray

def cheapest_place(
    uses: NDArray[np.int32],
    wire_uses: NDArray[np.float64],
    pair_price: NDArray[np.float64],
    qubit_price: NDArray[np.float64],
    n_visits: int,
    least: float,
    place: NDArray[np.int32],
) -> float: ...
