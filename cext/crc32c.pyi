"""Types of the checksum kernel."""

from collections.abc import Buffer

def crc32c(content: Buffer, crc: int = 0) -> int: ...
