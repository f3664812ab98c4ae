"""The readout kernels against slow NumPy."""

import numpy as np
import pytest

from qctl.cext import resonator


def slow_field(drive, drive_start_s, dt_s, rate, coupling, time_s):
    """Return the field as a sum over held samples, each answered in closed form."""
    total = 0.0
    for k, value in enumerate(drive):
        start = drive_start_s + k * dt_s
        stop = min(start + dt_s, time_s)
        if stop > start:
            total += coupling * value / rate * (np.exp(-rate * (time_s - stop)) - np.exp(-rate * (time_s - start)))
    return total


def test_response_is_the_sum_over_samples():
    rng = np.random.default_rng(1)
    drive = rng.normal(size=40) + 1j * rng.normal(size=40)
    rate, coupling = 1.2e7 - 4.4e8j, 1.2e7 * np.exp(0.3j)
    out = np.empty(60, complex)
    resonator.respond(drive, 1.3e-8, 1 / 1.2e9, rate, coupling, 0.0, 2e-9, out)
    wanted = [slow_field(drive, 1.3e-8, 1 / 1.2e9, rate, coupling, j * 2e-9) for j in range(60)]
    np.testing.assert_allclose(out, wanted, atol=1e-12)


def test_no_drive_gives_no_field():
    out = np.ones(5, complex)
    resonator.respond(np.zeros(0, complex), 0.0, 1e-9, 1e7, 1e7, 0.0, 1e-9, out)
    assert not out.any()


def test_response_refuses_steps_of_zero():
    with pytest.raises(ValueError, match="above 0"):
        resonator.respond(np.zeros(1, complex), 0.0, 0.0, 1e7, 1e7, 0.0, 1e-9, np.zeros(1, complex))


def test_assembled_shots_are_templates_and_noise():
    rng = np.random.default_rng(2)
    templates = rng.normal(size=(6, 10)).astype(np.float32)
    chosen = rng.integers(0, 6, size=(20, 3), dtype=np.int32)
    noise = rng.normal(size=(20, 10)).astype(np.float32)
    records = noise.copy()
    resonator.assemble(templates, chosen, 0.25, records)
    np.testing.assert_allclose(records, 0.25 * noise + templates[chosen].sum(axis=1), atol=1e-5)


def test_assembly_refuses_what_does_not_fit():
    templates, records = np.zeros((2, 4), np.float32), np.zeros((3, 4), np.float32)
    with pytest.raises(ValueError, match="template 2 of shot 1"):
        resonator.assemble(templates, np.array([[0], [2], [1]], np.int32), 1.0, records)
    with pytest.raises(ValueError, match="don't fit"):
        resonator.assemble(templates, np.zeros((2, 1), np.int32), 1.0, records)


@pytest.mark.parametrize(("n", "n_drive", "n_seen", "n_jumps"), [(1, 1, 1, 1), (2, 40, 60, 7), (3, 40, 5, 30)])
def test_levels_of_many_resonators_answer_as_one_by_one(n, n_drive, n_seen, n_jumps):
    rng = np.random.default_rng(n)
    drive = rng.normal(size=n_drive) + 1j * rng.normal(size=n_drive)
    rates = 1.2e7 + 4e8j * rng.normal(size=(n, 3))
    couplings = 1.2e7 * np.exp(1j * rng.normal(size=n))
    starts, steps = np.tile([0.0, 1.1e-8], (n, 1)), np.tile([2e-9, 1.7e-9], (n, 1))
    seen, jumping = np.empty((n, 3, n_seen), complex), np.empty((n, 3, n_jumps), complex)
    resonator.respond_levels(drive, 1.3e-8, 1 / 1.2e9, rates, couplings, starts, steps, seen, jumping)
    for k, level in np.ndindex(n, 3):
        for out, start, step in ((seen, 0.0, 2e-9), (jumping, 1.1e-8, 1.7e-9)):
            wanted = [
                slow_field(drive, 1.3e-8, 1 / 1.2e9, rates[k, level], couplings[k], start + j * step)
                for j in range(out.shape[2])
            ]
            np.testing.assert_allclose(out[k, level], wanted, atol=1e-12)


def test_levels_without_a_drive_are_silent_and_misfits_are_refused():
    rates, couplings, times = np.full((2, 3), 1e7 + 0j), np.ones(2, complex), np.ones((2, 2))
    seen, jumping = np.ones((2, 3, 4), complex), np.ones((2, 3, 5), complex)
    resonator.respond_levels(np.zeros(0, complex), 0.0, 1e-9, rates, couplings, times, times, seen, jumping)
    assert not seen.any()
    assert not jumping.any()
    drive = np.ones(3, complex)
    with pytest.raises(ValueError, match="couplings 1"):
        resonator.respond_levels(drive, 0.0, 1e-9, rates, couplings[:1], times, times, seen, jumping)
    with pytest.raises(ValueError, match=r"seen \(1, 3, 4\)"):
        resonator.respond_levels(drive, 0.0, 1e-9, rates, couplings, times, times, seen[:1], jumping)
    with pytest.raises(ValueError, match="above 0"):
        resonator.respond_levels(drive, 0.0, 1e-9, rates, couplings, times, 0 * times, seen, jumping)
