"""Transmons that are driven after they were measured go on from what was found; the judge is QuTiP."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import qutip

from qctl.hil.labs.draw import LO_DRIVE_HZ, draw_lab
from qctl.hil.physics.evolution import Evolution
from qctl.hil.physics.lines import Lines, Run
from qctl.hil.physics.readout import Window
from qctl.hil.physics.shots import average_along, shots_along
from qctl.hil.physics.stages import Stages, clipped, cuts_of, plan_of
from qctl.hil.physics.sums import Weighing

RATE_HZ, N_SHOTS = 1.2e9, 40_000
READS, PULSES = (120, 1400), (40, 1300)
"""First samples of readouts of 1,000 samples, and of drive pulses of 60."""
TRUTH = draw_lab("transmon1", 5).processor
ONE = TRUTH.transmons[0]
WINDOW = Window(READS[0] / RATE_HZ, 5e8, 1000)


def volts_of(start, turn):
    """Return a pulse on resonance that turns by an angle."""
    k = np.arange(60)
    shape = np.sin(np.pi * (k + 0.5) / 60) ** 2
    height = turn / (2 * np.pi * ONE.drive_hz_per_v * shape.sum() / RATE_HZ)
    return height * shape * np.exp(2j * np.pi * (ONE.frequency_hz - LO_DRIVE_HZ) * (start + k) / RATE_HZ)


def lines_of(turns, pulses=PULSES, reads=READS):
    """Return a shot that turns before each of its readouts."""
    tone_hz = float(np.mean(ONE.resonator.frequency_hz[:2])) - 7.07e9
    read = [0.05 * np.exp(2j * np.pi * tone_hz * (start + np.arange(1000)) / RATE_HZ) for start in reads]
    drive = tuple(Run(start, volts_of(start, turn)) for start, turn in zip(pulses, turns, strict=True))
    readout = tuple(Run(start, volts) for start, volts in zip(reads, read, strict=True))
    return Lines(RATE_HZ, (drive,), (LO_DRIVE_HZ,), ((),), (0.0,), readout, 7.07e9)


def collapse():
    """Return QuTiP's collapse operators of T1 at a temperature, and T2."""
    a = qutip.destroy(3)
    down = 1 / ONE.t1_s / (1 + ONE.thermal)
    up = ONE.thermal * down
    return [np.sqrt(down) * a, np.sqrt(up) * a.dag(), np.sqrt(2 * (1 / ONE.t2_s - (down + 3 * up) / 2)) * a.dag() * a]


def evolved(rho, drive, start, stop):
    """Return QuTiP's state after the samples of a drive line from `start` to `stop`."""
    volts = np.zeros(stop - start, complex)
    for run in drive:
        low, high = max(run.start, start), min(run.stop, stop)
        if low < high:
            volts[low - start : high - start] = run.volts[low - run.start : high - run.start]
    a = qutip.destroy(3)
    omega = np.append(2 * np.pi * ONE.drive_hz_per_v * volts.conj(), 0)
    times = np.arange(omega.size) / RATE_HZ
    n = a.dag() * a
    h0 = 2 * np.pi * (ONE.frequency_hz - LO_DRIVE_HZ) * n + np.pi * ONE.anharmonicity_hz * n * (n - 1)
    h = [
        h0,
        [a.dag() / 2, qutip.coefficient(omega, tlist=times, order=0)],
        [a / 2, qutip.coefficient(omega.conj(), tlist=times, order=0)],
    ]
    options = {"atol": 1e-9, "rtol": 1e-9, "max_step": 1 / RATE_HZ, "nsteps": 10**6}
    return qutip.mesolve(h, rho, times, c_ops=collapse(), options=options).states[-1]


def judged(turns, begins):
    """Return how often both measurements find each pair of levels, (3, 3), by projecting QuTiP's states."""
    drive = lines_of(turns).drive[0]
    weights = ONE.thermal ** np.arange(3)
    start = qutip.Qobj(np.diag(weights / weights.sum()))
    first = np.diag(evolved(start, drive, 0, begins[0]).full()).real
    found = np.zeros((3, 3))
    for level in range(3):
        left = evolved(qutip.fock_dm(3, level), (), begins[0], READS[0] + 1000)
        left = qutip.Qobj(np.diag(np.diag(left.full())))
        after = evolved(left, drive, READS[0] + 1000, begins[1])
        found[level] = first[level] * np.diag(after.full()).real
    return found


def levels_of(paths):
    """Return the level in which a measurement began, by the path that it took."""
    before = np.array([0, 1, 2, *np.repeat([1, 2, 0], 32)])
    return before[paths[:, 0]]


@pytest.mark.parametrize("turns", [(np.pi, np.pi), (np.pi / 2, np.pi / 2), (0.0, np.pi / 3)])
def test_pairs_of_results_are_those_of_projected_states(turns):
    plan = plan_of(TRUTH, lines_of(turns), WINDOW)
    assert plan.ends_s[0] == (READS[0] + 1000) / RATE_HZ
    ways = Stages(Evolution(TRUTH)).draw("", plan, N_SHOTS, np.random.default_rng(1))
    first, second = (levels_of(paths) for _, paths in ways)
    begins = [round(float(answer.start_s[0]) * RATE_HZ) for answer in plan.answers]
    wanted = judged(turns, begins)
    found = np.histogram2d(first, second, bins=np.arange(4))[0] / N_SHOTS
    # 5 sigma of the shots; a measurement has at most one jump, which leaves out less than 1e-3.
    assert (np.abs(found - wanted) < 5 * np.sqrt(wanted / N_SHOTS) + 1e-3).all(), (found, wanted)


def test_records_averages_and_sums_of_a_shot_in_stages_agree():
    plan = plan_of(TRUTH, lines_of((np.pi, np.pi)), WINDOW)
    ways = Stages(Evolution(TRUTH)).draw("", plan, 2000, np.random.default_rng(2))
    records = shots_along(ways, ("i", "q"), np.random.default_rng(3))
    mean = average_along(ways, ("i", "q"), np.random.default_rng(4))
    noise = TRUTH.noise_v / np.sqrt(2000)
    assert np.abs(records.mean(axis=0) - mean[0]).max() < 8 * noise
    weights = np.zeros((2, 2, 1000))
    weights[0, 0, :420], weights[1, 0, 560:] = 1 / 420, 1 / 440
    sums = sum(Weighing(answer, ("i", "q"), weights).mean(paths) for answer, paths in ways)
    np.testing.assert_allclose(sums, np.einsum("kin,sin->sk", weights, records), atol=8 * TRUTH.noise_v / np.sqrt(420))
    # Up in the first part of the record, down in the second one: not one level for both.
    volts = mean[0, 0] + 1j * mean[0, 1]
    for answer, level, part in zip(plan.answers, (1, 0), (slice(100, 420), slice(660, 1000)), strict=True):
        own, other = (np.abs(volts[part] - answer.base[0, k, part]).mean() for k in (level, 1 - level))
        assert own < 0.4 * other


def test_only_what_is_played_between_two_readouts_cuts_a_shot():
    assert cuts_of(lines_of((1.0, 1.0))) == (1120,)
    assert cuts_of(lines_of((1.0, 1.0), (10, 60))) == ()
    assert cuts_of(lines_of((1.0, 1.0), (10, 2500))) == ()
    two = lines_of((1.0, 1.0))
    volts = np.zeros(2280, complex)
    volts[:1000], volts[1280:] = (run.volts for run in two.readout)
    assert cuts_of(replace(two, readout=(Run(120, volts),))) == (1120,)
    steady = Run(0, np.full(3000, 0.1 + 0j))
    assert cuts_of(replace(two, drive=((steady,),))) == ()


def test_clipped_lines_keep_their_samples_in_place():
    whole = lines_of((1.0, 1.0))
    part = clipped(whole, 70, 1310)
    (first, second) = part.drive[0]
    assert (first.start, first.stop, second.start, second.stop) == (70, 100, 1300, 1310)
    np.testing.assert_array_equal(first.volts, whole.drive[0][0].volts[30:])
    assert [run.start for run in part.readout] == [120]
