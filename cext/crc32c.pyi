"""Types of the checksum kernel."""

from collections.abc import Buffer

BY_HARDWARE: bool

def crc32c(content: Buffer, crc: int = 0, by_tables: bool = False) -> int: ...
