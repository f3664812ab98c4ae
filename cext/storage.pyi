"""Types of the shared memory of instruction buffers."""

from collections.abc import Buffer

class Storage(Buffer):
    def __len__(self) -> int: ...
