"""Discrimination of synthetic clouds, and the real signal that averaged IQ is projected to."""

import numpy as np
import pytest
from scipy.special import erfc

from qctl.calibration.readout import discriminate
from qctl.client.populations import project
from qctl.errors import RequestError


def cloud(centre, width, n, seed):
    rng = np.random.default_rng(seed)
    return centre + width * (rng.normal(size=n) + 1j * rng.normal(size=n))


def test_assignment_error_is_that_of_two_gaussians():
    c0, c1, width = 0.01 + 0.02j, -0.015 + 0.03j, 0.006
    found = discriminate(cloud(c0, width, 20000, 1), cloud(c1, width, 20000, 2))
    expected = 0.5 * erfc(abs(c1 - c0) / 2 / width / np.sqrt(2))
    assert abs(1 - found.fidelity - expected) < 0.003
    assert abs(found.center0_v - c0) < 2e-4
    assert np.allclose(found.assignment.sum(axis=0), 1)


def test_relaxed_shots_do_not_pull_the_centre():
    one = np.concatenate([cloud(1.0, 0.1, 900, 3), cloud(0.0, 0.1, 100, 4)])
    found = discriminate(cloud(0.0, 0.1, 1000, 5), one)
    assert abs(found.center1_v - 1) < 0.03
    assert 0.08 < found.assignment[0, 1] < 0.12


def test_population_is_zero_and_one_at_the_centres():
    assert project(np.array([1j, 2 + 1j, 1 + 1j]), 1j, 2 + 1j) == pytest.approx([0, 1, 0.5])


def test_signal_without_second_centre_grows_with_excitation():
    population = np.array([0, 0.1, 0.9, 0.5, 0])
    assert project(0.3 + (0.2 - 0.4j) * population, 0.3) == pytest.approx(abs(0.2 - 0.4j) * population)


def test_too_few_or_broken_shots_are_refused():
    with pytest.raises(RequestError, match="at least 20"):
        discriminate(np.zeros(3), np.zeros(30))
    with pytest.raises(RequestError, match="not finite"):
        discriminate(np.full(30, np.nan), np.zeros(30))
    with pytest.raises(RequestError, match="same"):
        project(np.zeros(3), 1j, 1j)
