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
