"""Records become IQ values and counts: phases refer to the trigger, windows move with the sweep, batches add up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qctl.errors import InternalError
from qctl.lowering import Part
from qctl.program.conditions import Condition
from qctl.program.tables import Sweep
from qctl.program.timeline import CaptureSpec
from qctl.server.orders import BatchOrder, TracePart
from qctl.server.prepare import Prepared, Window
from qctl.server.reduce import Reduction

RATE_HZ, DELAY_S, VOLTS = 5e8, 2e-7, 1e-5
WINDOWS = {"dig0": Window(DELAY_S, (3, 1))}


def spec(**change) -> CaptureSpec:
    wish = {"inputs": (3, 1), "if_hz": 35e6, "start_s": 3e-7, "length_s": 4e-7, "n_points": 4} | change
    return CaptureSpec("q0.readout", "q0", "m", 0, "dig0", **wish)


def prepared(capture: CaptureSpec, n_shots: int, *batches: BatchOrder) -> Prepared:
    axes = (Sweep("amp", np.arange(4.0)),) if capture.n_points > 1 else ()
    part = Part(0, capture.n_points, axes, ("c",), (capture,), n_shots)
    return Prepared(batches, tuple(WINDOWS for _ in batches), (part,), (), ({},), {})


def batch(n_points: int = 4, first: int = 0, n_shots: int = 1, averaged: bool = False) -> BatchOrder:
    return BatchOrder((), n_points, first, n_shots, averaged, 1e-6)


def tone(amplitudes: np.ndarray, if_hz: float = 35e6, second: bool = True) -> np.ndarray:
    """Return volts of (n_points, n_records, 2, 400): a tone whose phase is counted from the trigger."""
    times_s = DELAY_S + np.arange(400) / RATE_HZ
    wave = amplitudes[..., None] * np.exp(2j * np.pi * if_hz * times_s)
    return np.stack([wave.real, wave.imag if second else 0 * wave.imag], axis=2)


def trace(path: Path, volts: np.ndarray, n_averaged: int = 1) -> tuple[TracePart, ...]:
    codes = np.round(volts / VOLTS).astype(np.int16)
    codes.tofile(path)
    return (TracePart("dig0", str(path), codes.shape, (VOLTS, VOLTS), (0.0, 0.0), RATE_HZ, n_averaged),)


@pytest.fixture
def amplitudes() -> np.ndarray:
    rng = np.random.default_rng(5)
    return 0.1 * (rng.normal(size=(4, 6)) + 1j * rng.normal(size=(4, 6)))


def test_tone_gives_its_complex_amplitude(tmp_path: Path, amplitudes: np.ndarray) -> None:
    order = batch(n_shots=6)
    reduction = Reduction(prepared(spec(), 6, order), False)
    reduction.take(order, WINDOWS, trace(tmp_path / "r", tone(amplitudes)), 4)
    _, arrays = reduction.results()
    np.testing.assert_allclose(arrays[(0, "iq", "m")], amplitudes.T, atol=VOLTS)
    assert not (tmp_path / "r").exists()


def test_one_input_gives_the_same_amplitude(tmp_path: Path, amplitudes: np.ndarray) -> None:
    order = batch(n_shots=6)
    reduction = Reduction(prepared(spec(inputs=(3,)), 6, order), False)
    reduction.take(order, WINDOWS, trace(tmp_path / "r", tone(amplitudes, second=False)), 4)
    _, arrays = reduction.results()
    np.testing.assert_allclose(arrays[(0, "iq", "m")], amplitudes.T, atol=2 * VOLTS)


def test_window_that_moves_keeps_its_phase(tmp_path: Path, amplitudes: np.ndarray) -> None:
    order = batch(n_shots=6)
    moving = spec(starts_s=3e-7 + np.array([0, 14e-9, 100e-9, 202e-9]))
    reduction = Reduction(prepared(moving, 6, order), False)
    reduction.take(order, WINDOWS, trace(tmp_path / "r", tone(amplitudes)), 4)
    _, arrays = reduction.results()
    np.testing.assert_allclose(arrays[(0, "iq", "m")], amplitudes.T, atol=VOLTS)


def test_averaged_batches_are_weighed_by_their_shots(tmp_path: Path) -> None:
    first, second = batch(n_shots=100, averaged=True), batch(n_shots=300, averaged=True)
    reduction = Reduction(prepared(spec(), 400, first, second), False)
    reduction.take(first, WINDOWS, trace(tmp_path / "a", tone(np.full((4, 1), 0.1 + 0j)), 100), 4)
    reduction.take(second, WINDOWS, trace(tmp_path / "b", tone(np.full((4, 1), 0.2 + 0j)), 300), 4)
    programs, arrays = reduction.results()
    assert arrays[(0, "iq", "m")].shape == (4,)
    np.testing.assert_allclose(arrays[(0, "iq", "m")], 0.175, atol=VOLTS)
    assert programs[0]["shots_done"] == 400


def test_averaged_records_of_batches_are_weighed_by_their_shots(tmp_path: Path) -> None:
    first, second = batch(n_shots=100, averaged=True), batch(3, n_shots=300, averaged=True)
    reduction = Reduction(prepared(spec(), 400, first, second), True)
    volts = [tone(np.full((n_points, 1), amplitude + 0j)) for n_points, amplitude in ((4, 0.1), (3, 0.2))]
    reduction.take(first, WINDOWS, trace(tmp_path / "a", volts[0], 100), 3)
    reduction.take(second, WINDOWS, trace(tmp_path / "b", volts[1], 300), 3)
    records = reduction.results()[1][(0, "records", "dig0")]
    assert records.shape == (4, 2, 400) and records.dtype == np.float32
    np.testing.assert_allclose(records[:3], 1.75 * volts[0][:3, 0], atol=VOLTS)
    assert np.isnan(records[3]).all()


def test_states_are_told_apart_by_angle_and_threshold(tmp_path: Path) -> None:
    order = batch(1, n_shots=4)
    points = np.array([[1, 3, 3, 1]]) * 0.05 * np.exp(0.4j)
    reduction = Reduction(prepared(spec(n_points=1, angle_rad=0.4, threshold=0.1), 4, order), False)
    reduction.take(order, WINDOWS, trace(tmp_path / "r", tone(points)), 1)
    assert reduction.results()[0][0]["counts"] == {"0": 2, "1": 2}


def test_unfinished_points_are_nan_and_not_counted(tmp_path: Path, amplitudes: np.ndarray) -> None:
    order = batch(n_shots=6)
    reduction = Reduction(prepared(spec(), 6, order), False)
    reduction.take(order, WINDOWS, trace(tmp_path / "r", tone(amplitudes)), 2)
    programs, arrays = reduction.results()
    assert np.isfinite(arrays[(0, "iq", "m")][:, :2]).all() and np.isnan(arrays[(0, "iq", "m")][:, 2:]).all()
    assert [sum(counts.values()) for counts in programs[0]["counts"]] == [6, 6, 0, 0]


def test_weights_are_spread_over_the_length(tmp_path: Path) -> None:
    order = batch(1)
    weights = np.array([0, 1, 1, 0], complex)
    reduction = Reduction(prepared(spec(n_points=1, weights=weights, if_hz=0.0), 1, order), False)
    volts = tone(np.full((1, 1), 0.1 + 0j), if_hz=0.0)
    volts[..., :100] = 0.3
    reduction.take(order, WINDOWS, trace(tmp_path / "r", volts), 1)
    assert abs(reduction.results()[1][(0, "iq", "m")][0] - 0.1) < VOLTS


def test_capture_outside_the_record_is_a_bug_that_is_told(tmp_path: Path) -> None:
    order = batch(1)
    reduction = Reduction(prepared(spec(n_points=1, start_s=1e-7), 1, order), False)
    with pytest.raises(InternalError, match="outside the record of dig0"):
        reduction.take(order, WINDOWS, trace(tmp_path / "r", tone(np.ones((1, 1)) * 0.1 + 0j)), 1)


def test_result_says_what_the_states_of_each_slot_look_like(tmp_path: Path) -> None:
    order = batch(n_shots=1, averaged=True)
    reduction = Reduction(prepared(spec(center0=1 + 2j, n_points=4), 1, order), False)
    reduction.take(order, WINDOWS, trace(tmp_path / "r", tone(np.full((4, 1), 0.1 + 0j))), 4)
    programs, _ = reduction.results()
    assert programs[0]["readout"] == {"m": {"qubit": "q0", "center0_v": [1.0, 2.0], "center1_v": None}}


def test_bit_takes_a_result_only_in_shots_that_keep_it(tmp_path: Path) -> None:
    first, second = (spec(n_points=1, start_s=at, threshold=0.0) for at in (2.2e-7, 5.2e-7))
    second = replace(second, keeps=Condition((0,), 0b10))
    part = Part(0, 1, (), ("c",), (replace(first, length_s=2.8e-7), replace(second, length_s=2.8e-7)), 4)
    order = batch(1, n_shots=4)
    reduction = Reduction(Prepared((order,), (WINDOWS,), (part,), (), ({},), {}), False)
    volts = np.zeros((1, 4, 2, 400))
    times_s = DELAY_S + np.arange(400) / RATE_HZ
    for shot, (a, b) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        height = np.where(times_s < 5.1e-7, 2 * a - 1, 2 * b - 1) * 0.1
        wave = height * np.exp(2j * np.pi * 35e6 * times_s)
        volts[0, shot] = wave.real, wave.imag
    reduction.take(order, WINDOWS, trace(tmp_path / "r", volts), 1)
    programs, _ = reduction.results()
    assert programs[0]["counts"] == {"0": 3, "1": 1}
