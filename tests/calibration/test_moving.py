"""Values that move between racks: angles as an integration of held samples gives them, the rest as it was."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
import qutip
from built_in_lab import lab_of

from qctl.calibration.moving import held_gain, move, pulse_gain
from qctl.errors import RequestError
from qctl.lab import DrivePulse, FluxLine
from qctl.lab.snapshot import effective

PULSE = DrivePulse(length_s=2e-8, sigma_s=5e-9, amplitude_v=0.16)


def angle(peak: float, offset_hz: float, clock_hz: float) -> float:
    """Return the rotation that held samples of a pulse make, by integration in steps of 1/20 of a sample."""
    n = round(PULSE.length_s * clock_hz)
    centre = (np.arange(n) + 0.5) / clock_hz
    bell = np.exp(-0.5 * ((centre - 1e-8) / 5e-9) ** 2) - np.exp(-2.0)
    held = np.repeat(peak * bell * np.exp(-2j * np.pi * offset_hz * centre), 20)
    step_s = 1 / clock_hz / 20
    times = (np.arange(held.size) + 0.5) * step_s
    wave = held * np.exp(2j * np.pi * offset_hz * times)
    state = qutip.basis(2, 0)
    for one in wave:
        h = 0.5 * (np.conj(one) * qutip.sigmap() + one * qutip.sigmam())
        state = (-1j * h * step_s).expm() * state
    return float(2 * np.arcsin(np.sqrt(qutip.expect(qutip.num(2), state))))


@pytest.mark.parametrize("offset_hz", [0.0, 1.2e8, -3.7e8])
def test_translated_peak_makes_the_same_angle(offset_hz: float) -> None:
    peaks = [7e7 / pulse_gain(PULSE, offset_hz, clock_hz) for clock_hz in (1e9, 1.2e9)]
    first, second = (angle(peak, offset_hz, clock_hz) for peak, clock_hz in zip(peaks, (1e9, 1.2e9), strict=True))
    assert first == pytest.approx(second, rel=1e-3)


def test_held_samples_lose_what_the_book_says() -> None:
    assert held_gain(0.0, 1e9) == 1.0
    assert held_gain(5e8, 1e9) == pytest.approx(2 / np.pi)  # at half the rate, 3.92 dB


def test_physical_values_stay_and_those_of_boxes_are_named() -> None:
    mixed, scpi = lab_of("open-architecture-scope"), lab_of("open-architecture-scpi")
    values = effective(mixed, "qpu0")
    found = move(values, mixed, scpi, "qpu0")
    for name, qubit in values.qubits.items():
        moved = found.values["qubits"][name]
        assert moved["frequency_hz"] == qubit.frequency_hz and moved["t1_s"] == qubit.t1_s
        ratio = moved["drive"]["amplitude_v"] / qubit.drive.amplitude_v
        offset_hz = qubit.frequency_hz - 5.1e9
        assert ratio == pytest.approx(np.sinc(offset_hz / 1e9) / np.sinc(offset_hz / 1.2e9), rel=1e-3)
        assert moved["readout"]["angle_rad"] == qubit.readout.angle_rad  # the readout's boxes are the same
        assert "delays_s" not in moved
    assert found.values["couplers"]["q0-q1"]["cz"]["amplitude_v"] == values.couplers["q0-q1"].cz.amplitude_v
    assert [line for line in found.left_out if "node delays" in line] and not [
        line for line in found.left_out if "readout" in line.partition(":")[0]
    ]


def test_other_readout_boxes_have_to_be_measured() -> None:
    found = move(effective(lab_of("open-architecture"), "qpu0"), lab_of("open-architecture"), lab_of("qblox2"), "qpu0")
    assert "angle_rad" not in found.values["qubits"]["q0"]["readout"]
    assert any(line.startswith("q0 readout: where its states lie") for line in found.left_out)
    # 85 ns are whole nanoseconds, but no whole samples of 1.2 GSa/s.
    assert found.values["couplers"]["q0-q1"]["cz"]["length_s"] == pytest.approx(8.5e-8)


def test_other_qubits_are_refused() -> None:
    with pytest.raises(RequestError, match="qpu0 has no qubit q2"):
        move(effective(lab_of("transmon5"), "qpu0"), lab_of("transmon5"), lab_of("transmon2"), "qpu0")


def test_bias_moves_between_sources_of_one_kind_and_is_named_between_others() -> None:
    volts, amps = lab_of("transmon2"), lab_of("spi2")
    values = effective(volts, "qpu0")
    qubits = {
        name: msgspec.structs.replace(qubit, flux=FluxLine(offset_v=0.125)) for name, qubit in values.qubits.items()
    }
    found = move(msgspec.structs.replace(values, qubits=qubits), volts, amps, "qpu0")
    assert found.values["qubits"]["q0"]["flux"] == {"offset_v": 0.125}
    assert "flux" not in found.values["qubits"]["q1"]
    assert any(
        line.startswith("q1 flux: its static bias, a voltage that is a current there") for line in found.left_out
    )
    back = {"q1": msgspec.structs.replace(qubits["q1"], flux=FluxLine(offset_a=1e-4))}
    held = move(msgspec.structs.replace(values, qubits=qubits | back), amps, amps, "qpu0")
    assert held.values["qubits"]["q1"]["flux"] == {"offset_v": 0.0, "offset_a": 1e-4}
