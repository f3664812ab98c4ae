"""The racks of the pulse benchmark: two transmons on AWG5014C and digitizer, Qblox modules, or SHFQC and HDAWG."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qctl.lab import Lab

__all__ = ["rack"]

_PROCESSOR = """
schema = 1
name = "bench"
[processors.qpu0]
platform = "transmon"
qubits = ["q0", "q1"]
native_gates = ["rz", "sx", "cz"]
shot_period_s = 2.0e-4
trigger = "{trigger}"
[processors.qpu0.qubit.q0]
frequency_hz = 4.70e9
anharmonicity_hz = -2.2e8
t1_s = 32.0e-6
t2_s = 22.0e-6
drive = {{ length_s = 2.0e-8, sigma_s = 5.0e-9, amplitude_v = 0.15, beta_s = 3.6e-10 }}
flux = {{ offset_v = 0.0 }}
readout = {{ frequency_hz = 7.000e9, amplitude_v = 0.05, length_s = 1.0e-6, delay_s = 1.0e-7 }}
[processors.qpu0.qubit.q1]
frequency_hz = 5.05e9
anharmonicity_hz = -2.2e8
t1_s = 28.0e-6
t2_s = 17.0e-6
drive = {{ length_s = 2.0e-8, sigma_s = 5.0e-9, amplitude_v = 0.15, beta_s = 3.6e-10 }}
flux = {{ offset_v = 0.0 }}
readout = {{ frequency_hz = 7.035e9, amplitude_v = 0.05, length_s = 1.0e-6, delay_s = 1.0e-7 }}
[processors.qpu0.coupler."q0-q1"]
flux_qubit = "q1"
coupling_hz = 4.5e6
cz = {{ length_s = 8.4e-8, amplitude_v = 0.3, rise_s = 2.0e-9, phase_rad = {{ q0 = 0.3, q1 = -1.1 }} }}
[instruments.lo_drive]
model = "rohde-schwarz-sgs100a"
address = "TCPIP::127.0.0.1::41004::SOCKET"
group = "lo"
frequency_hz = 4.9e9
power_dbm = 13.0
reference = "external"
limits = {{ power_dbm = [-20.0, 20.0], frequency_hz = [1.0e6, 12.75e9] }}
safe = {{ output = false, power_dbm = -20.0 }}
[instruments.lo_readout]
model = "rohde-schwarz-sgs100a"
address = "TCPIP::127.0.0.1::41005::SOCKET"
group = "lo"
frequency_hz = 6.95e9
power_dbm = 13.0
reference = "external"
limits = {{ power_dbm = [-20.0, 20.0], frequency_hz = [1.0e6, 12.75e9] }}
safe = {{ output = false, power_dbm = -20.0 }}
[ports."q0.drive"]
i = "{drive}:1"
q = "{drive}:2"
lo = "lo_drive"
[ports."q1.drive"]
i = "{drive}:3"
q = "{drive}:4"
lo = "lo_drive"
[ports."q1.flux"]
output = "{flux}"
[ports."q0.readout"]
feedline = "line0"
i = "{readout}:1"
q = "{readout}:2"
acquire_i = "{digitizer}:1"
acquire_q = "{digitizer}:2"
lo = "lo_readout"
[ports."q1.readout"]
feedline = "line0"
i = "{readout}:1"
q = "{readout}:2"
acquire_i = "{digitizer}:1"
acquire_q = "{digitizer}:2"
lo = "lo_readout"
"""

_UPCONVERTED = """
[ports."q0.drive"]
output = "qc0:1"
[ports."q1.drive"]
output = "qc0:2"
[ports."q1.flux"]
output = "hd0:1"
[ports."q0.readout"]
feedline = "line0"
output = "qc0:7"
acquire = "qc0:1"
[ports."q1.readout"]
feedline = "line0"
output = "qc0:7"
acquire = "qc0:1"
"""

_BOX = """
[instruments.{name}]
model = "{model}"
address = "TCPIP::127.0.0.1::{port}::SOCKET"
group = "rack"
clock_hz = {clock}
reference = "external"
{rest}
"""

_SAFE = 'safe = { outputs = "off" }'
_TRIGGERED = 'trigger = { source = "%s", line = 1 }'


def _outputs(count: int, volts: float, vpp: float) -> str:
    return "\n".join(
        f"output.{k} = {{ limits_v = [-{volts}, {volts}], amplitude_vpp = {vpp} }}" for k in range(1, count + 1)
    )


def _inputs(range_v: float) -> str:
    return f"input.1 = {{ range_v = {range_v} }}\ninput.2 = {{ range_v = {range_v} }}"


def _awg() -> str:
    by = _TRIGGERED % "trig0"
    boxes = [
        ("awg0", "tektronix-awg5014c", 1.2e9, [_SAFE, by, _outputs(4, 2.25, 1.0)]),
        ("awg1", "tektronix-awg5014c", 1.2e9, [_SAFE, by, _outputs(3, 2.25, 1.0)]),
        ("dig0", "keysight-infiniium-s", 5.0e8, [by, _inputs(0.8)]),
        ("trig0", "qctl-trigger", 1.0e8, [_SAFE, "line.1 = { width_s = 1.0e-7 }"]),
    ]
    names = {"trigger": "trig0", "drive": "awg0", "flux": "awg1:3", "readout": "awg1", "digitizer": "dig0"}
    return _PROCESSOR.format(**names) + _boxes(boxes)


def _qblox() -> str:
    by = _TRIGGERED % "qcm0"
    boxes = [
        ("qcm0", "qblox-qcm", 1.0e9, [_SAFE, "line.1 = { width_s = 1.0e-7 }", _outputs(4, 2.5, 5.0)]),
        ("qcm1", "qblox-qcm", 1.0e9, [_SAFE, by, _outputs(1, 2.5, 5.0)]),
        ("qrm0", "qblox-qrm", 1.0e9, [_SAFE, by, _outputs(2, 0.5, 1.0), _inputs(1.0)]),
    ]
    names = {"trigger": "qcm0", "drive": "qcm0", "flux": "qcm1:1", "readout": "qrm0", "digitizer": "qrm0"}
    return _PROCESSOR.format(**names) + _boxes(boxes)


def _zurich() -> str:
    wide = [f"output.{k} = {{ limits_v = [-1.0, 1.0], amplitude_vpp = 2.0, lo_hz = 4.8e9 }}" for k in (1, 2)]
    read = "output.7 = { limits_v = [-0.4, 0.4], amplitude_vpp = 0.6324555, lo_hz = 7.0e9 }"
    caught = "input.1 = { range_v = 0.6324555 }"
    boxes = [
        ("qc0", "zurich-shfqc", 2.0e9, [_SAFE, "line.1 = { width_s = 1.0e-7 }", *wide, read, caught]),
        ("hd0", "zurich-hdawg", 2.4e9, [_SAFE, _TRIGGERED % "qc0", _outputs(1, 1.0, 2.0)]),
    ]
    return (
        _PROCESSOR.format(trigger="qc0", **dict.fromkeys(("drive", "flux", "readout", "digitizer"), "")).split(
            "[instruments.lo_drive]"
        )[0]
        + _boxes(boxes)
        + _UPCONVERTED
    )


def _boxes(boxes: list[tuple[str, str, float, list[str]]]) -> str:
    return "".join(
        _BOX.format(name=name, model=model, port=41000 + k, clock=clock, rest="\n".join(rest))
        for k, (name, model, clock, rest) in enumerate(boxes)
    )


@lru_cache(maxsize=3)
def rack(kind: str) -> Lab:
    """Return the rack ``awg``, ``qblox`` or ``zurich``."""
    from qctl.lab import parse_lab

    return parse_lab({"awg": _awg, "qblox": _qblox, "zurich": _zurich}[kind]())
