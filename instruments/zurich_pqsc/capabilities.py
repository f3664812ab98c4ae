"""What a PQSC does for a run; the limits of programs are those of the boxes on it.

Source: laboneq 26.7, ``controller/devices/device_pqsc.py`` (18 ports); zhinst-toolkit, ``pqsc.py`` (hold-off in steps
of 100 ns, and at least one), examples ``active_qubit_reset.md`` (eight pairs of bits for each port).
"""

from __future__ import annotations

__all__ = ["HOLDOFF_STEP_S", "N_PORTS"]

N_PORTS = 18
"""Boxes that a PQSC can start."""
HOLDOFF_STEP_S = 100e-9
"""Results are taken so long after a trigger, in whole steps."""
