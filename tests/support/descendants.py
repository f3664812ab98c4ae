"""Which processes descend from which."""

from __future__ import annotations

from pathlib import Path

__all__ = ["children_of", "family_of"]


def children_of(pid: int) -> list[int]:
    """Return the children of a process, whichever of its threads has started them."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [int(word) for thread in threads for word in (thread / "children").read_text().split()]


def family_of(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    return [pid, *(one for child in children_of(pid) for one in family_of(child))]
