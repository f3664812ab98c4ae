"""Types of the kernels for transmons whose flux moves."""

import numpy as np
from numpy.typing import NDArray

def tune(
    volts: NDArray[np.float64],
    offset: float,
    per_v: float,
    static: float,
    asymmetry: float,
    frequency_hz: float,
    anharmonicity_hz: float,
    out: NDArray[np.float64],
) -> None: ...
def meet(
    low_hz: NDArray[np.float64],
    high_hz: NDArray[np.float64],
    coupling_hz: float,
    cross_kerr_hz: float,
    low_curve_hz: float,
    high_curve_hz: float,
    shifts: NDArray[np.float64],
) -> float: ...
