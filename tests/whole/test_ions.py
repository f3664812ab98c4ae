"""Labs of trapped ions through the server: Bell and GHZ states, carrier and sideband sweeps, uploads, faults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from whole_programs import BELL

import qctl
from qctl.errors import QctlError, RequestError


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a lab of four ions, as its lab.toml describes it."""
    from whole_lab import WholeLab

    lab = WholeLab(tmp_path_factory.mktemp("ions"), "ions4", 3)
    try:
        yield lab
    finally:
        lab.end()


def test_bell_state_by_the_command_line(chain: Any, tmp_path: Path) -> None:
    file = tmp_path / "bell.qasm"
    file.write_text(BELL)
    counts = chain.run_file(file, 4000)["counts"]
    assert sum(counts.values()) == 4000
    # 5 sigma of 4,000 shots are 4 %; design values are up to 1.5 % off, pumping leaves 0.2 %.
    assert abs(counts["00"] / 4000 - 0.5) < 0.06 and abs(counts["11"] / 4000 - 0.5) < 0.06
    assert (counts.get("01", 0) + counts.get("10", 0)) / 4000 < 0.03


def test_bell_states_of_far_ions_show_their_parity(chain: Any) -> None:
    parities = []
    for phi in (0.0, np.pi / 2):
        circuit = qctl.Circuit(4)
        circuit.ms(np.pi / 2, 0.0, 0, 3)
        for q in (0, 3):
            circuit.rphi(np.pi / 2, np.pi / 4 + phi, q)
        circuit.measure_all()
        counts = chain.client.run(circuit, shots=2000).result(60).counts
        parities.append(sum(n * (-1) ** (key[0] + key[3]).count("1") for key, n in counts.items()) / 2000)
    # (|00> - i |11>) / sqrt(2) turned about phi has the parity cos or sin of 2 phi, of full contrast.
    assert abs(parities[0] - parities[1]) > 1.9 and parities[0] * parities[1] < 0


def test_four_ions_are_entangled(chain: Any) -> None:
    circuit = qctl.Circuit(4)
    circuit.h(0)
    for q in range(3):
        circuit.cx(q, q + 1)
    circuit.measure_all()
    counts = chain.client.run(circuit, shots=2000).result(60).counts
    assert (counts["0000"] + counts["1111"]) / 2000 > 0.93 and min(counts["0000"], counts["1111"]) > 850


def carrier(lengths: Any, volts: float = 0.2) -> qctl.Program:
    program = qctl.Program(["raman0.drive"], ["i0"], ["i0"])
    with program.sweep("t", np.asarray(lengths), "s") as t:
        program.play("raman0.drive", qctl.constant(t, volts))
        program.barrier()
        program.measure("i0", "i0")
    return program


def ones(result: Any, shots: int) -> np.ndarray:
    return np.array([counts.get("1", 0) / shots for counts in result.counts])


def test_carrier_rabi_oscillation_and_uploads(chain: Any) -> None:
    lengths = np.linspace(1e-6, 2e-5, 20)
    first = chain.client.run(carrier(lengths), shots=400).result(60)
    rabi_hz = 0.25 / 2.5e-6 * 0.2 / chain.truth["qubits"]["i0"]["amplitude_v"]
    np.testing.assert_allclose(ones(first, 400), np.sin(np.pi * rabi_hz * lengths) ** 2, atol=0.12)
    again = chain.client.run(carrier(lengths), shots=400).result(60)
    assert sum(again.content["uploaded_bytes"].values()) == 0
    whole = sum(first.content["uploaded_bytes"].values())
    changed = chain.client.run(carrier(lengths, 0.21), shots=400).result(60)
    assert sum(changed.content["uploaded_bytes"].values()) == whole < 6000  # a program is one object with one hash


def test_phases_of_later_points_refer_to_their_own_start(chain: Any) -> None:
    half_v = chain.truth["qubits"]["i0"]["amplitude_v"]
    phases = np.linspace(0, 2 * np.pi, 13)
    program = qctl.Program(["raman0.drive"], ["i0"], ["i0"])
    with program.sweep("phi", phases, "rad") as phi:
        program.play("raman0.drive", qctl.constant(2.5e-6, half_v))
        program.shift_phase("raman0.drive", phi)
        program.play("raman0.drive", qctl.constant(2.5e-6, half_v))
        program.barrier()
        program.measure("i0", "i0")
    found = ones(chain.client.run(program, shots=1000).result(60), 1000)
    np.testing.assert_allclose(found, np.cos(phases / 2) ** 2, atol=0.08)  # 5 sigma of 1,000 shots


def test_blue_sideband_is_where_the_trap_has_its_mode(chain: Any) -> None:
    true_hz = chain.truth["modes"]["com"]["frequency_hz"]
    offsets = true_hz + np.linspace(-2e4, 2e4, 21)
    program = qctl.Program(["raman0.drive"], ["i0"], ["i0"])
    with program.sweep("f", offsets, "Hz") as f:
        program.shift_frequency("raman0.drive", f)
        program.play("raman0.drive", qctl.constant(1e-4, 0.2))
        program.barrier()
        program.measure("i0", "i0")
    found = ones(chain.client.run(program, shots=400).result(60), 400)
    assert found[10] > 0.75 and found[[0, 1, -2, -1]].max() < 0.15


def test_photons_of_a_program_of_its_own_are_a_result(chain: Any) -> None:
    program = qctl.Program(["detect.drive", "i0.readout", "i1.readout"], ["i0", "i1"])
    program.rphi(np.pi, 0.0, 0)
    program.barrier()
    program.play("detect.drive", qctl.constant(3e-4, 0.3))
    program.capture("i0.readout", into="bright", duration_s=3e-4)
    program.capture("i1.readout", into="dark", duration_s=3e-4)
    result = chain.client.run(program, shots=500, averaged=False).result(60)
    photons = {name: np.asarray(values).real for name, values in result.iq.items()}
    assert 19 < photons["bright"].mean() < 26 and photons["dark"].mean() < 1


def test_a_weak_beam_shows_and_a_controller_that_dies_comes_back(chain: Any) -> None:
    lengths = np.array([5e-6])
    chain.fault("scale", "raman0.drive", "0.5")
    try:
        assert abs(ones(chain.client.run(carrier(lengths), shots=400).result(60), 400)[0] - 0.5) < 0.15
    finally:
        chain.clear()
    assert ones(chain.client.run(carrier(lengths), shots=400).result(60), 400)[0] > 0.95
    chain.kill("ctl0")
    with pytest.raises(QctlError):
        chain.client.run(carrier(lengths), shots=400).result(60)
    chain.all_up()
    assert ones(chain.client.run(carrier(lengths), shots=400).result(60), 400)[0] > 0.95


def test_a_tune_up_of_ions_is_refused_and_new_values_are_played(chain: Any) -> None:
    with pytest.raises(RequestError, match="qpu0 is no processor of transmons"):
        qctl.calibrate(chain.client)
    circuit = qctl.Circuit(1)
    circuit.rphi(np.pi, 0.0, 0)
    circuit.measure_all()
    half_v = chain.truth["qubits"]["i0"]["amplitude_v"] / 2
    before = chain.client.calibration("qpu0").qubits["i0"].drive.amplitude_v
    for volts, low, high in ((half_v, 0.4, 0.6), (before, 0.95, 1.0)):
        chain.client.write_snapshot("qpu0", {"qubits": {"i0": {"drive": {"amplitude_v": volts}}}})
        counts = chain.client.run(circuit, shots=1000).result(60).counts
        assert low <= counts.get("1", 0) / 1000 <= high
