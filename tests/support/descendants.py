"""Which processes descend from which."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

__all__ = ["children_of", "family_of"]


def children_of(pid: int) -> list[int]:
    """Return the children of a process, whichever thread started them; those of one that ends change hands."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            found += map(int, (thread / "children").read_text().split())
    return found


def family_of(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    return [pid, *(one for child in children_of(pid) for one in family_of(child))]
