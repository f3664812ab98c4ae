"""Types of the kernel that deals plays out to feeds."""

import numpy as np
from numpy.typing import NDArray

def deal(
    plays: NDArray,
    bounds: NDArray[np.int64],
    owner: NDArray[np.int32],
    lengths: NDArray[np.int64],
    lead: int,
    silence: int,
    dealt: NDArray,
    dealt_bounds: NDArray[np.int64],
    own_bounds: NDArray[np.int64],
    spans: NDArray[np.int64],
    gaps: NDArray[np.int64],
    gap_bounds: NDArray[np.int64],
    work: NDArray[np.int64],
) -> int: ...
def last(
    plays: NDArray,
    bounds: NDArray[np.int64],
    owner: NDArray[np.int32],
    lengths: NDArray[np.int64],
    lead: int,
    point: int,
    first: int,
    n_samples: int,
) -> int: ...
def count(plays: NDArray, counts: NDArray[np.int64]) -> None: ...
def caught(captures: NDArray, counts: NDArray[np.int64]) -> None: ...
def alike(plays: NDArray, bounds: NDArray[np.int64], chosen: NDArray[np.int8]) -> bytes | None: ...
def places(
    plays: NDArray,
    first: int,
    last: int,
    owner: NDArray[np.int32],
    bounds: NDArray[np.int64],
    dealt_bounds: NDArray[np.int64],
    dealt_to: NDArray[np.int32],
) -> None: ...
