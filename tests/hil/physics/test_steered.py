"""Shots in parts: cut anywhere they evolve as in one go, and a measurement leaves what it found."""

from __future__ import annotations

import numpy as np
import pytest

from qctl.hil.physics.evolution import Evolution
from qctl.hil.physics.lines import Lines, Run
from qctl.hil.physics.parameters import Coupler, Processor, Resonator, Transmon

RATE_HZ, LO_HZ, N = 1.2e9, 5.1e9, 2400


def pair():
    """Return two transmons, 250 MHz apart, with a lifetime of 30 us."""
    resonator = Resonator((7.0e9, 6.997e9, 6.9945e9), 4e6, 0.4, 0.0)
    common = (-2.2e8, 3e-5, 2e-5, 0.004, 183e6, 0.65, 0.65, 0.003, 0.2, resonator)
    transmons = (Transmon("q0", 5.0e9, *common), Transmon("q1", 5.25e9, *common))
    crosstalk = tuple(tuple((1.0 if a == b else 0.0, 0.0) for b in range(2)) for a in range(2))
    return Processor(transmons, (Coupler(0, 1, 4e6, 0.0),), crosstalk, 0.06)


def lines(cut=None):
    """Return what two drive lines play: all of it, or what begins before or behind a sample."""
    t = np.arange(60)
    shape = 0.1 * np.exp(-(((t - 30) / 12) ** 2))

    def kept(runs):
        return tuple(r for r in runs if cut is None or (r.start < cut[1] and r.start >= cut[0]))

    drive = []
    for starts, away_hz in (((0, 300, 1500), -100e6), ((100, 900), 150e6)):
        turn = [np.exp(2j * np.pi * away_hz * (start + t) / RATE_HZ) for start in starts]
        drive.append(kept(tuple(Run(start, shape * one) for start, one in zip(starts, turn, strict=True))))
    return Lines(RATE_HZ, tuple(drive), (LO_HZ, LO_HZ), ((), ()), (0.0, 0.0), (), 7e9)


def joint(state):
    """Return the populations of both transmons together, the first slowest."""
    state.merge((0, 1))
    rho = state.bring_forward((0, 1))
    return rho.diagonal().real


@pytest.mark.parametrize("cut", [240, 1200])
def test_a_shot_in_two_parts_ends_as_in_one(cut):
    evolution = Evolution(pair())
    stop = np.full(2, N / RATE_HZ)
    start = (evolution.at_rest, 0.0)
    whole = joint(evolution.run(lines(), stop, True, start))
    first = evolution.run(lines((0, cut)), np.full(2, cut / RATE_HZ), True, start)
    second = joint(evolution.run(lines((cut, N)), stop, True, (first, cut / RATE_HZ)))
    np.testing.assert_allclose(second, whole, atol=3e-4)


def test_a_measured_transmon_is_left_in_its_level_and_its_partner_in_what_that_means():
    evolution = Evolution(pair())
    state = evolution.run(lines(), np.full(2, N / RATE_HZ), True, (evolution.at_rest, 0.0))
    table = joint(state).reshape(3, 3)
    for found, left in ((0, 0), (1, 0), (1, 1)):
        after = state.projected({0: found}, {0: left})
        np.testing.assert_allclose(after.marginal(0), np.eye(3)[left], atol=1e-12)
        np.testing.assert_allclose(after.marginal(1), table[found] / table[found].sum(), atol=1e-9)
        later = evolution.run(lines((N, N)), np.full(2, 2 * N / RATE_HZ), True, (after, N / RATE_HZ))
        fell = later.marginal(0)
        if left == 1:
            assert fell[1] == pytest.approx(np.exp(-N / RATE_HZ / 3e-5), abs=5e-3)
