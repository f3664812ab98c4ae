"""How much memory this machine has, and the refusal of what needs more than half of it."""

from __future__ import annotations

import os

from qctl.simulation.result import Estimate

__all__ = ["have_bytes", "lack"]


def have_bytes() -> int:
    """Return this machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def lack(expected: Estimate) -> str:
    """Return what is missing if an estimate goes beyond half of this machine's memory, or nothing."""
    need, half = expected.memory_bytes / 2**30, have_bytes() / 2**31
    return f"it needs {need:.3g} GiB; half of this machine's memory is {half:.3g} GiB" if need > half else ""
