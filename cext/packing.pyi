"""Types of the packing kernels."""

from collections.abc import Buffer

WIDEST: dict[int, int]

def pack(raw: Buffer, item: int) -> bytes: ...
def unpack(packed: Buffer, item: int, n_raw: int) -> bytes: ...
