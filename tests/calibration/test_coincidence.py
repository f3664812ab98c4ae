"""The node `delays`: its fits find the delay of pulses that an independent integration plays, to 0.1 ns."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
import qutip
from built_in_lab import lab_of

from qctl.calibration.coincidence import fit_cut, fit_dip, skewed
from qctl.lab import DrivePulse, TransmonQubit, TransmonReadout
from qctl.lab.snapshot import effective

DRIVE = DrivePulse(length_s=2e-8, sigma_s=5e-9, amplitude_v=0.16, beta_s=3.6e-10)
QUBIT = TransmonQubit(
    name="q0", frequency_hz=5e9, anharmonicity_hz=-2.2e8, t1_s=3e-5, t2_s=2e-5, drive=DRIVE,
    readout=TransmonReadout(frequency_hz=7e9, amplitude_v=0.05, length_s=1e-6),
)  # fmt: skip
STEP_S = 2.5e-10


def excited(late_s: float, moved_hz: float, until_s: float = 60e-9, turn: float = np.pi) -> float:
    """Return the excitation after two π/2 pulses from 0 on, while the qubit is moved away for their length."""
    times = np.arange(-40e-9, until_s + STEP_S / 2, STEP_S)
    bell = np.exp(-0.5 * (((times % 20e-9) - 10e-9) / 5e-9) ** 2) - np.exp(-2.0)
    bell = np.where((times >= 0) & (times < 40e-9), bell, 0.0)
    whole = 2 * (np.exp(-0.5 * (np.linspace(-2, 2, 4001)) ** 2) - np.exp(-2.0)).mean() * 20e-9
    rabi = turn * bell / whole
    away = 2 * np.pi * moved_hz * ((times >= late_s) & (times < late_s + 40e-9))
    x, z = qutip.sigmax() / 2, qutip.sigmaz() / 2
    found = qutip.sesolve(
        [[x, rabi], [z, away]], qutip.basis(2, 0), times, e_ops=[qutip.num(2)], options={"max_step": STEP_S}
    )
    return float(found.expect[0][-1])


@pytest.mark.parametrize("turn", [np.pi, 0.8 * np.pi])
def test_dip_is_centred_where_flux_and_drive_meet(turn: float) -> None:
    random = np.random.default_rng(3)
    x = np.linspace(-60e-9, 60e-9, 61)
    late_s = 3.4e-9  # the flux line is late, so its pulse must be played earlier to meet the drive
    y = np.array([excited(each + late_s, 130e6, 110e-9, turn) for each in x]) + random.normal(0, 0.01, len(x))
    fit = fit_dip(x, y, QUBIT)
    assert fit.accepted, fit.reason
    assert fit.values["centre"] == pytest.approx(-late_s, abs=1e-10)


@pytest.mark.parametrize("turn", [np.pi, 1.15 * np.pi])
def test_cut_is_where_the_measurement_begins(turn: float) -> None:
    random = np.random.default_rng(4)
    x = np.linspace(-40e-9, 80e-9, 61)
    late_s = -4.7e-9
    y = np.array([excited(1.0, 0.0, 40e-9 + late_s - each, turn) if each < 40e-9 + late_s else 0.0 for each in x])
    fit = fit_cut(x, y + random.normal(0, 0.01, len(x)), QUBIT)
    assert fit.accepted, fit.reason
    assert fit.values["late"] == pytest.approx(late_s, abs=2e-10)


def test_noise_is_no_dip() -> None:
    x = np.linspace(-60e-9, 60e-9, 61)
    assert not fit_dip(x, np.random.default_rng(5).normal(0, 1, len(x)), QUBIT).accepted


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        *((name, ["q0", "q1"]) for name in ("open-architecture", "open-architecture-scope", "open-architecture-scpi")),
        ("transmon2", []),
        ("qblox2", []),
    ],
)
def test_lines_of_other_boxes_are_measured(name: str, wanted: list[str]) -> None:
    lab = lab_of(name)
    assert skewed(lab, effective(lab, "qpu0")) == wanted


def test_measured_delays_move_the_pulses_of_their_line() -> None:
    import qctl
    from qctl.lab.snapshot import Snapshot

    lab = lab_of("open-architecture")
    values = effective(lab, "qpu0")
    late = msgspec.structs.replace(values.qubits["q0"], delays_s={"flux": 5e-9})
    p = qctl.Program(["q0.drive", "q0.flux"], ["q0"], ["q0"])
    p.delay("q0.flux", 1e-7)
    p.play("q0.flux", qctl.constant(4e-8, 0.1))
    p.barrier()
    p.measure("q0", "q0")
    starts = []
    for qubit in (values.qubits["q0"], late):
        snapshot = Snapshot(number=1, time_s=0.0, processor="qpu0", qubits={"q0": qubit})
        timeline = qctl.compile(p, lab, shots=10, snapshot=snapshot).timeline
        clocks = [float(port.rate_hz) for port in timeline.ports]
        at = {timeline.ports[one["port"]].name: one["start"] / clocks[one["port"]] for one in timeline.plays[0]}
        starts.append(at["q0.flux"] - at["q0.readout"])
    assert starts[1] - starts[0] == pytest.approx(5e-9, abs=1e-12)
