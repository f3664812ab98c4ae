"""The refusal of what needs more than half of this machine's memory."""

from __future__ import annotations

from qctl.program.room import have_bytes
from qctl.simulation.result import Estimate

__all__ = ["have_bytes", "lack"]


def lack(expected: Estimate) -> str:
    """Return what is missing if an estimate goes beyond half of this machine's memory, or nothing."""
    need, half = expected.memory_bytes / 2**30, have_bytes() / 2**31
    return f"it needs {need:.3g} GiB; half of this machine's memory is {half:.3g} GiB" if need > half else ""
