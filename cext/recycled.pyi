"""Types of arrays over recycled memory."""

from typing import Any

from numpy.typing import DTypeLike, NDArray

LEAST: int

def empty(n: int, dtype: DTypeLike) -> NDArray[Any]: ...
