"""The mean of many readouts against slow NumPy."""

import numpy as np
import pytest

from qctl.cext import paths

JUMPS = ((1, 0), (2, 1), (0, 1))


def scene(n, n_bins, n_samples, seed=0):
    rng = np.random.default_rng(seed)

    def noise(*shape):
        return rng.normal(size=shape) + 1j * rng.normal(size=shape)

    jumps = np.sort(rng.uniform(-2e-7, 1.3e-6, size=(n, n_bins)), axis=1)
    counts = rng.integers(0, 5, size=(n, 3 + 3 * n_bins)).astype(float)
    rates = 1e7 + 1e8j * rng.normal(size=(n, 3))
    return noise(n, 3, n_samples), counts, noise(n, 3, n_bins), jumps, rates


def slow_sum(base, counts, fields, jumps, rates, start_s, step_s):
    """Return the sum over every path by itself."""
    n, _, n_samples = base.shape
    n_bins = jumps.shape[1]
    times = start_s + step_s * np.arange(n_samples)
    total = np.zeros(n_samples, complex)
    for q in range(n):
        total += counts[q, :3] @ base[q]
        for kind, (before, after) in enumerate(JUMPS):
            for k in range(n_bins):
                late = times > jumps[q, k]
                answer = base[q, before].copy()
                gap = fields[q, before, k] - fields[q, after, k]
                answer[late] = base[q, after][late] + gap * np.exp(-rates[q, after] * (times[late] - jumps[q, k]))
                total += counts[q, 3 + kind * n_bins + k] * answer
    return total


@pytest.mark.parametrize(("n", "n_bins", "n_samples"), [(1, 1, 1), (1, 4, 50), (3, 32, 500), (2, 3, 2)])
def test_sum_is_that_of_every_path(n, n_bins, n_samples):
    base, counts, fields, jumps, rates = scene(n, n_bins, n_samples)
    out = np.full(n_samples, 1 + 2j)
    paths.add_answers(base, counts, fields, jumps, rates, 1e-7, 2e-9, out)
    wanted = 1 + 2j + slow_sum(base, counts, fields, jumps, rates, 1e-7, 2e-9)
    np.testing.assert_allclose(out, wanted, atol=1e-9)


def test_no_samples_and_no_resonators_change_nothing():
    base, counts, fields, jumps, rates = scene(2, 4, 0)
    paths.add_answers(base, counts, fields, jumps, rates, 0.0, 1e-9, np.empty(0, complex))
    base, counts, fields, jumps, rates = scene(0, 4, 5)
    out = np.ones(5, complex)
    paths.add_answers(base, counts, fields, jumps, rates, 0.0, 1e-9, out)
    np.testing.assert_array_equal(out, 1)


def test_shapes_that_do_not_fit_are_refused():
    base, counts, fields, jumps, rates = scene(2, 4, 5)
    out = np.zeros(5, complex)
    with pytest.raises(ValueError, match="out 4"):
        paths.add_answers(base, counts, fields, jumps, rates, 0.0, 1e-9, out[:4])
    with pytest.raises(ValueError, match=r"rates \(1, 3\)"):
        paths.add_answers(base, counts, fields, jumps, rates[:1], 0.0, 1e-9, out)
    with pytest.raises(ValueError, match=r"counts \(2, 14\)"):
        paths.add_answers(base, counts[:, :14].copy(), fields, jumps, rates, 0.0, 1e-9, out)
    with pytest.raises(ValueError, match=r"fields \(2, 2, 4\)"):
        paths.add_answers(base, counts, fields[:, :2].copy(), jumps, rates, 0.0, 1e-9, out)
