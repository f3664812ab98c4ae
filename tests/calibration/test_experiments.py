"""Experiments name only ports that a laboratory has."""

from __future__ import annotations

import numpy as np
import pytest

from qctl.calibration import experiments
from qctl.calibration.coincidence import readout_meets_drive
from qctl.hil.labs.kinds import boxes_of, described, drawn
from qctl.lab import TransmonQubit, parse_lab
from qctl.lab.snapshot import effective


@pytest.mark.parametrize("name", ["transmon1", "mixed1", "transmon2", "open-architecture"])
def test_experiments_use_ports_that_are_there(name: str) -> None:
    file = drawn(name, 1)
    address = {"fridge": "http://127.0.0.1:49099", "zds0": "zhinst-emulated://127.0.0.1:49098"}
    sockets = {box: f"TCPIP::127.0.0.1::{5000 + 40 * k}::SOCKET" for k, box in enumerate(boxes_of(file))}
    boxes = {box: address.get(box, sockets[box]) for box in sockets}
    lab = parse_lab(described(name, file, boxes))
    values = effective(lab, "qpu0" if "qpu0" in lab.processors else next(iter(lab.processors)), None)
    qubit = values.qubits["q0"]
    assert isinstance(qubit, TransmonQubit)
    factors = np.linspace(0.8, 1.2, 3)
    for program in (experiments.rabi(values, ["q0"], factors), readout_meets_drive(qubit, np.zeros(2))):
        assert {port.name for port in program.body.ports} <= set(lab.ports)
