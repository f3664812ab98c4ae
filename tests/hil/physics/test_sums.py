"""Weighed sums of single shots are distributed as those of their records are, noise and jumps included."""

from __future__ import annotations

import numpy as np

from qctl.hil.labs.draw import LO_READOUT_HZ, draw_lab
from qctl.hil.labs.truth import READOUT_V, readout_hz
from qctl.hil.physics.lines import Lines, Run
from qctl.hil.physics.readout import Window, answer_readout
from qctl.hil.physics.shots import draw_shots
from qctl.hil.physics.sums import NOISE_RATE_HZ, Weighing

N_SHOTS, N_SAMPLES = 4000, 500


def readout(processor):
    times = np.arange(1200) / 1.2e9
    volts = sum(READOUT_V * np.exp(2j * np.pi * (readout_hz(t) - LO_READOUT_HZ) * times) for t in processor.transmons)
    n = len(processor.transmons)
    silent = ((),) * n
    lines = Lines(1.2e9, silent, (5.1e9,) * n, silent, (0.0,) * n, (Run(0, volts),), LO_READOUT_HZ)
    return answer_readout(processor, lines, Window(1e-7, NOISE_RATE_HZ, N_SAMPLES))


def test_sums_are_distributed_as_sums_of_records():
    processor = draw_lab("transmon2", 3).processor
    answer = readout(processor)
    groups = [((0, 1), np.kron([0.5, 0.45, 0.05], [0.3, 0.7, 0.0]))]
    rng = np.random.default_rng(2)
    weights = rng.normal(size=(3, 2, N_SAMPLES))
    weights[1] = 0.5 * weights[0] + 1e-3 * weights[1]  # two sums that share most of their noise
    random = np.random.Generator(np.random.SFC64(1))
    records = draw_shots(answer, groups, ("q", "i"), N_SHOTS, random)
    slow = records.reshape(N_SHOTS, -1).astype(float) @ weights.reshape(3, -1).T
    fast = Weighing(answer, ("q", "i"), weights).draw(groups, N_SHOTS, random)
    assert fast.shape == slow.shape == (N_SHOTS, 3)
    spread = slow.std(axis=0)
    np.testing.assert_allclose(fast.mean(axis=0), slow.mean(axis=0), atol=5 * spread.max() * np.sqrt(2 / N_SHOTS))
    np.testing.assert_allclose(np.cov(fast.T), np.cov(slow.T), atol=0.12 * spread.max() ** 2)
    for column in range(3):
        ours, theirs = np.sort(fast[:, column]), np.sort(slow[:, column])
        distance = np.abs(np.searchsorted(ours, theirs) / N_SHOTS - np.arange(N_SHOTS) / N_SHOTS).max()
        assert distance < 1.95 * np.sqrt(2 / N_SHOTS)  # Kolmogorov-Smirnov at 0.1 %


def test_noise_grows_with_the_bandwidth_and_unwired_inputs_see_only_noise():
    processor = draw_lab("transmon1", 3).processor
    answer = readout(processor)
    answer.window = Window(1e-7, 4 * NOISE_RATE_HZ, N_SAMPLES)
    weights = np.ones((1, 1, N_SAMPLES))
    random = np.random.Generator(np.random.SFC64(1))
    sums = Weighing(answer, ("",), weights).draw([((0,), np.array([1.0, 0.0, 0.0]))], N_SHOTS, random)
    wanted = 2 * processor.noise_v * np.sqrt(N_SAMPLES)
    assert abs(sums.mean()) < 5 * wanted / np.sqrt(N_SHOTS)
    assert abs(sums.std() / wanted - 1) < 0.08
