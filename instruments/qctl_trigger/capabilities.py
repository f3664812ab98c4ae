"""What qctl's trigger controller can do: limits of its ticks, lines and counts.

Source: docs/firmware-protocol.md, section 4 (capabilities). A controller says its own limits in its capabilities; these
are the protocol's, and those of the controller that lab.toml's design assumes.
"""

from __future__ import annotations

from qctl.units import Limits

__all__ = ["DELAY_TICKS", "N_LINES", "PERIOD_TICKS", "SHOTS", "TICK_HZ", "WIDTH_TICKS"]

N_LINES = 8
TICK_HZ = 1e8
DELAY_TICKS = Limits(0, 2**32 - 1)
WIDTH_TICKS = Limits(1, 2**32 - 1)
PERIOD_TICKS = Limits(100, 2**32 - 1)
SHOTS = Limits(1, 2**32 - 1)
