"""Drive a Lake Shore 372: sixteen scanned inputs and the control input A, sample, warm-up and still heaters 0, 1 and 2.

All inputs share one reading chain, so the rate of each falls with the number that is scanned.

Source: Lake Shore 372 command set as it shows in the maker's lakeshorecryotronics/python-driver `Model372` (channels,
heater ranges, status bits) and in QCoDeS `LakeshoreModel372`; what is common is in lakeshore.py.
"""

from __future__ import annotations

from qctl.instruments.commands import Command
from qctl.instruments.lakeshore import heater_range, inputs, lakeshore, outputs

__all__ = ["COMMANDS", "MODEL372", "open_driver"]

MODEL372 = lakeshore(
    (
        *inputs((*range(1, 17), "A")),
        *outputs((0, 1)),
        heater_range((0,), ("OFF", "31.6UA", "100UA", "316UA", "1MA", "3.16MA", "10MA", "31.6MA", "100MA")),
        heater_range((1, 2), ("OFF", "ON")),
        Command("HTR", "output0_percent", "Heat of the sample heater", "%", settable=False),
    )
)
COMMANDS, open_driver = MODEL372.commands, MODEL372.open
