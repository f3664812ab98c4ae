"""Types of the kernels that write equations of motion as sparse real matrices."""

import numpy as np
from numpy.typing import NDArray

def places(re: NDArray[np.int32], im: NDArray[np.int32]) -> None: ...
def hermitian_rows(
    k: NDArray[np.complex128],
    jumps: NDArray[np.complex128],
    re: NDArray[np.int32],
    im: NDArray[np.int32],
    begin: NDArray[np.int32],
    length: NDArray[np.int32],
    columns: NDArray[np.int32],
    values: NDArray[np.float64],
    used: int,
    work: NDArray[np.float64],
    listed: NDArray[np.int32],
) -> int: ...
def vector_rows(
    k: NDArray[np.complex128],
    begin: NDArray[np.int32],
    length: NDArray[np.int32],
    columns: NDArray[np.int32],
    values: NDArray[np.float64],
    used: int,
    work: NDArray[np.float64],
    listed: NDArray[np.int32],
) -> int: ...
