"""Types of the packet kernel."""

from collections.abc import Buffer

def encode(heads: Buffer, bounds: Buffer, payloads: Buffer, out: Buffer) -> int: ...
def decode(
    content: Buffer, skipping: bool, heads: Buffer, bounds: Buffer, payloads: Buffer
) -> tuple[int, int, int, bool]: ...
