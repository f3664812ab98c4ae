"""Programs of one run capture at one time, and keep what they do to qubits."""

import numpy as np

import qctl
from qctl.compiler.alignment import aligned
from qctl.compiler.pipeline import compile_program


def circuit(n):
    c = qctl.Circuit(1)
    for _ in range(n):
        c.sx(0)
        c.barrier(0)
    c.measure_all()
    return c


def test_all_programs_capture_at_the_time_of_the_latest(lab):
    timelines = [compile_program(circuit(n), lab).timeline for n in (1, 9, 4)]
    straights, parts = aligned(timelines, {}, 100)
    specs = [spec for part in parts for spec in part.captures]
    assert len({spec.start_s for spec in specs}) == 1
    assert [(spec.first_point, spec.n_points) for spec in specs] == [(0, 1), (1, 1), (2, 1)]
    assert len({int(s.captures["start"][0]) for s in straights}) == 1
    assert specs[0].start_s == int(straights[0].captures["start"][0]) / 1.2e9


def test_moved_drive_pulses_keep_their_samples(lab):
    short, long = (compile_program(circuit(n), lab).timeline for n in (2, 9))
    (moved, _), _ = aligned([short, long], {}, 1)
    before, after = short.straight().plays, moved.plays
    shift_s = (after["start"][0] - before["start"][0]) / 1.2e9
    assert shift_s > 0
    drive = before["port"] == 0
    phase = lambda p: 2 * np.pi * p["frequency_hz"] * p["start"] / 1.2e9 - p["phase_rad"]  # noqa: E731
    turned = np.remainder(phase(after[drive]) - phase(before[drive]) + np.pi, 2 * np.pi) - np.pi
    np.testing.assert_allclose(turned, 0, atol=1e-6)
    np.testing.assert_array_equal(after["phase_rad"][~drive], before["phase_rad"][~drive])


def test_late_trigger_is_part_of_the_captures_start(lab):
    timeline = compile_program(circuit(1), lab).timeline
    _, (part,) = aligned([timeline], {"dig0": 30e-9}, 1)
    assert part.captures[0].start_s == timeline.specs[0].start_s + 30e-9
