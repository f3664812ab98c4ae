"""Which vector instructions kernels may use: the best that the processor has, or what QCTL_SIMD says."""

from __future__ import annotations

import os

from qctl.cext.statevector import SETS
from qctl.errors import RequestError

__all__ = ["instruction_set", "widest_vectors"]


def instruction_set() -> str:
    """Return the set that kernels may use at most: that of the environment variable QCTL_SIMD, or the best.

    Raises
    ------
    RequestError
        If QCTL_SIMD names no set.
    """
    wanted = os.environ.get("QCTL_SIMD", SETS[-1])
    if wanted not in SETS:
        raise RequestError(f"QCTL_SIMD = {wanted!r} is none of {list(SETS)}")
    return wanted


def widest_vectors() -> int:
    """Return the number of that set, as kernels count them: 0 portable, 1 AVX2, 2 AVX-512."""
    return SETS.index(instruction_set())
