"""Boxes with firmware of a lab's own that stand beside a processor, and how lab.toml describes them."""

from __future__ import annotations

__all__ = ["BESIDE", "UNITS", "firmware_lines"]

BESIDE = {"shutter0": "shutter-box", "chiller0": "chiller", "bus0": "modbus-line"}
"""Each box with the model that emulates it; a line stands for what is on it."""
UNITS = {"bus0": {"valve0": (3, "water-valve"), "meter0": (4, "water-meter")}}
"""The units of each line, with their numbers and models."""
_ENTRIES = {
    "shutter0": r"""
[instruments.shutter0]
model = "line-firmware"
address = "ADDRESS"
timeout_s = 1.0
baud = 115200

[instruments.shutter0.lines]
identity = "ID"
begins = "SHUTTERBOX"
end = "\r"
answer_end = "\r"
answer = "OK"
refusals = ["ERR"]
answer_prefix = ">"
checksum = "xor"
echoes = true

[instruments.shutter0.parameter.dac1_v]
send = "SET DAC 1 {value}"
ask = "GET DAC 1"
reply = "DAC 1 = {value} V"
digits = 3
unit = "V"
limits = [-1.0, 1.0]
safe = 0.0

[instruments.shutter0.parameter.dac2_v]
send = "SET DAC 2 {value}"
ask = "GET DAC 2"
reply = "DAC 2 = {value} V"
digits = 3
unit = "V"
limits = [-10.0, 10.0]
safe = 0.0

[instruments.shutter0.parameter.shutter1]
send = "SET SHUTTER 1 {value}"
ask = "GET SHUTTER 1"
reply = "SHUTTER 1 {value}"
words = ["OPEN", "CLOSED"]
safe = "CLOSED"

[instruments.shutter0.parameter.light_v]
ask = "GET LIGHT"
reply = "LIGHT = {value} V"
unit = "V"
""",
    "bus0": """
[instruments.valve0]
model = "modbus-firmware"
address = "ADDRESS"
timeout_s = 0.5
modbus = { identity = "input 100", unit = 3 }

[instruments.valve0.parameter]
opening = { register = "holding 0 / 10", unit = "%", limits = [0.0, 60.0], safe = 0.0 }
position = { register = "input 0 / 10", unit = "%" }

[instruments.meter0]
model = "modbus-firmware"
address = "ADDRESS"
timeout_s = 0.5
modbus = { identity = "input 100", unit = 4 }

[instruments.meter0.parameter]
flow_l_per_min = { register = "input 0 / 100", unit = "l/min" }
temperature_c = { register = "input 1 int16 / 10", unit = "°C" }
""",
    "chiller0": """
[instruments.chiller0]
model = "modbus-firmware"
address = "ADDRESS"
timeout_s = 1.0
modbus = { identity = "identification", begins = "Cool Water Ltd", unit = 17 }

[instruments.chiller0.parameter]
setpoint_c = { register = "holding 0 int16 / 10", unit = "°C", limits = [10.0, 30.0], safe = 20.0 }
mode = { register = "holding 1", words = ["OFF", "COOL", "HEAT"], safe = "OFF" }
pump_on = { register = "coil 0", limits = [0, 1], safe = false }
temperature_c = { register = "input 0 int16 / 10", unit = "°C" }
flow_l_per_min = { register = "input 2 float32", unit = "l/min" }
""",
}


def firmware_lines(box: str, address: str) -> list[str]:
    """Return the entry of a box in lab.toml, of a line those of its units."""
    return [*_ENTRIES[box].strip().replace("ADDRESS", address).splitlines(), ""]
