"""Clusters of a large joint state, whose relaxation is split off in long steps; the judge is QuTiP."""

from __future__ import annotations

import numpy as np
import pytest
import qutip

from qctl.hil.labs.draw import draw_lab
from qctl.hil.physics.cluster import ClusterWindow, StepCache, cluster_couplings, propagate_cluster, resting_basis

pytestmark = pytest.mark.full

DT_S, N_SAMPLES = 1 / 1.2e9, 56
TRUTH = draw_lab("transmon5", 4).processor
MEMBERS = (0, 1, 2)


def window_of(random):
    """Return a window in which the first transmon comes down to 11 and 02 of its neighbour, and another is driven."""
    transmons = tuple(TRUTH.transmons[q] for q in MEMBERS)
    inside = [k for k, c in enumerate(TRUTH.couplers) if c.low in MEMBERS and c.high in MEMBERS]
    exchange, kerr = cluster_couplings(TRUTH, MEMBERS, inside)
    offset_hz = np.array([t.frequency_hz for t in transmons]) - 5.1e9
    curves_hz = np.array([t.anharmonicity_hz for t in transmons])
    rest = 2 * np.pi * np.stack([offset_hz, 2 * offset_hz + curves_hz], axis=1)
    levels = np.tile(rest, (N_SAMPLES, 1, 1))
    down_hz = offset_hz[1] - curves_hz[0] - offset_hz[0] + random.uniform(-2e6, 2e6)
    rise = np.minimum(1.0, np.minimum(np.arange(1, N_SAMPLES + 1), np.arange(N_SAMPLES, 0, -1)) / 5)
    levels[:, 0] += 2 * np.pi * down_hz * rise[:, None] * [1.0, 2.0]
    drives = np.zeros((N_SAMPLES, 3), complex)
    drives[10:34, 2] = 2 * np.pi * 1.5e7 * np.exp(2j * np.pi * offset_hz[2] * DT_S * np.arange(24)).conj()
    return ClusterWindow(transmons, levels, rest, drives, exchange, kerr, DT_S)


def judged(window, rho):
    """Return QuTiP's density matrix after the window, of the cluster and one transmon that stands still beside it."""
    dims = [3] * 4
    places = [qutip.tensor(*(qutip.destroy(3) if k == q else qutip.qeye(3) for k in range(4))) for q in range(4)]
    tops = [qutip.tensor(*(qutip.fock_dm(3, level) if k == q else qutip.qeye(3) for k in range(4)))
            for q in range(3) for level in (1, 2)]  # fmt: skip
    h0 = 0 * places[0]
    for a in range(3):
        for b in range(a):
            hop = places[a].dag() * places[b]
            h0 += window.exchange[a, b] * (hop + hop.dag())
            h0 += window.kerr[a, b] * places[a].dag() * places[a] * places[b].dag() * places[b]
    jumps = []
    for q, t in enumerate(window.transmons):
        down = 1 / t.t1_s / (1 + t.thermal)
        up = t.thermal * down
        pure = 2 * (1 / t.t2_s - (down + 3 * up) / 2)
        jumps += [np.sqrt(down) * places[q], np.sqrt(up) * places[q].dag()]
        jumps.append(np.sqrt(pure) * places[q].dag() * places[q])
    state = qutip.Qobj(rho, dims=[dims, dims])
    options = {"atol": 1e-9, "rtol": 1e-8, "nsteps": 10**6}
    for levels, drives in zip(window.levels, window.drives, strict=True):
        h = h0 + sum((float(w) * top for w, top in zip(levels.ravel(), tops, strict=True)), 0 * h0)
        for q, omega in enumerate(drives.tolist()):
            if omega:
                h += (omega * places[q].dag() + np.conj(omega) * places[q]) / 2
        state = qutip.mesolve(h, state, [0, window.dt_s], c_ops=jumps, options=options).states[-1]
    return state.full()


def test_large_state_agrees_with_qutip_to_1e_4_in_each_element():
    random = np.random.default_rng(5)
    window = window_of(random)
    vectors = random.standard_normal((81, 3)) + 1j * random.standard_normal((81, 3))
    rho = vectors @ vectors.conj().T
    rho /= rho.trace()
    basis = np.kron(resting_basis(window.rest, window.exchange, window.kerr), np.eye(3))
    wanted = basis.T @ judged(window, basis @ rho @ basis.T) @ basis
    found = rho.copy()
    propagate_cluster(StepCache(), window, found)
    moved = np.abs(found - rho).max()
    assert moved > 0.01 and np.abs(found - wanted).max() < 1e-4, (moved, np.abs(found - wanted).max())
