"""Drive a Lake Shore 336: inputs A to D, heaters 1 and 2, voltage outputs 3 and 4.

Source: Lake Shore 336 command set as it shows in QCoDeS `LakeshoreModel336`; what is common is in lakeshore.py.
"""

from __future__ import annotations

from qctl.instruments.commands import Command
from qctl.instruments.lakeshore import heater_range, inputs, lakeshore, outputs

__all__ = ["COMMANDS", "MODEL336", "open_driver"]

MODEL336 = lakeshore(
    (
        *inputs(("A", "B", "C", "D")),
        *outputs((1, 2)),
        heater_range((1, 2), ("OFF", "LOW", "MEDIUM", "HIGH")),
        heater_range((3, 4), ("OFF", "ON")),
        Command("", "output{n}_percent", "Heat of output", "%", settable=False, numbers=(1, 2), ask="HTR? {n}"),
    )
)
COMMANDS, open_driver = MODEL336.commands, MODEL336.open
