"""Drive a Lake Shore 335: inputs A and B, heaters 1 and 2.

Source: Lake Shore 335 command set as it shows in QCoDeS `LakeshoreModel335`; what is common is in lakeshore.py.
"""

from __future__ import annotations

from qctl.instruments.commands import Command
from qctl.instruments.lakeshore import heater_range, inputs, lakeshore, outputs

__all__ = ["COMMANDS", "MODEL335", "open_driver"]

MODEL335 = lakeshore(
    (
        *inputs(("A", "B")),
        *outputs((1, 2)),
        heater_range((1, 2), ("OFF", "LOW", "MEDIUM", "HIGH")),
        Command("", "output{n}_percent", "Heat of output", "%", settable=False, numbers=(1, 2), ask="HTR? {n}"),
    )
)
COMMANDS, open_driver = MODEL335.commands, MODEL335.open
