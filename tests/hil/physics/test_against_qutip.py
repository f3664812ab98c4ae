"""Single transmons against QuTiP, from the same samples, to 1e-6 in each population."""

import numpy as np
import pytest
import qutip

from qctl.cext import qutrit
from qctl.hil.physics.relaxation import collapse_rates, sample_relaxation

DT_S = 1 / 1.2e9
TWO_PI = 2 * np.pi


def qutip_populations(drive, detuning, anharmonicity, rates, rho0):
    """Integrate the same samples with QuTiP, one exact interval a sample."""
    a = qutip.destroy(3)
    n = a.dag() * a
    down, up, pure = rates
    collapse = [np.sqrt(down) * a, np.sqrt(up) * a.dag(), np.sqrt(2 * pure) * n]
    times = np.arange(drive.size + 1) * DT_S
    held = np.append(drive, drive[-1])
    h = [
        detuning * n + anharmonicity / 2 * n * (n - 1),
        [a.dag() / 2, qutip.coefficient(held, tlist=times, order=0)],
        [a / 2, qutip.coefficient(held.conj(), tlist=times, order=0)],
    ]
    options = {"atol": 1e-10, "rtol": 1e-10, "max_step": DT_S / 2, "nsteps": 10**6}
    return qutip.mesolve(h, qutip.Qobj(rho0), times, c_ops=collapse, options=options).states[-1].full()


@pytest.mark.parametrize("seed", range(20))
def test_random_sampled_drive_agrees_with_qutip(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(24, 120))
    times = np.arange(n) * DT_S
    detuning = TWO_PI * rng.uniform(-4e8, 4e8)
    peak = TWO_PI * rng.uniform(5e6, 6e7)
    if seed % 2:
        drive = peak * (rng.uniform(-1, 1, n) + 1j * rng.uniform(-1, 1, n))
    else:
        envelope = np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2
        drive = peak * envelope * np.exp(-1j * (detuning + TWO_PI * rng.uniform(-5e6, 5e6)) * times)
    anharmonicity = TWO_PI * rng.uniform(-2.4e8, -2e8)
    t1, t2, thermal = rng.uniform(2e-5, 5e-5), rng.uniform(1e-5, 3e-5), 0.005
    rho = np.diag([0.7, 0.25, 0.05]).astype(complex)
    wanted = qutip_populations(drive, detuning, anharmonicity, collapse_rates(t1, t2, thermal), rho)
    states = np.ascontiguousarray(rho[None])
    qutrit.propagate(
        drive,
        np.array([[detuning, 2 * detuning + anharmonicity]]),
        DT_S,
        sample_relaxation(t1, t2, thermal, DT_S),
        states,
    )
    assert np.abs(np.diag(states[0] - wanted)).max() < 1e-6
    assert np.abs(states[0] - wanted).max() < 2e-6
