"""Sampled drives on all lines at once, through the plant's own way from voltages to populations, against QuTiP.

Crosstalk, three levels, T1, T2 and thermal excitation, silence between bursts and after them: what `Evolution` makes of
`Lines` has to be what QuTiP finds for each transmon from the voltages, to 1e-6 in each population.
"""

import numpy as np
import pytest
import qutip

from qctl.hil.labs.draw import LO_DRIVE_HZ, draw_lab
from qctl.hil.physics.evolution import Evolution
from qctl.hil.physics.lines import Lines, Run, find_runs
from qctl.hil.physics.parameters import Coupler, Processor, tuned_frequency_hz

RATE_HZ = 1.2e9
TWO_PI = 2 * np.pi


def solved(transmon, omega, static_v=0.0):
    """Return QuTiP's populations of one transmon under Omega, sample by sample, in rad/s in the frame of the LO."""
    a = qutip.destroy(3)
    n = a.dag() * a
    # From the definitions: T1 at a temperature with p1 / p0 = thermal, and pure dephasing that makes up T2.
    total = 1 / transmon.t1_s
    down, up = total / (1 + transmon.thermal), total * transmon.thermal / (1 + transmon.thermal)
    out_of_01 = (down + up + 2 * up) / 2  # level 1 also leaks up to level 2, twice as fast
    pure = 1 / transmon.t2_s - out_of_01
    collapse = [np.sqrt(down) * a, np.sqrt(up) * a.dag(), np.sqrt(2 * pure) * n]
    times = np.arange(omega.size + 1) / RATE_HZ
    held = np.append(omega, omega[-1])
    away = TWO_PI * (float(tuned_frequency_hz(transmon, 0.0, static_v)) - LO_DRIVE_HZ)
    h = [
        away * n + TWO_PI * transmon.anharmonicity_hz / 2 * n * (n - 1),
        [a.dag() / 2, qutip.coefficient(held, tlist=times, order=0)],
        [a / 2, qutip.coefficient(held.conj(), tlist=times, order=0)],
    ]
    weights = transmon.thermal ** np.arange(3)
    start = qutip.Qobj(np.diag(weights / weights.sum()))
    options = {"atol": 1e-10, "rtol": 1e-10, "max_step": 0.5 / RATE_HZ, "nsteps": 10**6}
    return np.diag(qutip.mesolve(h, start, times, c_ops=collapse, options=options).states[-1].full()).real


def drive(rng, transmon, n):
    """Return the voltages of a line: noise or shaped pulses near resonance, in bursts with silence between."""
    volts = np.zeros(n, complex)
    for start in (rng.integers(0, 20), rng.integers(70, 90)):
        size = int(rng.integers(24, 50))
        k = np.arange(size)
        if rng.random() < 0.5:
            burst = 0.2 * (rng.uniform(-1, 1, size) + 1j * rng.uniform(-1, 1, size))
        else:
            offset_hz = transmon.frequency_hz - LO_DRIVE_HZ + rng.uniform(-5e6, 5e6)
            burst = 0.3 * np.sin(np.pi * (k + 0.5) / size) ** 2 * np.exp(2j * np.pi * offset_hz * (start + k) / RATE_HZ)
        volts[start : start + size] = burst * np.exp(2j * np.pi * rng.random())
    return volts


@pytest.mark.parametrize("seed", range(20))
def test_random_drives_with_crosstalk_agree_with_qutip_to_1e_6(seed):
    rng = np.random.default_rng([seed, 7])
    truth = draw_lab("transmon2", seed).processor
    transmons = truth.transmons
    still = tuple(Coupler(c.low, c.high, 0.0, 0.0) for c in truth.couplers)
    turns = 0.05 * np.exp(2j * np.pi * rng.random(2))  # five times the built-in labs' crosstalk
    rows = (((1.0, 0.0), (turns[0].real, turns[0].imag)), ((turns[1].real, turns[1].imag), (1.0, 0.0)))
    processor = Processor(transmons, still, rows, truth.noise_v)
    n = 140
    volts = [drive(rng, transmon, n) for transmon in transmons]
    static = tuple(rng.uniform(-0.01, 0.01, 2))
    lines = Lines(
        RATE_HZ,
        tuple(tuple(Run(a, v[a:b]) for a, b in find_runs(v != 0)) for v in volts),
        (LO_DRIVE_HZ,) * 2,
        ((), ()),
        static,
        (),
        7.07e9,
    )
    state = Evolution(processor).run(lines, np.full(2, n / RATE_HZ))
    arrived = processor.crosstalk_matrix() @ np.array(volts)
    for qubits, populations in state.populations():
        cube = populations.reshape((3,) * len(qubits))
        for place, q in enumerate(qubits):
            found = cube.sum(axis=tuple(axis for axis in range(len(qubits)) if axis != place))
            omega = TWO_PI * transmons[q].drive_hz_per_v * np.conj(arrived[q])
            wanted = solved(transmons[q], omega, static[q])
            assert np.abs(found - wanted).max() < 1e-6, f"{transmons[q].name}: {found} and not {wanted}"
