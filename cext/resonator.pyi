"""Types of the readout kernels."""

import numpy as np
from numpy.typing import NDArray

def respond(
    drive: NDArray[np.complex128],
    drive_start_s: float,
    dt_s: float,
    rate: complex,
    coupling: complex,
    start_s: float,
    step_s: float,
    out: NDArray[np.complex128],
) -> None: ...
def respond_levels(
    drive: NDArray[np.complex128],
    drive_start_s: float,
    dt_s: float,
    rates: NDArray[np.complex128],
    couplings: NDArray[np.complex128],
    starts_s: NDArray[np.float64],
    steps_s: NDArray[np.float64],
    seen: NDArray[np.complex128],
    jumping: NDArray[np.complex128],
) -> None: ...
def assemble(
    templates: NDArray[np.float32], chosen: NDArray[np.int32], noise_v: float, records: NDArray[np.float32]
) -> None: ...
