"""What the register server gets: moves of each point, pictures in the order of results, limits at their edges."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import qctl
from qctl.errors import CompileError
from qctl.hil.labs.kinds import described, drawn
from qctl.instruments.atoms.body import AtomMove, PulserBody
from qctl.lab import Lab, load_lab, parse_lab
from qctl.lowering import compile as compile_programs

TEXT = described("atoms9", drawn("atoms9", 1), {"atoms0": "TCPIP::127.0.0.1::5040::SOCKET"})
ROOT = Path(__file__).parents[3]


def program(*bits: str) -> qctl.Program:
    return qctl.Program(qubits=[f"a{k}" for k in range(9)], bits=list(bits))


def body(p: object, lab: Lab | None = None, shots: int = 10) -> PulserBody:
    (made,) = compile_programs(p, lab or parse_lab(TEXT), shots=shots).programs  # type: ignore[arg-type]
    return PulserBody.from_bytes(made.body)


def test_moves_of_a_sweep_are_those_of_each_point() -> None:
    p = program("m")
    with p.sweep("x", [14e-6, 16e-6], "m") as x:
        p.shuttle([8], [(x, 10e-6)], 40e-6)
        p.rydberg(1e-6, 1e6, qubits=[8])
        p.measure(8, "m")
    found = body(p)
    (one,) = found.sequences
    assert one.moves == ((AtomMove(8, 0, 40_000, 14.0, 10.0),), (AtomMove(8, 0, 40_000, 16.0, 10.0),))
    assert '"op": "delay", "channel": "rydberg_local", "time": 40000' in one.text


def test_atoms_wait_for_their_own_moves_alone() -> None:
    p = program("m")
    p.shuttle([8], [(16e-6, 10e-6)], 40e-6)
    p.rydberg(1e-6, 1e6, qubits=[0])
    p.measure(0, "m")
    assert '"op": "delay"' not in body(p).sequences[0].text


def test_pictures_are_in_the_order_of_points_and_programs() -> None:
    first, second = program("m"), program("m")
    with first.sweep("t", np.array([1e-7, 2e-7]), "s") as t:
        first.rydberg(t, 1e6)
        first.measure(2, "m")
    second.measure(4, "m")
    (one,) = body([first, second]).pictures
    assert (one.port, one.slot, one.columns) == ("rydberg.drive", "m", ((0, 2), (1, 2), (2, 4)))


@pytest.mark.parametrize("model", ["pulser-analog", "pulser-digitalanalog", "pulser-mock"])
def test_devices_of_pulser_cant_move_atoms(model: str) -> None:
    text = TEXT.replace("qctl-atoms", model)
    if model == "pulser-analog":
        for port in ("rydberg_local", "raman"):
            text = text.replace(f'[ports."{port}.drive"]\noutput = "atoms0:{2 + (port == "raman")}"\n', "")
    p = program("m")
    p.shuttle([8], [(16e-6, 10e-6)], 40e-6)
    p.measure(8, "m")
    with pytest.raises(CompileError, match=r"shuttle of a8: .* of atoms0 can't move atoms"):
        body(p, parse_lab(text))


def test_limits_of_the_server_hold_at_their_edges() -> None:
    def moved(length_s: float) -> None:
        p = program("m")
        p.shuttle([8], [(10.1e-6, 10e-6)], length_s)
        p.measure(8, "m")
        body(p)

    moved(4e-4)
    with pytest.raises(CompileError, match="length on tweezers = 400001 ns is over 400000 ns"):
        moved(4.00001e-4)
    with pytest.raises(CompileError, match=r"over speed_m_per_s = 0.5 of beam tweezers"):
        moved(3e-7)
    p = program("m")
    p.measure(0, "m")
    batches = compile_programs(p, parse_lab(TEXT), shots=150_000).lowered.batches
    assert [batch.n_shots for batch in batches] == [75_000, 75_000]


def test_moves_are_written_beside_the_sequence_and_in_the_timeline(tmp_path: Path) -> None:
    p = program("m")
    p.shuttle([8], [(16e-6, 10e-6)], 40e-6)
    p.measure(8, "m")
    (tmp_path / "lab.toml").write_text(TEXT)
    (tmp_path / "p.qis").write_bytes(p.to_bytes())

    def compiled(emit: str) -> None:
        words = ["compile", "p.qis", "--emit", emit, "--out", "."]
        done = subprocess.run([sys.executable, "-m", "qctl", *words], capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr

    compiled("pulser")
    rows = json.loads((tmp_path / "p.atoms0.sequence0.moves.json").read_text())
    assert rows == {"points": [0], "moves": [[[8, 0, 40_000, 16.0, 10.0]]]}
    compiled("timeline")
    assert "tweezers.drive shuttle of a8 to (1.6e-05, 1e-05) m until 40000" in (tmp_path / "p.timeline.txt").read_text()


def pulse_of(length_ns: float) -> PulserBody:
    p = program("m")
    p.rydberg(length_ns * 1e-9, 1e6)
    p.measure(0, "m")
    return body(p, load_lab(ROOT / "tests" / "support" / "atoms9.toml"))


@pytest.mark.parametrize("length_ns", [1.0, 15.0, 17.0, 18.0, 999.0])
def test_length_off_the_clock_is_refused_and_never_rounded(length_ns: float) -> None:
    words = (
        rf"length on rydberg_global = {length_ns:.0f} ns is (not a whole multiple of 4|below 16) ns.*: lengthen it to"
    )
    with pytest.raises(CompileError, match=words):
        pulse_of(length_ns)


@pytest.mark.parametrize("length_ns", [16.0, 20.0, 20.4, 1000.0])
def test_length_on_the_clock_is_taken_as_it_is(length_ns: float) -> None:
    (one,) = pulse_of(length_ns).sequences
    numbers = [number for values in one.variables.values() for number in np.ravel(values)]
    assert f'"duration": {round(length_ns)}' in one.text or round(length_ns) in numbers
