"""Racks of Zurich Instruments boxes: the processor of the example on an SHFSG and SHFQA, and on HDAWG and UHFQA."""

from pathlib import Path

from qctl.lab import parse_lab

LAB = Path(__file__).parents[2] / "docs" / "examples" / "zurich2.toml"
SHF_ONLY = """
[instruments.qc0]
model = "zurich-shfsg"
address = "TCPIP::127.0.0.1::41001::SOCKET"
clock_hz = 2.0e9
reference = "external"
safe = { outputs = "off" }
line.1 = { width_s = 1.0e-7 }
output.1 = { limits_v = [-1.0, 1.0], amplitude_vpp = 2.0, lo_hz = 4.8e9 }
output.8 = { limits_v = [-1.0, 1.0], amplitude_vpp = 2.0, lo_hz = 5.2e9 }

[instruments.qa0]
model = "zurich-shfqa"
address = "TCPIP::127.0.0.1::41003::SOCKET"
clock_hz = 2.0e9
reference = "external"
trigger = { source = "qc0", line = 1, delay_s = 4.0e-8 }
safe = { outputs = "off" }
output.2 = { limits_v = [-0.36, 0.36], amplitude_vpp = 0.6324555, lo_hz = 7.0e9 }
input.2 = { range_v = 0.6324555 }
"""
HDAWG_UHFQA = """
[instruments.qc0]
model = "zurich-hdawg"
address = "TCPIP::127.0.0.1::41001::SOCKET"
clock_hz = 2.4e9
reference = "external"
safe = { outputs = "off" }
line.1 = { width_s = 1.0e-7 }
output.1 = { limits_v = [-1.0, 1.0], amplitude_vpp = 2.0 }
output.2 = { limits_v = [-1.0, 1.0], amplitude_vpp = 2.0 }
output.5 = { limits_v = [-1.0, 1.0], amplitude_vpp = 2.0 }
output.6 = { limits_v = [-1.0, 1.0], amplitude_vpp = 2.0 }

[instruments.qa0]
model = "zurich-uhfqa"
address = "TCPIP::127.0.0.1::41003::SOCKET"
clock_hz = 1.8e9
reference = "external"
trigger = { source = "qc0", line = 1, delay_s = 4.0e-8 }
safe = { outputs = "off" }
output.1 = { limits_v = [-0.36, 0.36], amplitude_vpp = 0.3 }
output.2 = { limits_v = [-0.36, 0.36], amplitude_vpp = 0.3 }
input.1 = { range_v = 0.4 }
input.2 = { range_v = 0.4 }

[instruments.lo0]
model = "rohde-schwarz-sgs100a"
address = "TCPIP::127.0.0.1::41004::SOCKET"
frequency_hz = 4.9e9
power_dbm = 13.0
reference = "external"
limits = { power_dbm = [-20.0, 20.0], frequency_hz = [1.0e6, 12.75e9] }
safe = { output = false, power_dbm = -20.0 }

[instruments.lo1]
model = "rohde-schwarz-sgs100a"
address = "TCPIP::127.0.0.1::41005::SOCKET"
frequency_hz = 6.95e9
power_dbm = 13.0
reference = "external"
limits = { power_dbm = [-20.0, 20.0], frequency_hz = [1.0e6, 12.75e9] }
safe = { output = false, power_dbm = -20.0 }
"""
HDAWG_FLUX = """
[instruments.hd0]
model = "zurich-hdawg"
address = "TCPIP::127.0.0.1::41002::SOCKET"
clock_hz = 2.0e9
reference = "external"
trigger = { source = "qc0", line = 1 }
safe = { outputs = "off" }
output.3 = { limits_v = [-1.0, 1.0], amplitude_vpp = 2.0 }
output.4 = { limits_v = [-1.0, 1.0], amplitude_vpp = 2.0 }
"""


def racks():
    """Return other racks by name: their processor is that of the example."""
    head = LAB.read_text("utf-8").split("[instruments.qc0]")[0]
    ports = {
        "q0.drive": ['output = "qc0:1"', 'i = "qc0:1"\nq = "qc0:2"\nlo = "lo0"'],
        "q1.drive": ['output = "qc0:8"', 'i = "qc0:5"\nq = "qc0:6"\nlo = "lo0"'],
        "q0.flux": ['output = "hd0:4"'] * 2,
        "q1.flux": ['output = "hd0:3"'] * 2,
    }
    reads = [
        'feedline = "line0"\noutput = "qa0:2"\nacquire = "qa0:2"',
        'feedline = "line0"\ni = "qa0:1"\nq = "qa0:2"\nacquire_i = "qa0:1"\nacquire_q = "qa0:2"\nlo = "lo1"',
    ]
    ports |= {"q0.readout": reads, "q1.readout": reads}
    made = {}
    for k, (name, boxes) in enumerate((("shfsg-shfqa", SHF_ONLY), ("hdawg-uhfqa", HDAWG_UHFQA))):
        lines = [f'[ports."{port}"]\n{words[k]}\n' for port, words in ports.items()]
        made[name] = parse_lab(head + boxes + HDAWG_FLUX + "\n".join(lines))
    return made
