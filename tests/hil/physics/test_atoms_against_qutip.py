"""Atom arrays of the virtual lab against QuTiP, whose Hamiltonian is written here anew."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
import qutip

from qctl.hil.physics.atom_drives import Channel, Move, minimum_jerk
from qctl.hil.physics.atom_parameters import AtomArray, Light
from qctl.hil.physics.atom_register import evolved, picture, sample

C6 = 5.42015853e-24
LEVELS = "grh"


def channel(name, amplitude_hz, detuning_hz=0.0, phase=0.0, target=-1):
    """Return a channel from hertz; numbers stand for all times, and `name` says the transition."""
    amplitude = np.asarray(amplitude_hz, float)
    n = len(amplitude)
    full = [np.broadcast_to(np.asarray(x, float), n).copy() for x in (detuning_hz, phase)]
    aim = np.broadcast_to(np.asarray(target, np.int16), n).copy()
    return Channel(name, name.partition("_")[0], 2 * np.pi * amplitude, 2 * np.pi * full[0], full[1], aim)


def operator(n, atom, row, column):
    parts = [qutip.qeye(3)] * n
    parts[atom] = qutip.basis(3, LEVELS.index(row)) * qutip.basis(3, LEVELS.index(column)).dag()
    return qutip.tensor(parts)


def populations(positions_m, channels, n_ns, moves=(), collapse_per_s=0.0):
    """Return the populations of all three-level product states, (3,) * n_atoms, by QuTiP on samples that are held."""
    n = len(positions_m)
    edges = np.arange(n_ns + 1) * 1e-9
    terms = []
    for one in channels:
        for atom in range(n):
            here = (one.target < 0) | (one.target == atom)
            up, low = ("r", "g") if one.transition == "rydberg" else ("g", "h")
            drive = 0.5 * one.amplitude * np.exp(-1j * one.phase) * here
            terms.append((operator(n, atom, low, up), drive))
            terms.append((operator(n, atom, low, up).dag(), drive.conj()))
            terms.append((operator(n, atom, up, up), (-one.detuning * here).astype(complex)))
    times = np.arange(n_ns) * 1e-9 + 0.5e-9
    at = np.repeat(np.asarray(positions_m, float)[None], n_ns, 0)
    for atom, start, end, x, y in moves:
        part = np.clip((times * 1e9 - start) / (end - start), 0, 1)
        later = times * 1e9 > start
        at[later, atom] = at[0, atom] + minimum_jerk(part[later])[:, None] * ((x, y) - at[0, atom])
    for a in range(n):
        for b in range(a):
            both = operator(n, a, "r", "r") * operator(n, b, "r", "r")
            terms.append((both, C6 / (((at[:, a] - at[:, b]) ** 2).sum(1) ** 3).astype(complex)))
    state = qutip.tensor([qutip.basis(3, 0)] * n)
    collapse = [np.sqrt(collapse_per_s) * operator(n, a, "g", "r") for a in range(n)] if collapse_per_s else []
    # A solver of ordinary equations doesn't see steps; one that is told of each stretch between them does.
    whole = [[op, np.append(values, values[-1])] for op, values in terms if np.abs(values).max() > 0]
    total = qutip.QobjEvo(whole, tlist=edges, order=0)
    options = {"atol": 1e-10, "rtol": 1e-8, "max_step": 1e-9, "nsteps": 10**6}
    if collapse:
        found = qutip.mesolve(total, state, edges[[0, -1]], c_ops=collapse, options=options).states[-1]
        return found.diag().real.reshape((3,) * n)
    found = qutip.sesolve(total, state, edges[[0, -1]], options=options).states[-1]
    return np.abs(found.full().reshape((3,) * n)) ** 2


def ours(array, positions_m, channels, moves=()):
    """Return the same populations of the virtual lab's clusters."""
    n = len(positions_m)
    parts = evolved(array, np.asarray(positions_m, float), channels, moves)
    whole, order = np.ones(()), []
    for one in parts:
        names = one.cluster.names
        shape = tuple(len(name) for name in reversed(names))
        full = np.zeros((3,) * len(names))
        index = np.ix_(*[[LEVELS.index(letter) for letter in name] for name in reversed(names)])
        full[index] = one.still.reshape(shape)
        whole = np.multiply.outer(whole, full)
        order += list(reversed(one.cluster.atoms.tolist()))
    return np.transpose(whole, [order.index(a) for a in range(n)])


def smooth(n):
    return np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2


@pytest.mark.parametrize("apart_m", [5e-6, 8e-6, 30e-6])
def test_pair_is_blockaded_as_far_as_its_distance_says(apart_m):
    channels = [channel("rydberg_global", 1e6 * np.ones(700), 2e5, np.repeat([0.0, 0.7], 350))]
    positions = [(0, 0), (apart_m, 0)]
    wanted = populations(positions, channels, 700)
    np.testing.assert_allclose(ours(AtomArray(C6), positions, channels), wanted, rtol=0, atol=1e-5)
    assert (wanted[1, 1] < 1e-3) == (apart_m < 8e-6)


def test_far_atoms_are_clusters_of_their_own():
    channels = [channel("rydberg_global", 1e6 * np.ones(400))]
    positions = np.array([(0, 0), (5e-6, 0), (200e-6, 0)])
    found = evolved(AtomArray(C6), positions, channels)
    assert [one.cluster.atoms.tolist() for one in found] == [[0, 1], [2]]


def test_three_levels_and_local_beams():
    """Raman pulses put atom 0 into a superposition; only its ground part is excited, and keeps atom 1 from it."""
    n = 900
    raman = np.zeros(n)
    raman[:200] = 1.25e6
    local = np.zeros(n)
    local[250:550], local[600:800] = 2e6, 1.5e6
    target = np.where(np.arange(n) < 575, 0, 1)
    channels = [
        channel("raman_local", raman, 1e5, 0.3, 0),
        channel("rydberg_local", local, 2e5, 1.1, target),
        channel("rydberg_global", 3e5 * smooth(n), -4e5),
    ]
    positions = [(0, 0), (0, 5.5e-6)]
    wanted = populations(positions, channels, n)
    np.testing.assert_allclose(ours(AtomArray(C6), positions, channels), wanted, rtol=0, atol=2e-5)


def test_chain_is_swept_into_its_ordered_state():
    n, n_atoms = 1500, 5
    positions = [(6e-6 * k, 0) for k in range(n_atoms)]
    channels = [channel("rydberg_global", 2e6 * smooth(n), np.linspace(-6e6, 6e6, n))]
    wanted = populations(positions, channels, n)
    found = ours(AtomArray(C6), positions, channels)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-5)
    assert found[1, 0, 1, 0, 1] > 0.5


def test_moved_pair_blockades():
    n = 3000
    amplitude = np.zeros(n)
    amplitude[2200:2900] = 1e6
    channels = [channel("rydberg_global", amplitude)]
    positions, move = [(0, 0), (20e-6, 0)], Move(1, 100, 2100, 5e-6, 1e-6)
    apart, moved = (ours(AtomArray(C6), positions, channels, moves) for moves in ([], [move]))
    np.testing.assert_allclose(moved, populations(positions, channels, n, [move]), rtol=0, atol=1e-4)
    assert moved[1, 1] < 1e-2 < apart[1, 1]


def test_decay_is_what_a_master_equation_says():
    n, lifetime_s = 1200, 4e-6
    channels = [channel("rydberg_global", 1e6 * np.ones(n), 2e5)]
    positions = [(0, 0), (7e-6, 0)]
    wanted = populations(positions, channels, n, collapse_per_s=1 / lifetime_s)
    n_shots = 40_000
    random = np.random.default_rng(5)
    array = AtomArray(C6, lifetime_s)
    levels = np.concatenate(
        [sample(evolved(array, np.array(positions), channels), n_shots // 20, random) for _ in range(20)]
    )
    found = np.zeros((3, 3))
    np.add.at(found, tuple(np.vectorize(lambda c: LEVELS.index(chr(c)))(levels).T), 1 / n_shots)
    # 64 trajectories in each of 20 draws carry a quarter of the shots: five sigma of 1,280 are 0.07 of that.
    assert np.abs(found - wanted).max() < 0.02


def test_light_of_a_waist_reaches_neighbours_and_a_modulator_rounds_edges():
    light = {"rydberg_local": Light(rabi_scale=0.9, detuning_hz=1e5, waist_m=4e-6, bandwidth_hz=5e6)}
    amplitude = np.zeros(800)
    amplitude[200:600] = 1e6
    channels = [channel("rydberg_local", amplitude, 0.0, 0.0, 0)]
    positions = [(0, 0), (5e-6, 0)]
    padded = np.concatenate([np.zeros(400), amplitude, np.zeros(400)])
    left = 0.5 ** ((np.fft.fftfreq(1600, 1e-9) / 5e6) ** 2)
    shaped = np.fft.ifft(np.fft.fft(padded) * left).real[400:1200]
    own = channel("rydberg_local", 0.9 * shaped, 1e5, 0.0, 0)
    leaked = channel("rydberg_local", 0.9 * np.exp(-25 / 16) * shaped, 1e5, 0.0, 1)
    wanted = populations(positions, [own, leaked], 800)
    np.testing.assert_allclose(ours(AtomArray(C6, light=light), positions, channels), wanted, rtol=0, atol=1e-3)


def test_picture_loses_and_recaptures_atoms():
    levels = np.frombuffer(b"grh", np.uint8) * np.ones((100_000, 1), np.uint8)
    array = AtomArray(C6, lost=0.02, recaptured=0.1)
    random = np.random.default_rng(1)
    for push_out, wanted in ((False, [0.98, 0.1, 0.98]), (True, [0.98, 0.1, 0.0])):
        seen = picture(array, levels, push_out, random) > 300
        np.testing.assert_allclose(seen.mean(0), wanted, atol=5e-3)
    assert reduce(max, picture(array, levels, False, random).max(0)) < 1000
