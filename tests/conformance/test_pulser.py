"""Pulser reads, samples and simulates what is compiled for neutral atoms; its limits are refused before it would."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pulser_judge as judge
import pytest
import qutip

import qctl
from qctl.errors import CompileError
from qctl.instruments.atoms.body import PulserBody
from qctl.instruments.atoms.devices import device_of
from qctl.lab import Lab, load_lab, parse_lab
from qctl.lowering import Ready
from qctl.lowering import compile as compile_programs

TOML = Path(__file__).parents[1] / "support" / "atoms9.toml"
C6 = 5420158.53
"""rad um^6 / us, of Pulser's level 70."""


def few(n: int, length: str = "8.0e-7", volts: str = "0.25", device: str = "pulser-digitalanalog") -> Lab:
    """Return the lab with its first atoms alone, and a CZ of another length."""
    names = [f"a{k}" for k in range(n)]
    kept = []
    for block in re.split(r"\n(?=\[)", TOML.read_text()):
        found = re.match(r'\[processors\.array0\.(?:qubit\.(\w+)|coupler\."(\w+)-(\w+)")\]', block)
        if found and not {name for name in found.groups() if name} <= set(names):
            continue
        kept.append(re.sub(r"qubits = \[.*?\]", f"qubits = {names}".replace("'", '"'), block))
    text = "\n".join(kept).replace("pulser-digitalanalog", device)
    given = "length_s = 8.0e-7, amplitude_v = 0.25"
    return parse_lab(text.replace(given, f"length_s = {length}, amplitude_v = {volts}"))


def body_of(ready: Ready) -> PulserBody:
    (program,) = ready.programs
    return PulserBody.from_bytes(program.body)


def ideal(gates: list[tuple[str, tuple[int, ...], tuple[float, ...]]], n: int) -> np.ndarray:
    """Return the populations after u3 and cz from all zeros, the first qubit slowest."""
    state = np.zeros((2,) * n, complex)
    state[(0,) * n] = 1
    for name, qubits, angles in gates:
        if name == "cz":
            index: list[object] = [slice(None)] * n
            for q in qubits:
                index[q] = 1
            state[tuple(index)] *= -1  # type: ignore[index]
            continue
        theta, phi, lam = angles
        matrix = np.array(
            [
                [np.cos(theta / 2), -np.exp(1j * lam) * np.sin(theta / 2)],
                [np.exp(1j * phi) * np.sin(theta / 2), np.exp(1j * (phi + lam)) * np.cos(theta / 2)],
            ]
        )
        state = np.moveaxis(np.tensordot(matrix, state, (1, qubits[0])), 0, qubits[0])
    return np.abs(state) ** 2


@pytest.mark.parametrize("seed", range(5))
def test_circuits_give_the_populations_of_their_gates(seed: int) -> None:
    # A slow CZ: a finite blockade turns the phase by about rabi^2 / (2 C6 / r^6) times its length, 0.03 rad here.
    random = np.random.default_rng(seed)
    circuit, gates = qctl.Circuit(2), []
    for _ in range(6):
        q, angles = int(random.integers(2)), tuple(random.uniform(-3, 3, 3).tolist())
        circuit.u3(*angles, q)
        gates.append(("u3", (q,), angles))
        if random.random() < 0.6:
            circuit.cz(0, 1)
            gates.append(("cz", (0, 1), ()))
    circuit.measure_all()
    state = judge.state(judge.of_point(body_of(compile_programs(circuit, few(2, "4.0e-6", "0.05"))), 0), 0.5)
    found = np.abs(state.reshape(3, 3)) ** 2  # levels r, g, h
    assert np.abs(found[1:, 1:] - ideal(gates, 2)).max() < 0.02


def test_pulser_plays_what_the_timeline_says_ns_by_ns() -> None:
    lab = load_lab(TOML)
    circuit = qctl.Circuit(9)
    for q in range(9):
        circuit.u3(0.3 + q, 0.2, 0.1, q)
    circuit.cz(0, 1)
    circuit.cz(4, 5)
    circuit.cx(1, 4)
    ready = compile_programs(circuit, lab)
    played = judge.played(judge.of_point(body_of(ready), 0))
    straight = ready.straights[0]
    names = {"rydberg.drive": "rydberg_global", "rydberg_local.drive": "rydberg_local", "raman.drive": "raman_local"}
    scales = {"raman.drive": 1e7, "rydberg_local.drive": 1e7, "rydberg.drive": 1e7}
    wanted = {name: np.zeros(20_000) for name in names.values()}
    for row in straight.plays:
        port = straight.ports[row["port"]].name
        n = round(float(straight.waveforms[row["waveform"]].duration_s) * 1e9)  # type: ignore[arg-type]
        wanted[names[port]][row["start"] : row["start"] + n] = row["amplitude"] * scales[port] * 2e-6 * np.pi
    for name, samples in played.items():
        n = len(samples["amplitude"])
        assert np.allclose(samples["amplitude"], wanted[name][:n], rtol=0, atol=1e-9)
        assert not wanted[name][n:].any()


def test_a_sweep_is_one_sequence_with_variables() -> None:
    program = qctl.Program(qubits=["a0", "a1"], bits=["m0", "m1"])
    times = [2e-7, 4e-7, 8e-7]
    with program.sweep("t", times) as t, program.sweep("d", [-1e6, 1e6]) as d:
        program.rydberg(t, 1e6, detuning_hz=d)
        program.measure(0, 0)
    body = body_of(compile_programs(program, few(2)))
    assert len(body.sequences) == 1
    (one,) = body.sequences
    assert len(one.variables) == 2
    for point in range(6):
        samples = judge.played(judge.of_point(body, point))["rydberg_global"]
        assert len(samples["amplitude"]) == round(times[point // 2] * 1e9)
        assert np.allclose(samples["detuning"], (-1, 1)[point % 2] * 2 * np.pi)


@pytest.mark.parametrize("second_hz", [0.0, 2e6])
def test_blockade_is_as_an_independent_solver_has_it(second_hz: float) -> None:
    """Two atoms 5 um apart: sqrt(2) times faster, and never both excited; the phase of the second pulse counts.

    Where drives begin, change or end, Pulser goes from one to the other within a nanosecond. Half a nanosecond of two
    blockaded atoms' sqrt(2) * 1 MHz is 0.0044 rad, 0.0022 in a population.
    """
    program = qctl.Program(qubits=["a0", "a1"], bits=["m0"])
    with program.sweep("t", np.arange(40, 800, 160) * 1e-9) as t:
        program.rydberg(t, 1e6, detuning_hz=3e5)
        program.rydberg(2e-7, second_hz, detuning_hz=-5e5, phase_rad=0.7)
        program.measure(0, 0)
    body = body_of(compile_programs(program, few(2)))
    up = qutip.basis(2, 1) * qutip.basis(2, 0).dag()
    one, excited = qutip.qeye(2), qutip.basis(2, 1) * qutip.basis(2, 1).dag()

    def hamiltonian(rabi: float, detuning: float, phase: float) -> qutip.Qobj:
        drive = 0.5 * rabi * (np.exp(1j * phase) * up + np.exp(-1j * phase) * up.dag()) - detuning * excited
        return qutip.tensor(drive, one) + qutip.tensor(one, drive) + C6 / 5**6 * qutip.tensor(excited, excited)

    for point, seconds in enumerate(np.arange(40, 800, 160) * 1e-9):
        state = qutip.basis([2, 2], [0, 0])
        for rabi_hz, detuning_hz, phase, length_s in ((1e6, 3e5, 0.0, seconds), (second_hz, -5e5, 0.7, 2e-7)):
            generator = hamiltonian(2e-6 * np.pi * rabi_hz, 2e-6 * np.pi * detuning_hz, phase)
            state = (-1j * generator * (length_s * 1e6)).expm() * state
        found = judge.state(judge.of_point(body, point))
        # Pulser has r before g.
        assert np.abs(np.abs(found) ** 2 - np.abs(state.full().ravel()[::-1]) ** 2).max() < 2.5e-3
        assert np.abs(found[0]) ** 2 < 1e-2


@pytest.mark.parametrize("device", ["pulser-analog", "pulser-digitalanalog"])
def test_at_the_limit_passes_and_above_is_refused(device: str) -> None:
    channel = device_of(device).channels[0]
    text = TOML.read_text()
    if device == "pulser-analog":
        text = re.sub(r'\[processors\.array0\.(coupler|beam)\.("?\w+-\w+"?|rydberg_local|raman)\]\n(.+\n)+', "", text)
        text = re.sub(r'\[ports\."(rydberg_local|raman)\.drive"\]\noutput = .*\n', "", text)
        text = re.sub(r"drive = .*\n|output\.[23] = .*\n", "", text)
    lab = parse_lab(text.replace("pulser-digitalanalog", device).replace("max_rabi_hz = 2.5e6", "max_rabi_hz = 1e8"))
    most_hz = channel.max_amplitude / (2e-6 * np.pi)  # type: ignore[operator]
    widest_hz = channel.max_detuning / (2e-6 * np.pi)  # type: ignore[operator]

    def compiled(length_s: float, rabi_hz: float, detuning_hz: float) -> PulserBody:
        program = qctl.Program(qubits=[f"a{k}" for k in range(9)], bits=["m"])
        program.rydberg(length_s, rabi_hz, detuning_hz=detuning_hz)
        program.measure(0, 0)
        return body_of(compile_programs(program, lab))

    judge.of_point(compiled(16e-9, most_hz, widest_hz), 0)
    with pytest.raises(CompileError, match=r"Rabi frequency of .* is over"):
        compiled(16e-9, most_hz * 1.001, 0.0)
    with pytest.raises(CompileError, match=r"detuning of .* is over"):
        compiled(16e-9, 1e6, -widest_hz * 1.001)
    with pytest.raises(CompileError, match="length on rydberg_global = 12 ns is below 16 ns"):
        compiled(12e-9, 1e6, 0.0)
    if device == "pulser-analog":
        judge.of_point(compiled(6e-6, 1e5, 0.0), 0)
        with pytest.raises(CompileError, match="ns of a sequence"):
            compiled(6.004e-6, 1e5, 0.0)
