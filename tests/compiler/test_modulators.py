"""Light behind modulators: samples of a generator, demodulated by scipy, are the pulses and paths that were asked."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.signal import hilbert

import qctl
from qctl.errors import CompileError
from qctl.instruments.tektronix_awg5014.body import AwgBody
from qctl.lab import Lab, load_lab, parse_lab
from qctl.lowering import Ready
from qctl.lowering import compile as compile_programs
from qctl.program.sampling import envelope_samples
from qctl.units import rational_hz

ROOT = Path(__file__).parents[2]
TOML = ROOT / "docs" / "examples" / "atoms_rf.toml"
RATE_HZ = 1.2e9
CODE_ZERO = 8191


def lab(**changes: str) -> Lab:
    text = TOML.read_text()
    for old, new in changes.items():
        assert old.replace("__", " = ") in text, old
        text = text.replace(old.replace("__", " = "), new)
    return parse_lab(text)


def volts(ready: Ready, output: int, point: int = 0) -> np.ndarray[Any, Any]:
    """Return what an output plays, in volts; silence that is looped is spelled out."""
    (program,) = [one for one in ready.programs if one.model == "tektronix-awg5014c"]
    body = AwgBody.from_bytes(program.body)
    steps = body.points[min(point, len(body.points) - 1)]
    parts = [np.tile(program.blobs[step.waveforms[output]].astype(float), step.n_loops) for step in steps]
    codes = np.concatenate(parts)
    channel = body.channels[output]
    return (codes - CODE_ZERO) / CODE_ZERO * channel.amplitude_vpp / 2 + channel.offset_v


def program() -> qctl.Program:
    return qctl.Program(qubits=["a0", "a1", "a2"], ports=["rydberg.drive"])


def test_pulse_is_the_inverse_of_the_diffraction_at_the_centre_frequency() -> None:
    p = program()
    p.set_frequency("rydberg.drive", 3e6)
    p.shift_phase("rydberg.drive", 0.7)
    p.play("rydberg.drive", qctl.gaussian(1.5e-6, amp=0.2))
    signal = volts(compile_programs(p, lab()), 1)[:1800]
    analytic = hilbert(signal)
    times = (np.arange(1800) + 0.5) / RATE_HZ  # a sample is what it is in the middle of its time
    field = np.sin(np.pi / 2 * np.abs(analytic) / 0.4)  # of full_rabi_hz, 2.5 MHz
    shape = qctl.gaussian(1.5e-6, amp=0.2)
    wanted = 0.2 * 1e7 / 2.5e6 * envelope_samples(shape, rational_hz(RATE_HZ)).real
    inner = slice(150, -150)
    np.testing.assert_allclose(field[inner], wanted[inner], atol=4e-3)
    phase = np.unwrap(np.angle(analytic)) - 2 * np.pi * 83e6 * times
    np.testing.assert_allclose(np.exp(1j * (phase[inner] + 0.7)), 1.0, atol=8e-3)


def test_tones_of_tweezers_follow_the_path() -> None:
    """One atom goes 20 um in x and 8 um in y in 60 us: frequencies at each instant are those of its places."""
    p = program()
    p.shuttle([2], [(35e-6, 8e-6)], 60e-6)
    ready = compile_programs(p, lab())
    n = round(60e-6 * RATE_HZ)
    s = (np.arange(n) + 0.5) / n
    along = 10 * s**3 - 15 * s**4 + 6 * s**5
    for output, start_m, goal_m in ((2, 15e-6, 35e-6), (3, 0.0, 8e-6)):
        signal = volts(ready, output)[:n]
        phase = np.unwrap(np.angle(hilbert(signal)))
        frequency = np.diff(phase) * RATE_HZ / (2 * np.pi)
        smooth = np.convolve(frequency, np.ones(601) / 601, "valid")
        wanted_hz = 1e8 + 5e11 * (start_m + along * (goal_m - start_m))
        inner = slice(3000, -3000)
        assert np.abs(smooth[inner] - wanted_hz[300:-300][: len(smooth)][inner]).max() < 2e3  # 4 nm
        # The phase is continuous: no step between samples turns by more than the highest frequency does.
        assert np.abs(np.diff(phase)).max() < 2 * np.pi * 1.3e8 / RATE_HZ
        assert np.abs(signal).max() <= 0.1 * (1 + 1e-3)


def test_a_tone_that_goes_on_keeps_its_phase() -> None:
    p = program()
    p.shuttle([2], [(20e-6, 0.0)], 20e-6)
    p.shuttle([2], [(20e-6, 6e-6)], 30e-6)
    ready = compile_programs(p, lab())
    for output in (2, 3):
        phase = np.unwrap(np.angle(hilbert(volts(ready, output)[: round(50e-6 * RATE_HZ)])))
        # 14 bits of a volt leave 0.3 mrad of noise on 0.1 V; a step would be radians.
        assert np.abs(np.diff(phase, 2))[100:-100].max() < 5e-3


def test_a_row_moves_at_once_with_phases_of_low_crest() -> None:
    p = program()
    p.shuttle([0, 1, 2], [(0.0, 10e-6), (5e-6, 10e-6), (10e-6, 10e-6)], 60e-6)
    text = TOML.read_text().replace("position_m = [1.5e-5", "position_m = [1.2e-5")
    ready = compile_programs(p, parse_lab(text))
    rows, column = volts(ready, 2)[:72_000], volts(ready, 3)[:72_000]
    assert 0.2 < np.abs(rows).max() < 0.3  # of three tones of 0.1 V
    assert np.abs(column).max() <= 0.1 * (1 + 1e-3)
    spectrum = np.abs(np.fft.rfft(rows[:12_000] * np.hanning(12_000)))
    peaks = np.fft.rfftfreq(12_000, 1 / RATE_HZ)[spectrum > 0.3 * spectrum.max()]
    for hz in (1e8, 1e8 + 5e11 * 5e-6, 1e8 + 5e11 * 12e-6):
        assert np.abs(peaks - hz).min() < 2e5


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: p.rydberg(1e-6, 2.6e6), r"rabi_hz = 2600000 is outside"),
        (lambda p: p.play("rydberg.drive", qctl.constant(1e-6, amp=0.26)), "is over full_rabi_hz = 2.5e"),
        (lambda p: p.rydberg(2e-8, 1e6), r"under rise_s = 3e-08 of the AOM of beam rydberg"),
        (lambda p: p.shuttle([2], [(90e-6, 0.0)], 1e-3), r"1.45e\+08 Hz on beam tweezers_x is outside band_hz"),
        (lambda p: p.shuttle([2], [(35e-6, 0.0)], 2e-5), r"as fast as 1.875 m/s, over speed_m_per_s = 1 of beam"),
        (lambda p: p.shuttle([2], [(6e-6, 0.0)], 1e-4), r"a2 comes as close as 1e-06 m to a1, under"),
        (lambda p: p.shuttle([2], [(-10e-6, 0.0)], 1e-4), r"a2 comes as close as 0 m to a\d, under"),
        (lambda p: p.shuttle([0, 2], [(0.0, 9e-6), (25e-6, 20e-6)], 1e-4), "are one row or one column"),
        (lambda p: p.shuttle([2], [(35e-6, 0.0)], 0.0), "is not above 0|below 0"),
    ],
)
def test_what_modulators_cant_do_is_refused_by_name(make: Any, words: str) -> None:
    p = program()
    make(p)
    with pytest.raises(CompileError, match=words):
        compile_programs(p, lab())


def test_example_draws_the_tones(tmp_path: Path) -> None:
    spec = spec_from_file_location("atoms_example", TOML.with_name("atoms.py"))
    assert spec is not None and spec.loader is not None
    example = module_from_spec(spec)
    spec.loader.exec_module(example)
    example.draw_tones(tmp_path / "tones.png")
    assert (tmp_path / "tones.png").read_bytes().startswith(b"\x89PNG")


def test_rack_without_a_camera_measures_nothing() -> None:
    p = qctl.Program(qubits=["a0"], bits=["m"])
    p.rydberg(1e-6, 1e6)
    p.measure(0, "m")
    with pytest.raises(CompileError, match="awg0 plays the light and takes no pictures"):
        compile_programs(p, lab())


def test_atoms_stay_where_no_tweezers_are() -> None:
    p = qctl.Program(qubits=["a0"])
    p.shuttle([0], [(20e-6, 0.0)], 1e-3)
    with pytest.raises(CompileError, match='needs tweezers, a beam with purpose = "trap"'):
        compile_programs(p, load_lab(ROOT / "tests" / "support" / "atoms9.toml"))
