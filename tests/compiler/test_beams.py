"""Programs of neutral atoms become plays on beams at the right times, and what beams cannot do is refused by name."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import qctl
from qctl.errors import CompileError, RequestError
from qctl.lab import Lab, load_lab, parse_lab
from qctl.lowering import Ready
from qctl.lowering import compile as compile_programs

SUPPORT = Path(__file__).parents[1] / "support"


@pytest.fixture(scope="module")
def lab() -> Lab:
    return load_lab(SUPPORT / "atoms9.toml")


def global_raman() -> Lab:
    text = (SUPPORT / "atoms9.toml").read_text()
    text = re.sub(r'(wavelength_m = 7.95e-7\n)addressing = "local"\nretarget_s = 2.2e-7', r"\1", text)
    return parse_lab(text.replace('"pulser-digitalanalog"', '"pulser-mock"'))


def plays(ready: Ready, point: int = 0) -> list[tuple[str, tuple[int, ...], int, float]]:
    """Return beam, atoms, start in ns and length in ns of each play."""
    flat = ready.straights
    straight = flat[point]
    return [
        (
            straight.ports[row["port"]].name.removesuffix(".drive"),
            targets,
            int(row["start"]),
            float(straight.waveforms[row["waveform"]].duration_s) * 1e9,  # type: ignore[arg-type]
        )
        for row, targets in zip(straight.plays, flat.targets_of(point), strict=True)
    ]


def test_a_pulse_waits_until_a_local_beam_points_at_its_atom(lab: Lab) -> None:
    circuit = qctl.Circuit(2)
    circuit.sx(0)
    circuit.sx(1)
    ready = compile_programs(circuit, lab)
    assert plays(ready) == [("raman", (0,), 0, 100.0), ("raman", (1,), 220, 100.0)]


def test_a_cz_is_pi_on_the_first_two_pi_on_the_second_and_pi_on_the_first(lab: Lab) -> None:
    circuit = qctl.Circuit(2)
    circuit.cz(0, 1)
    ready = compile_programs(circuit, lab)
    assert plays(ready) == [
        ("rydberg_local", (0,), 0, 200.0),
        ("rydberg_local", (1,), 220, 400.0),
        ("rydberg_local", (0,), 620, 200.0),
    ]


def test_rz_takes_no_time_and_turns_the_axis_of_what_follows(lab: Lab) -> None:
    circuit = qctl.Circuit(1)
    circuit.sx(0)
    circuit.rz(0.3, 0)
    circuit.sx(0)
    ready = compile_programs(circuit, lab)
    straight = ready.straights[0]
    assert straight.plays["start"].tolist() == [0, 100]
    # Translated: sx rz(0.3) sx is rz(pi) sx rz(-0.3) sx rz(pi).
    assert np.diff(straight.plays["phase_rad"]) % (2 * np.pi) == pytest.approx(0.3)


def test_a_rydberg_drive_reaches_all_atoms_or_those_that_it_names(lab: Lab) -> None:
    program = qctl.Program(qubits=[f"a{k}" for k in range(9)])
    program.rydberg(1e-6, 1e6, detuning_hz=2e6)
    program.rydberg(2e-7, 2e6, qubits=[4])
    ready = compile_programs(program, lab)
    assert plays(ready) == [("rydberg", (), 0, 1000.0), ("rydberg_local", (4,), 1000, 200.0)]
    row = ready.straights[0].plays[0]
    assert row["amplitude"] == pytest.approx(0.1)
    assert row["frequency_hz"] == 2e6


def test_swept_lengths_and_drives_make_points(lab: Lab) -> None:
    program = qctl.Program(qubits=[f"a{k}" for k in range(9)])
    with program.sweep("t", [1e-7, 2e-7, 4e-7]) as t:
        program.rydberg(t, 1e6)
        program.rydberg(1e-7, 5e5)
    ready = compile_programs(program, lab)
    assert [plays(ready, k)[1][2] for k in range(3)] == [100, 200, 400]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: p.rydberg(1e-6, 3e6), "rabi_hz = 3000000 is outside \\[0, 2500000\\]"),
        (lambda p: p.rydberg(-1e-6, 1e6), "is below 0"),
        (lambda p: p.shuttle([0], [(0.0, 0.0)], 1e-4), "shuttle .* moving atoms needs tweezers"),
        (lambda p: (p.measure(0, 0), p.rydberg(1e-6, 1e6, qubits=[0])), "comes after a0 was measured"),
    ],
)
def test_what_these_beams_cant_do_is_refused_by_name(lab: Lab, make: object, words: str) -> None:
    program = qctl.Program(qubits=[f"a{k}" for k in range(9)], bits=["m"])
    make(program)  # type: ignore[operator]
    with pytest.raises(CompileError, match=words):
        compile_programs(program, lab)


def test_a_global_beam_turns_all_its_qubits_or_none() -> None:
    lab = global_raman()
    circuit = qctl.Circuit(9)
    for q in range(9):
        circuit.sx(q)
    assert plays(compile_programs(circuit, lab)) == [("raman", (), 0, 100.0)]
    circuit.sx(3)
    with pytest.raises(CompileError, match="global and turns all its qubits at once"):
        compile_programs(circuit, lab)


def test_a_beam_without_a_scale_is_refused() -> None:
    text = (SUPPORT / "atoms9.toml").read_text().replace("rabi_hz_per_v = 1.0e7\n", "", 1)
    program = qctl.Program(qubits=[f"a{k}" for k in range(9)])
    program.rydberg(1e-6, 1e6)
    with pytest.raises(RequestError, match=r"beam\.rydberg has no rabi_hz_per_v"):
        compile_programs(program, parse_lab(text))


def test_a_play_on_a_beam_takes_its_frame(lab: Lab) -> None:
    program = qctl.Program(qubits=[f"a{k}" for k in range(9)], ports=["rydberg.drive"])
    program.set_frequency("rydberg.drive", 2e6)
    program.shift_phase("rydberg.drive", 0.5)
    program.play("rydberg.drive", qctl.gaussian(400e-9, amp=0.1))
    program.delay("rydberg.drive", 100e-9)
    program.play("rydberg.drive", qctl.gaussian(400e-9, amp=0.2))
    rows = compile_programs(program, lab).straights[0].plays
    assert rows["start"].tolist() == [0, 500]
    assert rows["amplitude"].tolist() == [0.1, 0.2]
    assert rows["frequency_hz"].tolist() == [2e6, 2e6]
    assert rows["phase_rad"].tolist() == [0.5, 0.5]


def test_a_play_on_a_local_beam_is_refused(lab: Lab) -> None:
    program = qctl.Program(ports=["raman.drive"])
    program.play("raman.drive", qctl.gaussian(400e-9, amp=0.1))
    with pytest.raises(CompileError, match="a play does not say which atom it is for"):
        compile_programs(program, lab)


@pytest.mark.parametrize("drive", [lambda p: p.rydberg(1e-6, 1e6), lambda p: p.shuttle([0], [(0.0, 0.0)], 1e-4)])
def test_a_drive_of_atoms_is_refused_by_transmons(drive: object) -> None:
    program = qctl.Program(qubits=2)
    drive(program)  # type: ignore[operator]
    with pytest.raises(CompileError, match=r"\(instruction 0\) is not for this target"):
        compile_programs(program, load_lab(SUPPORT / "transmon5.toml"))
