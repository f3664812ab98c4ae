"""A rack of SCPI generators of one model: two drives, a flux line and a readout line, and a digitizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qctl.lab import parse_lab

__all__ = ["generator_rack"]

LAB = Path(__file__).parents[2] / "docs" / "examples" / "qblox2.toml"
GENERATOR = """
[instruments.{name}]
model = "{model}"
address = "TCPIP::127.0.0.1::{port}::SOCKET"
clock_hz = {clock_hz!r}
reference = "external"
trigger = {{ source = "trig0", line = 1 }}
safe = {{ outputs = "off" }}
output.1 = {{ limits_v = [-2.0, 2.0], amplitude_vpp = {vpp} }}
output.2 = {{ limits_v = [-2.0, 2.0], amplitude_vpp = {vpp} }}
"""
REST = """
[instruments.trig0]
model = "qctl-trigger"
address = "ASRL/dev/pts/5::INSTR"
clock_hz = 1.0e8
reference = "internal"
safe = { outputs = "off" }
line.1 = { width_s = 1.0e-7 }

[instruments.dig0]
model = "keysight-infiniium-s"
address = "TCPIP::127.0.0.1::hislip0,40006::INSTR"
clock_hz = 5.0e8
reference = "external"
trigger = { source = "trig0", line = 1 }
input.1 = { range_v = 0.8 }
input.2 = { range_v = 0.8 }

[instruments.lo_drive]
model = "rohde-schwarz-sgs100a"
address = "TCPIP::127.0.0.1::41004::SOCKET"
frequency_hz = 4.75e9
power_dbm = 13.0
reference = "external"
limits = { power_dbm = [-20.0, 20.0], frequency_hz = [1.0e6, 12.75e9] }
safe = { output = false, power_dbm = -20.0 }

[instruments.lo_readout]
model = "rohde-schwarz-sgs100a"
address = "TCPIP::127.0.0.1::41005::SOCKET"
frequency_hz = 7.02e9
power_dbm = 13.0
reference = "external"
limits = { power_dbm = [-20.0, 20.0], frequency_hz = [1.0e6, 12.75e9] }
safe = { output = false, power_dbm = -20.0 }

[ports."q0.drive"]
i = "gen0:1"
q = "gen0:2"
lo = "lo_drive"

[ports."q1.drive"]
i = "gen1:1"
q = "gen1:2"
lo = "lo_drive"

[ports."q1.flux"]
output = "gen2:1"

[ports."q0.readout"]
feedline = "line0"
i = "gen3:1"
q = "gen3:2"
acquire_i = "dig0:1"
acquire_q = "dig0:2"
lo = "lo_readout"

[ports."q1.readout"]
feedline = "line0"
i = "gen3:1"
q = "gen3:2"
acquire_i = "dig0:1"
acquire_q = "dig0:2"
lo = "lo_readout"
"""


def generator_rack(model: str, clock_hz: float, vpp: float) -> Any:
    """Return the lab: the processor of the example on four generators, each with two outputs."""
    head = LAB.read_text("utf-8").split("[instruments.cluster0]")[0].replace('"cluster0"', '"trig0"')
    head = head.replace("5.05e9", "4.80e9").replace("amplitude_v = 0.3", "amplitude_v = 0.2")
    boxes = [
        GENERATOR.format(name=f"gen{k}", model=model, port=40001 + k, clock_hz=clock_hz, vpp=vpp) for k in range(4)
    ]
    return parse_lab(head + "".join(boxes) + REST)
